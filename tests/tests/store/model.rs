//! One model for all stores.

use super::history::Call;
use super::quiet::Quiet;
use super::schedule::{Round, rounds};
use super::spec::Action;
use super::table::Table;
use super::world::World;
use lambda_ws::Timestamp;
use lambda_ws::store::{Memory, Store};
use proptest::prelude::{Strategy, prop_oneof};
use proptest::test_runner::{Config, RngSeed, TestRunner};
use std::time::Duration;

/// A bit more than a connection's life.
const LIFE: Duration = Duration::from_secs(3 * 60 * 60);

/// Runs rounds on a store that is empty, and checks it after each. Returns all calls.
async fn try_out<S: Store>(
    store: &S,
    rounds: &[Round],
    sweep: impl Fn(Timestamp, u8),
) -> Vec<Call<Action>> {
    let mut all = Vec::new();
    let mut world = World::new(store);
    let mut quiet = Quiet::look(&world).await;
    for round in rounds {
        let calls = world.run(round).await;
        let next = Quiet::look(&world).await;
        quiet.check(&calls, &next, world.now);
        quiet = next.after(&quiet);
        all.extend(calls);
        if round.late {
            world.now = world.now + LIFE;
            sweep(world.now, round.swept);
            let next = Quiet::look(&world).await;
            next.check(&[], &next, world.now);
            quiet = next.after(&quiet);
        }
    }
    world.now = world.now + LIFE;
    let end = Quiet::look(&world).await;
    assert!(
        end.is_empty(world.now),
        "something outlives its time: {end:?}"
    );
    all
}

/// Runs a schedule in virtual time.
pub(crate) fn run<T>(schedule: impl Future<Output = T>) -> T {
    // The pauses of the SDK and of the store are random.
    fastrand::seed(1);
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(schedule)
}

async fn on_dynamodb(rounds: &[Round]) -> Vec<Call<Action>> {
    on_table(Table::new(), rounds).await
}

async fn on_table(table: Table, rounds: &[Round]) -> Vec<Call<Action>> {
    let sweep = |now, which| table.sweep(now, which);
    try_out(&table.store, rounds, sweep).await
}

/// Tries schedules out, always the same ones.
pub(crate) fn check<S: Strategy>(schedules: S, config: Config, check: impl Fn(S::Value)) {
    let config = Config {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(1),
        ..config
    };
    let done = TestRunner::new(config).run(&schedules, |rounds| {
        check(rounds);
        Ok(())
    });
    if let Err(error) = done {
        panic!("{error}");
    }
}

#[test]
fn memory_keeps_connections_under_concurrency() {
    check(rounds(false), Config::default(), |rounds| {
        run(try_out(&Memory::new(), &rounds, |_, _| ()));
    });
}

#[test]
fn dynamodb_keeps_connections_under_concurrency_faults_and_crashes() {
    let schedules = prop_oneof![1 => rounds(false), 2 => rounds(true)];
    check(schedules, Config::default(), |rounds| {
        run(on_dynamodb(&rounds));
    });
}

#[test]
fn a_table_with_other_names_keeps_connections_like_the_default_one() {
    check(rounds(true), Config::with_cases(24), |rounds| {
        let default = run(on_dynamodb(&rounds));
        let other = run(on_table(Table::with_other_names(), &rounds));
        assert_eq!(format!("{other:?}"), format!("{default:?}"));
    });
}

#[tokio::test(start_paused = true)]
async fn a_table_with_other_names_is_a_store() {
    lambda_ws::store::conformance(&Table::with_other_names().store).await;
}

#[tokio::test(start_paused = true)]
async fn dynamodb_reached_without_sockets_is_a_store() {
    lambda_ws::store::conformance(&Table::new().store).await;
}

/// Otherwise proptest could not shrink a failure.
#[test]
fn a_schedule_is_deterministic() {
    check(rounds(true), Config::with_cases(16), |rounds| {
        let (once, again) = (run(on_dynamodb(&rounds)), run(on_dynamodb(&rounds)));
        assert_eq!(format!("{once:?}"), format!("{again:?}"));
    });
}
