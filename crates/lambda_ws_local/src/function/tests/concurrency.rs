//! Several events at once in one process.

use super::*;
use crate::faults::Faults;

/// One process with so many events at once.
fn concurrent(events: usize) -> Config {
    Config {
        concurrency: 1,
        process_concurrency: events,
        ..probe(&[])
    }
}

#[tokio::test]
async fn a_process_has_several_events_at_once_and_not_more() {
    let probe = Probe::start(concurrent(3)).await;
    let folder = TempDir::new().expect("a folder");
    let (_, release) = file(&folder, "release");
    let held: Vec<_> = ["a", "b", "c", "d"]
        .into_iter()
        .map(|name| {
            let (begun, text) = file(&folder, name);
            (begun, format!("touch {text}\nwait {release}\npid"))
        })
        .collect();
    let events = held.iter().map(|(_, commands)| probe.answer(commands));
    let all = futures_util::future::join_all(events);
    let look = async {
        let begun = || held.iter().filter(|(file, _)| file.exists()).count();
        eventually("three events run", || begun() == 3).await;
        // The fourth waits for its turn.
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(begun(), 3);
        std::fs::write(&release, "").expect("a file");
    };
    let (pids, ()) = tokio::join!(all, look);
    assert_eq!(pids, vec![pids[0].clone(); 4]);
}

#[tokio::test]
async fn the_process_learns_how_many_events_it_may_have() {
    let probe = Probe::start(concurrent(7)).await;
    assert_eq!(probe.answer("env AWS_LAMBDA_MAX_CONCURRENCY").await, "7");
    let probe = Probe::start(concurrent(1)).await;
    assert_eq!(probe.answer("env AWS_LAMBDA_MAX_CONCURRENCY").await, "");
}

#[tokio::test]
async fn a_process_that_dies_fails_all_its_events() {
    let probe = Probe::start(concurrent(3)).await;
    let folder = TempDir::new().expect("a folder");
    let (begun, text) = file(&folder, "begun");
    let waits = format!("touch {text}\nwait /nowhere");
    let dies = async {
        eventually("the first event runs", || begun.exists()).await;
        probe.invoke("exit 3").await
    };
    let (first, second) = tokio::join!(probe.invoke(&waits), dies);
    for error in [first, second] {
        let error = error.expect_err("an error").to_string();
        assert_eq!(
            error,
            "the function's process ended before it responded (exit status: 3)"
        );
    }
    probe.pid().await;
}

#[tokio::test]
async fn an_event_that_takes_too_long_ends_the_process_and_names_itself() {
    let config = Config {
        timeout: Duration::from_secs(2),
        ..concurrent(2)
    };
    let probe = Probe::start(config).await;
    let late = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        probe.invoke("wait /nowhere").await
    };
    let (first, second) = tokio::join!(probe.invoke("wait /nowhere"), late);
    assert!(
        matches!(first, Err(InvokeError::TimedOut { .. })),
        "{first:?}"
    );
    assert!(
        matches!(second, Err(InvokeError::Crashed { .. })),
        "{second:?}"
    );
}

#[tokio::test]
async fn crashes_on_purpose_fail_events_and_others_go_on() {
    let faults = Faults::new("crash=30%".parse().expect("a plan"), 7);
    let config = Config {
        faults: faults.clone(),
        ..concurrent(4)
    };
    let probe = Probe::start(config).await;
    let events = (0..40).map(|_| probe.invoke("pid"));
    let answers = futures_util::future::join_all(events).await;
    let (good, bad): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert!(!good.is_empty() && !bad.is_empty(), "{good:?} {bad:?}");
    for error in bad {
        assert!(
            matches!(error, Err(InvokeError::Crashed { .. })),
            "{error:?}"
        );
    }
    faults.change("off").expect("a plan");
    probe.pid().await;
}

#[tokio::test]
async fn a_line_belongs_to_an_event_only_if_it_runs_alone() {
    let mut probe = Probe::start(concurrent(2)).await;
    let folder = TempDir::new().expect("a folder");
    let ((begun, text), (_, release)) = (file(&folder, "begun"), file(&folder, "release"));
    let held = format!("touch {text}\nwait {release}\nprint alone");
    let function = &probe.function;
    let first = function.invoke(held.into(), "r-1");
    let second = async {
        eventually("the first event runs", || begun.exists()).await;
        let answer = function.invoke("print together".into(), "r-2").await;
        // The first one is alone now.
        std::fs::write(&release, "").expect("a file");
        answer
    };
    let (first, second) = tokio::join!(first, second);
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(probe.line("together").await.request_id, None);
    let alone = probe.line("alone").await;
    assert_eq!(alone.request_id.as_deref(), Some("r-1"));
}

#[tokio::test]
async fn a_replaced_process_ends_after_the_last_of_its_events() {
    let probe = Probe::start(concurrent(2)).await;
    let folder = TempDir::new().expect("a folder");
    let ((begun, text), (_, release)) = (file(&folder, "begun"), file(&folder, "release"));
    let held = format!("touch {text}\nwait {release}\npid");
    let replaced = async {
        eventually("the event runs", || begun.exists()).await;
        probe
            .function
            .replace(concurrent(2))
            .await
            .expect("a program");
        let next = probe.pid().await;
        std::fs::write(&release, "").expect("a file");
        next
    };
    let (old, next) = tokio::join!(probe.answer(&held), replaced);
    assert_ne!(old, next.to_string());
    let old = old.parse().expect("a number");
    eventually("the old process is gone", || group(old).is_empty()).await;
}
