//! A program that takes the place of another while events come in.

use super::*;

fn version(version: &str) -> Config {
    let mut config = Config {
        concurrency: 1,
        ..probe(&[])
    };
    config.environment.insert("VERSION".into(), version.into());
    config
}

/// An event that has begun on the only process and waits for a file.
struct Slow<'a> {
    call: std::pin::Pin<Box<dyn Future<Output = Result<String, InvokeError>> + 'a>>,
    go: PathBuf,
    _folder: TempDir,
}

async fn slow(probe: &Probe) -> Slow<'_> {
    let folder = TempDir::new().expect("a folder");
    let (begun, begun_name) = file(&folder, "begun");
    let (go, go_name) = file(&folder, "go");
    let commands = format!("touch {begun_name}\nwait {go_name}\nenv VERSION");
    let mut call: std::pin::Pin<Box<dyn Future<Output = _>>> =
        Box::pin(async move { probe.invoke(&commands).await });
    tokio::select! {
        _ = &mut call => panic!("it waits"),
        () = eventually("the event has begun", || begun.exists()) => {}
    }
    Slow {
        call,
        go,
        _folder: folder,
    }
}

#[tokio::test]
async fn new_events_go_to_the_new_program_and_the_old_one_ends() {
    let mut probe = Probe::start(version("1")).await;
    let old = probe.pid().await;
    assert_eq!(probe.answer("env VERSION").await, "1");
    let replaced = probe.function.replace(version("2")).await;
    replaced.expect("a program that starts");
    assert_eq!(probe.answer("print hello\nenv VERSION").await, "2");
    assert_eq!(probe.line("hello").await.environment, 2);
    eventually("the old process is gone", || group(old).is_empty()).await;
}

#[tokio::test]
async fn an_event_in_hand_ends_on_the_old_program() {
    let probe = Probe::start(version("1")).await;
    let old = probe.pid().await;
    let slow = slow(&probe).await;
    let replaced = probe.function.replace(version("2")).await;
    replaced.expect("a program that starts");
    assert_eq!(probe.answer("env VERSION").await, "2");
    assert!(!group(old).is_empty(), "it works on its event");
    std::fs::write(&slow.go, "").expect("a file");
    assert_eq!(slow.call.await.expect("a response"), "1");
    eventually("the old process is gone", || group(old).is_empty()).await;
}

#[tokio::test]
async fn an_event_that_waits_goes_to_the_new_program() {
    let probe = Probe::start(version("1")).await;
    let slow = slow(&probe).await;
    let waiting = probe.answer("env VERSION");
    let replaced = async {
        probe.function.replace(version("2")).await.expect("a start");
    };
    let (waited, ()) = tokio::join!(biased; waiting, replaced);
    assert_eq!(waited, "2");
    drop(slow);
}

#[tokio::test]
async fn an_old_event_has_no_more_than_its_time() {
    let probe = Probe::start(Config {
        timeout: Duration::from_secs(2),
        ..version("1")
    })
    .await;
    let old = probe.pid().await;
    let slow = slow(&probe).await;
    let replaced = probe.function.replace(version("2")).await;
    replaced.expect("a program that starts");
    let late = slow.call.await.expect_err("no response");
    assert!(matches!(late, InvokeError::TimedOut { .. }), "{late}");
    eventually("the old process is gone", || group(old).is_empty()).await;
}

#[tokio::test]
async fn a_program_that_does_not_start_replaces_nothing() {
    let probe = Probe::start(version("1")).await;
    let pid = probe.pid().await;
    let failed = probe.function.replace(super::probe(&["exit"])).await;
    let failed = failed.expect_err("it does not start").to_string();
    assert!(failed.contains("the table is missing"), "{failed}");
    assert_eq!(probe.pid().await, pid);
}

#[tokio::test]
async fn a_frozen_program_is_replaced_and_the_new_one_freezes_too() {
    let probe = Probe::start(Config {
        freeze: Some(FREEZE_AFTER),
        ..version("1")
    })
    .await;
    let old = probe.pid().await;
    eventually("it is stopped", || is_frozen(old)).await;
    let replaced = probe.function.replace(version("2")).await;
    replaced.expect("a program that starts");
    eventually("the old process is gone", || group(old).is_empty()).await;
    let new = probe.pid().await;
    eventually("the new one is stopped", || is_frozen(new)).await;
}

#[tokio::test]
async fn whoever_gives_up_on_a_replacement_or_stops_meanwhile_leaves_nothing() {
    let folder = TempDir::new().expect("a folder");
    let (mark, mark_name) = file(&folder, "pid");
    let script = format!("echo $$ > {mark_name}.new; mv {mark_name}.new {mark_name}; sleep 1000");
    let mut hanging = Config {
        init_timeout: LONG,
        ..Config::new(
            "sh",
            Program {
                program: "sh".into(),
                args: vec!["-c".into(), script.into()],
                current_dir: None,
            },
        )
    };
    let path = ("PATH".to_owned(), "/usr/bin:/bin".to_owned());
    hanging.environment.extend([path]);
    let started = async || {
        eventually("it is being started", || mark.exists()).await;
        let pid = std::fs::read_to_string(&mark).expect("a pid");
        std::fs::remove_file(&mark).expect("a file");
        pid.trim().parse::<i32>().expect("a number")
    };

    let probe = Probe::start(version("1")).await;
    let pid = tokio::select! {
        _ = probe.function.replace(hanging.clone()) => panic!("it hangs"),
        pid = started() => pid,
    };
    eventually("it is gone", || group(pid).is_empty()).await;
    assert_eq!(probe.answer("env VERSION").await, "1");

    let stop = async {
        let pid = started().await;
        probe.function.stop().await;
        pid
    };
    let (replaced, pid) = tokio::join!(probe.function.replace(hanging.clone()), stop);
    assert!(matches!(replaced, Err(StartError::Stopped)), "{replaced:?}");
    eventually("it is gone", || group(pid).is_empty()).await;
    let again = probe.function.replace(hanging).await;
    assert!(matches!(again, Err(StartError::Stopped)), "{again:?}");
}
