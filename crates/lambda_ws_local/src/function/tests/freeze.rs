//! What a process does between events: nothing.

use super::*;

fn freezing(freeze: Option<Duration>) -> Config {
    Config { freeze, ..single() }
}

#[tokio::test]
async fn a_process_without_an_event_is_stopped_and_goes_on_with_the_next() {
    let probe = Probe::start(freezing(Some(FREEZE_AFTER))).await;
    let pid = probe.pid().await;
    for _ in 0..5 {
        eventually("it is stopped", || is_frozen(pid)).await;
        assert_eq!(probe.pid().await, pid);
    }
    probe.answer("leave-a-child").await;
    let both = || group(pid).len() == 2 && is_frozen(pid);
    eventually("its child is stopped too", both).await;
    probe.function.stop().await;
    eventually("the group is gone", || group(pid).is_empty()).await;
}

#[tokio::test]
async fn a_process_is_not_stopped_before_its_time_nor_without_a_freeze() {
    for freeze in [None, Some(LONG)] {
        let probe = Probe::start(freezing(freeze)).await;
        let pid = probe.pid().await;
        let end = Instant::now() + FREEZE_AFTER * 10;
        while Instant::now() < end {
            assert!(!is_frozen(pid), "{freeze:?}");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test]
async fn the_freeze_is_switched_while_processes_run() {
    let probe = Probe::start(freezing(None)).await;
    let pid = probe.pid().await;
    for _ in 0..3 {
        probe.function.set_freeze(true);
        assert!(probe.function.freezes());
        eventually("it is stopped", || is_frozen(pid)).await;
        probe.function.set_freeze(false);
        assert!(!probe.function.freezes());
        eventually("it goes on", || !is_frozen(pid)).await;
    }
    assert_eq!(probe.pid().await, pid);
}

#[tokio::test]
async fn work_after_the_response_stands_still_and_is_told_of_once() {
    let folder = TempDir::new().expect("a folder");
    let mut probe = Probe::start(freezing(Some(FREEZE_AFTER))).await;
    let pid = probe.pid().await;
    // A busy machine may give the work its time after the event's only: then there is nothing to see.
    for round in 0..20 {
        let (late, late_name) = file(&folder, &format!("late-{round}"));
        probe.answer(&format!("print-after {late_name} late")).await;
        eventually("it is stopped", || is_frozen(pid)).await;
        std::fs::write(late, "").expect("a file");
        probe.answer("echo").await;
    }
    let (mut late, mut hints) = (0, 0);
    while late < 20 {
        let line = timeout(LONG, probe.lines.recv()).await.expect("a line");
        let line = line.expect("an open log");
        late += usize::from(line.text == "late");
        if line.stream == Stream::Platform {
            assert!(line.text.contains("await it before returning"), "{line:?}");
            assert!(line.request_id.is_some(), "it names the event: {line:?}");
            hints += 1;
        }
    }
    assert_eq!(hints, 1);
}

#[tokio::test]
async fn what_is_printed_before_the_response_is_no_work_after_it() {
    let mut probe = Probe::start(freezing(Some(FREEZE_AFTER))).await;
    let pid = probe.pid().await;
    for _ in 0..20 {
        probe.answer("print out\ncomplain err").await;
        eventually("it is stopped", || is_frozen(pid)).await;
    }
    probe.answer("print last").await;
    loop {
        let line = timeout(LONG, probe.lines.recv()).await.expect("a line");
        let line = line.expect("an open log");
        assert_ne!(line.stream, Stream::Platform, "{line:?}");
        if line.text == "last" {
            break;
        }
    }
}

/// Not a test but the gateway of the next one.
#[tokio::test]
#[ignore = "a process of the next test, which kills it"]
async fn a_gateway_whose_function_is_frozen() {
    let Ok(mark) = std::env::var("GATEWAY_OF_A_TEST") else {
        return;
    };
    let probe = Probe::start(freezing(Some(FREEZE_AFTER))).await;
    let pid = probe.answer("leave-a-child\npid").await;
    std::fs::write(format!("{mark}.new"), pid).expect("a file");
    std::fs::rename(format!("{mark}.new"), mark).expect("a file");
    std::future::pending::<()>().await;
}

#[tokio::test]
async fn a_gateway_that_is_killed_takes_stopped_processes_along() {
    let folder = TempDir::new().expect("a folder");
    let (mark, mark_name) = file(&folder, "pid");
    let test = "function::tests::freeze::a_gateway_whose_function_is_frozen";
    let mut gateway = gateway(test, &mark_name);
    eventually("the program runs", || mark.exists()).await;
    let pid = std::fs::read_to_string(&mark).expect("a pid");
    let pid = pid.parse().expect("a number");
    let both = || group(pid).len() == 2 && is_frozen(pid);
    eventually("program and child are stopped", both).await;
    gateway.kill().await.expect("a process");
    eventually("the group is gone", || group(pid).is_empty()).await;
}

/// Prints how long an event takes in a stream of events, with and without the freeze.
#[tokio::test]
#[ignore = "a measurement"]
async fn how_long_an_event_takes() {
    for freeze in [None, Some(FREEZE_AFTER), None, Some(FREEZE_AFTER)] {
        let probe = Probe::start(freezing(freeze)).await;
        let mut times = Vec::new();
        for _ in 0..5_000 {
            let begin = Instant::now();
            probe.answer("echo").await;
            times.push(begin.elapsed());
        }
        times.sort();
        let at = |share: usize| times[times.len() * share / 100];
        println!("{freeze:?}: half {:?}, 99 % {:?}", at(50), at(99));
    }
}
