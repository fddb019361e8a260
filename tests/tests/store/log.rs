//! The logs of rooms under concurrency, faults, crashes, expiry and clocks that differ.

mod checker;
mod regressions;
mod schedule;
mod world;

use super::model::{check, run};
use proptest::prelude::prop_oneof;
use proptest::test_runner::Config;
use schedule::schedules;

#[test]
fn a_log_has_no_hole_and_no_silent_gap_under_concurrency_faults_and_crashes() {
    let schedules = prop_oneof![1 => schedules(false), 3 => schedules(true)];
    check(schedules, Config::default(), |schedule| {
        run(world::try_out(&schedule));
    });
}
