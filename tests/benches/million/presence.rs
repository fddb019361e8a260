//! Users who arrive and leave in rooms that announce them.

use super::app::Kind;
use super::gateway::Handshake;
use super::plot::Plot;
use super::run::{Report, finished, is_short};
use super::world::{Quotas, World};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// The members of a small room.
const ROOM: usize = 10;

/// The departures per second, of a million.
const LEAVE: f64 = 1_500.0;

/// The members of the big room and those who join it per second, of a million.
const HALL: f64 = 100_000.0;
const ENTER: f64 = 100.0;

/// The quotas with a table that is used to this load: departures need more than a new table allows.
fn quotas(connections: usize) -> Quotas {
    let quotas = Quotas::for_connections(connections);
    Quotas {
        table_writes: 10.0 * quotas.table_writes,
        // The sweeps of a small run read and write as often as those of a large one.
        partition_writes: quotas.partition_writes.max(200.0),
        ..quotas
    }
}

pub(super) async fn run(connections: usize, seed: u64, report: &mut Report) {
    let connections = match is_short(connections) {
        true => connections.div_ceil(10),
        false => connections,
    };
    println!("presence: rooms of {ROOM}, which are told who joins and leaves");
    let quotas = quotas(connections);
    let world = World::new(quotas.clone(), seed, Kind::Presence);
    let arrived = arrive(&world, connections, quotas.handshakes, |client| {
        client / ROOM
    })
    .await;
    let all = finished(&world, Duration::from_secs(3_600)).await;
    sleep(Duration::from_secs(5)).await;
    summary("arrival", &world, arrived.len());
    let joined = world.heard.get().joined.clone();
    announced(&joined, arrived.len(), "joined", report);
    report.check(
        all && dead(&world) == 0,
        "all tasks end, and none is given up",
    );

    // All of them leave.
    let before = world.lambda.counts(|counts| (counts.tasks, counts.killed));
    let rate = LEAVE * connections as f64 / super::world::MILLION;
    let mut next = Instant::now();
    for (user, number) in &arrived {
        next += Duration::from_secs_f64(1.0 / rate);
        sleep_until(next).await;
        world.heard.departs(user.clone());
        let (world, number) = (world.clone(), *number);
        tokio::spawn(async move { world.gateway.disconnect(&world.lambda, number).await });
    }
    sleep(Duration::from_secs(30)).await;
    let all = finished(&world, Duration::from_secs(3_600)).await;
    let (tasks, killed) = world.lambda.counts(|counts| (counts.tasks, counts.killed));
    println!(
        "  departure: {} tasks, {} killed",
        tasks - before.0,
        killed - before.1
    );
    summary("departure", &world, arrived.len());
    let (left, delays) = {
        let heard = world.heard.get();
        (heard.left.clone(), heard.delays.clone())
    };
    println!(
        "    from the disconnect to `left`: p50 {:.1} s, p99 {:.1} s, at most {:.1} s",
        delays.quantile(0.5) as f64 / 1e3,
        delays.quantile(0.99) as f64 / 1e3,
        delays.quantile(1.0) as f64 / 1e3,
    );
    announced(&left, arrived.len(), "left", report);
    report.check(
        all && dead(&world) == 0,
        "all tasks end, and none is given up",
    );
    report.check(
        delays.quantile(0.99) <= 30_000,
        "99 of 100 departures are announced within 30 s",
    );
    report.plots.push(Plot {
        name: "presence",
        title: format!("{connections} users arrive and leave"),
        unit: "",
        lines: vec![
            (
                "posts/s".to_owned(),
                world.gateway.seen(|seen| seen.room.counts.clone()),
            ),
            (
                "invocations".to_owned(),
                world
                    .lambda
                    .counts(|counts| counts.concurrent.counts.clone()),
            ),
        ],
    });
    hall(connections, seed, report).await;
}

/// A big room, which others join.
async fn hall(connections: usize, seed: u64, report: &mut Report) {
    let world = World::new(quotas(connections), seed, Kind::Presence);
    let scale = connections as f64 / super::world::MILLION;
    let members = (HALL * scale) as usize;
    // The members are there already.
    super::run::fill(&world, members, members).await;
    let new = (60.0 * ENTER * scale).max(20.0) as usize;
    let rate = (ENTER * scale).max(0.3);
    println!("  a room of {members}, which {new} users join at {rate:.1} per second");
    let arrived = arrive(&world, new, rate, |_| 0).await;
    let all = finished(&world, Duration::from_secs(3 * 3_600)).await;
    summary("hall", &world, arrived.len());
    let joined = world.heard.get().joined.clone();
    announced(&joined, arrived.len(), "joined", report);
    report.check(
        all && dead(&world) == 0,
        "all tasks end, and none is given up",
    );
}

/// Lets users connect at this rate. Returns the names and connections of those who are accepted.
async fn arrive(
    world: &World,
    users: usize,
    rate: f64,
    room: impl Fn(usize) -> usize,
) -> Vec<(String, usize)> {
    let open: Arc<Mutex<Vec<(String, usize)>>> = Arc::default();
    let mut next = Instant::now();
    for client in 0..users {
        next += Duration::from_secs_f64(1.0 / rate);
        sleep_until(next).await;
        let (world, open) = (world.clone(), open.clone());
        let room = format!("r{}", room(client));
        tokio::spawn(async move {
            let user = format!("p{client}");
            let done = world.gateway.handshake(&world.lambda, &user, &room).await;
            if let Handshake::Open(number) = done {
                open.lock().expect("one thread").push((user, number));
            }
        });
    }
    // The handshake of the first user who joins waits for the announcement.
    sleep(Duration::from_secs(40)).await;
    std::mem::take(&mut *open.lock().expect("one thread"))
}

fn dead(world: &World) -> u64 {
    world.lambda.counts(|counts| counts.dead)
}

fn summary(name: &str, world: &World, users: usize) {
    let (calls, rejected) = (
        world.heard.get().calls,
        world.gateway.seen(|seen| seen.rejected),
    );
    let most = world.gateway.seen(|seen| seen.requests.max());
    let hottest = |kind: &str| {
        world
            .table
            .used(|used| used.hottest.get(kind).copied().unwrap_or_default())
    };
    world.lambda.counts(|counts| {
        println!(
            "    {name}: {users} users, {rejected} rejected, {calls} calls of hooks; {} tasks, at most {} at once, {} killed, {} retries, {} given up; concurrency {:.0}",
            counts.tasks, counts.most_waiting, counts.killed, counts.retries, counts.dead, counts.concurrent.max(),
        );
    });
    println!(
        "    at most {most:.0} requests/s; hottest shards: joined {:.0}, left {:.0} write units/s; {} throttled writes",
        hottest("K joined"),
        hottest("K left"),
        world.table.used(|used| used.throttled),
    );
}

/// Prints and checks how often users were announced.
fn announced(counts: &HashMap<String, u32>, users: usize, what: &str, report: &mut Report) {
    let twice = counts.values().filter(|count| **count > 1).count();
    let most = counts.values().max().copied().unwrap_or_default();
    println!(
        "    `{what}`: {} of {users} users, {twice} of them more than once, at most {most} times",
        counts.len()
    );
    report.check(
        counts.len() == users,
        &format!("`{what}` is called for every user"),
    );
    report.check(
        twice == 0,
        &format!("`{what}` is called once for each user"),
    );
}
