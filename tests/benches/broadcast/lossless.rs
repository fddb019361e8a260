//! Lossless rooms while connections break, processes are killed and the gateway restarts.

mod costs;
mod disturbance;
mod figures;
mod publishers;
mod world;

use super::args::Args;
use super::run::Checks;
use figures::Histogram;
use publishers::Publishers;
use std::time::{Duration, Instant};
use tests::lossless::{Guest, ends, read, recover};
use world::{ROOMS, World};

/// How many clients there are.
const CLIENTS: usize = 1_000;

/// How many clients connect at once.
const AT_ONCE: usize = 50;

/// A lost last message is noticed after 20 s, and a dead connection after 10 s more.
const RECOVERY: Duration = Duration::from_secs(90);

pub(super) async fn measure(args: &Args, checks: &mut Checks) {
    let count = args.connections.unwrap_or(CLIENTS);
    println!(
        "{count} clients in {} lossless rooms for {} s, with {}.",
        ROOMS.len(),
        args.duration.as_secs(),
        world::FAULTS
    );
    costs::measure(args, checks);
    let calm = World::in_memory(args).await;
    figures::latency(&calm, args.request_time, checks).await;
    figures::throughput(&calm, checks).await;
    calm.stop().await;

    let world = World::start(args).await;
    let starts = world
        .with(async |gateway| ends(gateway, &ROOMS).await)
        .await;
    let began = Instant::now();
    let mut guests = Vec::new();
    while guests.len() < count {
        let numbers = guests.len()..count.min(guests.len() + AT_ONCE);
        let joining = numbers.map(async |number| {
            let room = ROOMS[number % ROOMS.len()];
            let query = match number < ROOMS.len() {
                true => format!("greets={room}"),
                false => format!("user=u{number}"),
            };
            world
                .with(async |gateway| Guest::join(gateway, room, &query).await)
                .await
        });
        guests.extend(futures_util::future::join_all(joining).await);
        // All of a part are subscribed before the next one connects.
        let part = &guests[guests.len().saturating_sub(AT_ONCE)..];
        world
            .with(async |gateway| recover(part, &ends(gateway, &ROOMS).await, RECOVERY).await)
            .await;
    }
    println!(
        "{count} clients subscribed in {:.1} s",
        began.elapsed().as_secs_f64()
    );

    // The calm reconnect, so that faults do not count.
    let histogram = figures::reconnect(&world, &guests).await;
    println!("from the cut of all connections until recovered: {histogram}");

    world.set_faults(world::FAULTS).await;
    let end = Instant::now() + args.duration;
    let publishers = Publishers::start(&world, &guests, end);
    let (confirmed, done) = tokio::join!(
        publishers,
        disturbance::until(&world, &guests, args.seed, end)
    );
    let stopped = Instant::now();
    let fired = world.set_faults("off").await;
    let recovered = async |patience| {
        let ends = world
            .with(async |gateway| ends(gateway, &ROOMS).await)
            .await;
        recover(&guests, &ends, patience).await;
        ends
    };
    recovered(RECOVERY).await;
    let recovery = stopped.elapsed();
    // A handler whose client did not wait may have published later.
    let ends = recovered(RECOVERY).await;

    let (mut mistakes, mut missing) = (Vec::new(), 0);
    let (mut published, mut delivered, mut resumes, mut gaps) = (0, 0, 0, 0);
    for room in ROOMS {
        let (start, end) = (starts[room].clone(), &ends[room]);
        published += end.seq - start.seq;
        let log = world
            .with(async |gateway| read(gateway, room, start.clone(), end).await)
            .await;
        let confirmed = confirmed.iter().filter(|(name, _)| *name == room);
        for (position, text) in confirmed.flat_map(|(_, log)| log) {
            if log.get(position) != Some(text) {
                mistakes.push(format!("{room}: {text} is confirmed and not in the log"));
            }
        }
        for guest in guests.iter().filter(|guest| guest.room == room) {
            let mut checker = guest.checker();
            checker.compare(&log);
            mistakes.append(&mut checker.mistakes);
            missing += usize::from(checker.position.as_ref() != Some(end));
            delivered += checker.received.len();
            resumes += checker.subscribed - 1;
            gaps += checker.gaps;
        }
    }
    println!(
        "{:>8}{:>11}{:>11}{:>9}{:>7}{:>9}{:>7}{:>10}{:>13}",
        "clients",
        "published",
        "delivered",
        "resumes",
        "gaps",
        "cuts",
        "kills",
        "restarts",
        "recovered s"
    );
    println!(
        "{count:>8}{published:>11}{delivered:>11}{resumes:>9}{gaps:>7}{:>9}{:>7}{:>10}{:>13.1}",
        done.cuts,
        done.kills,
        done.restarts,
        recovery.as_secs_f64()
    );
    println!("faults since the last restart: {fired}");
    mistakes
        .iter()
        .take(10)
        .for_each(|mistake| println!("  {mistake}"));
    let what = format!(
        "no duplicate, disorder or unannounced hole ({})",
        mistakes.len()
    );
    checks.hold(mistakes.is_empty(), &what);
    let what = format!("all clients are at the end of the log ({missing} are not)");
    checks.hold(missing == 0, &what);
    let what = format!("a history that contains everything has no gaps ({gaps})");
    checks.hold(gaps == 0, &what);
    checks.hold(resumes > count / 4 && done.kills > 0, "much went wrong");
    drop(guests);
    world.stop().await;
}

impl std::fmt::Display for Histogram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [half, most, nearly, all] = [0.5, 0.9, 0.99, 1.0].map(|part| self.at(part));
        write!(
            f,
            "p50 {half} ms, p90 {most} ms, p99 {nearly} ms, all {all} ms"
        )
    }
}
