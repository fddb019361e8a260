//! What goes wrong on purpose.

use super::*;
use crate::faults::{Faults, Kind};

#[tokio::test]
async fn a_process_crashes_on_purpose_whatever_it_answers_and_another_one_goes_on() {
    let faults = Faults::new("crash=100%".parse().expect("a plan"), 7);
    // With more processes a second one may start for an event that the first one takes.
    let config = Config {
        faults: faults.clone(),
        ..single()
    };
    let probe = Probe::start(config).await;
    for _ in 0..3 {
        let crashed = probe.invoke("pid").await;
        assert!(
            matches!(&crashed, Err(InvokeError::Crashed { status }) if !status.success()),
            "{crashed:?}"
        );
    }
    assert_eq!(faults.fired(Kind::Crash), 3);
    faults.change("off").expect("a plan");
    let survivor = probe.pid().await;
    assert_eq!(probe.pid().await, survivor);
}

#[tokio::test]
async fn a_process_starts_late_on_purpose() {
    let faults = Faults::new("cold-start=200ms".parse().expect("a plan"), 7);
    let began = Instant::now();
    let probe = Probe::start(Config {
        faults,
        ..probe(&[])
    })
    .await;
    assert!(began.elapsed() >= Duration::from_millis(200));
    probe.pid().await;
}
