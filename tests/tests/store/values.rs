//! One model of values for all stores.

mod schedule;
mod spec;
mod world;

use super::history::{Call, is_possible};
use super::model::{check, run};
use super::table::Table;
use lambda_ws::Timestamp;
use lambda_ws::store::{KeyValueStore, Memory};
use proptest::prelude::prop_oneof;
use proptest::test_runner::Config;
use schedule::{KEYS, Round, TTL, rounds};
use spec::Action;
use world::World;

/// Runs rounds on a store that is empty, and checks it after each. Returns all calls.
async fn try_out<S: KeyValueStore>(
    store: &S,
    rounds: &[Round],
    sweep: impl Fn(Timestamp, u8),
) -> Vec<Call<Action>> {
    let (mut all, mut world) = (Vec::new(), World::new(store));
    let mut quiet = world.look().await;
    for round in rounds {
        let calls = world.run(round).await;
        let next = world.look().await;
        for n in 0..KEYS {
            let of_it: Vec<_> = calls.iter().filter(|call| call.about == n).collect();
            let (start, end) = (&quiet[n], &next[n]);
            assert!(
                is_possible(start.clone(), &of_it, end),
                "key {n} cannot come from {start:?} to {end:?} by {of_it:#?}"
            );
        }
        quiet = next;
        all.extend(calls);
        if round.late {
            world.now = world.now + TTL;
            sweep(world.now, round.swept);
            for kept in &mut quiet {
                kept.take_if(|kept| kept.expires.is_some());
            }
            assert_eq!(world.look().await, quiet, "what has expired is not there");
        }
    }
    all
}

async fn on_dynamodb(rounds: &[Round]) -> Vec<Call<Action>> {
    let table = Table::new();
    let sweep = |now, which| table.sweep(now, which);
    try_out(&table.store, rounds, sweep).await
}

#[test]
fn memory_keeps_values_under_concurrency() {
    check(rounds(false), Config::default(), |rounds| {
        run(try_out(&Memory::new(), &rounds, |_, _| ()));
    });
}

#[test]
fn dynamodb_keeps_values_under_concurrency_faults_and_crashes() {
    let schedules = prop_oneof![1 => rounds(false), 2 => rounds(true)];
    check(schedules, Config::with_cases(128), |rounds| {
        run(on_dynamodb(&rounds));
    });
}
