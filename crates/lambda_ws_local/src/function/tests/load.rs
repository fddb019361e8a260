//! Events that wait, and for whom.

use super::*;

#[tokio::test]
async fn a_caller_that_goes_away_does_not_stop_the_event() {
    let folder = TempDir::new().expect("a folder");
    let (begun, begun_name) = file(&folder, "begun");
    let (ended, ended_name) = file(&folder, "ended");
    let (go, go_name) = file(&folder, "go");
    let probe = Probe::start(single()).await;
    {
        let commands = format!("touch {begun_name}\nwait {go_name}\ntouch {ended_name}\necho late");
        let call = probe.invoke(&commands);
        tokio::pin!(call);
        tokio::select! {
            _ = &mut call => panic!("it waits"),
            () = eventually("the event has begun", || begun.exists()) => {}
        }
    }
    std::fs::write(go, "").expect("a file");
    eventually("the event ends", || ended.exists()).await;
    assert_eq!(probe.answer("echo mine").await, "mine");
}

#[tokio::test]
async fn a_caller_that_goes_away_early_takes_its_event_along() {
    let folder = TempDir::new().expect("a folder");
    let (begun, begun_name) = file(&folder, "begun");
    let (never, never_name) = file(&folder, "never");
    let (go, go_name) = file(&folder, "go");
    let probe = Probe::start(single()).await;
    let commands = format!("touch {begun_name}\nwait {go_name}");
    let slow = probe.invoke(&commands);
    tokio::pin!(slow);
    tokio::select! {
        _ = &mut slow => panic!("it waits"),
        () = eventually("the event has begun", || begun.exists()) => {}
    }
    let commands = format!("touch {never_name}");
    tokio::select! {
        biased;
        _ = probe.invoke(&commands) => panic!("it waits"),
        () = std::future::ready(()) => {}
    }
    std::fs::write(go, "").expect("a file");
    slow.await.expect("a response");
    probe.answer("echo").await;
    assert!(!never.exists());
}

#[tokio::test]
async fn more_processes_work_under_load_and_no_more_than_allowed() {
    let folder = TempDir::new().expect("a folder");
    let (go, go_name) = file(&folder, "go");
    let probe = Probe::start(Config {
        concurrency: 3,
        ..probe(&[])
    })
    .await;
    let commands: Vec<String> = (0..9)
        .map(|n| format!("touch {}/{n}\nwait {go_name}\npid", folder.path().display()))
        .collect();
    let calls =
        futures_util::future::join_all(commands.iter().map(|commands| probe.invoke(commands)));
    tokio::pin!(calls);
    let has_begun = |n: &i32| folder.path().join(n.to_string()).exists();
    let begun = || (0..9).filter(has_begun).count();
    tokio::select! {
        _ = &mut calls => panic!("they wait"),
        () = eventually("three events have begun", || begun() == 3) => {}
    }
    std::fs::write(go, "").expect("a file");
    let pids = calls.await.into_iter().map(|pid| pid.expect("a response"));
    let mut pids: Vec<String> = pids.collect();
    pids.sort();
    pids.dedup();
    assert_eq!(pids.len(), 3);
    assert_eq!(begun(), 9);
}

#[tokio::test]
async fn an_event_that_waits_too_long_or_in_too_long_a_queue_is_throttled() {
    let folder = TempDir::new().expect("a folder");
    let (begun, begun_name) = file(&folder, "begun");
    let (go, go_name) = file(&folder, "go");
    let patience = Duration::from_secs(1);
    let probe = Probe::start(Config {
        concurrency: 1,
        queue: 1,
        patience,
        ..probe(&[])
    })
    .await;
    let commands = format!("touch {begun_name}\nwait {go_name}");
    let slow = probe.invoke(&commands);
    tokio::pin!(slow);
    tokio::select! {
        _ = &mut slow => panic!("it waits"),
        () = eventually("the event has begun", || begun.exists()) => {}
    }
    let (second, third) = tokio::join!(biased; probe.invoke("echo"), probe.invoke("echo"));
    assert!(matches!(second, Err(InvokeError::Throttled)), "{second:?}");
    assert!(matches!(third, Err(InvokeError::Throttled)), "{third:?}");
    std::fs::write(go, "").expect("a file");
    slow.await.expect("a response");
    assert_eq!(probe.answer("echo free").await, "free");
}
