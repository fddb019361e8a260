//! Lossless rooms with the real function, gateway and client, while connections break and much fails on purpose.

mod publisher;

use fastrand::Rng;
use publisher::Publisher;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tests::Setup;
use tests::lossless::{Guest, Log, ends, read, recover};
use tokio::time::{Instant, sleep};

const FAULTS: &str =
    "gone=2%,false-gone=1%,throttle=3%,crash=1%,lost-disconnect=20%,post-latency=20ms";
/// The last room keeps 20 messages.
const ROOMS: [&str; 4] = ["long/1", "long/2", "long/3", "short/1"];
const CLIENTS: usize = 40;
/// The clients whose connections stall. They are in the last room, so they come back after a gap.
const STALLED: [usize; 2] = [35, 39];
const PUBLISHING: Duration = Duration::from_secs(20);
/// How much longer clients publish on a busy machine, until a connection that stalled has missed more than its room keeps.
const LONGER: Duration = Duration::from_secs(60);
/// A lost last message is noticed after 20 s, and a dead connection after 10 s more.
const RECOVERY: Duration = Duration::from_secs(45);

/// The seed of all random decisions: 20, or as `SEED` says. The order of concurrent events still differs.
fn seed() -> u64 {
    let seed = std::env::var("SEED").ok();
    seed.map_or(20, |seed| seed.parse().expect("SEED is a number"))
}

/// Cuts connections at random until that is over. Those that stall are not cut. Returns the number of cuts.
async fn cut(guests: &[Guest], is_over: &dyn Fn() -> bool) -> usize {
    let mut random = Rng::with_seed(seed());
    let mut cuts = 0;
    while !is_over() {
        sleep(Duration::from_millis(random.u64(100..300))).await;
        let number = random.usize(..CLIENTS);
        if !STALLED.contains(&number) {
            guests[number].network.cut();
            cuts += 1;
        }
        // Again and again, because a client may be without a connection.
        if (15..40).contains(&cuts) {
            for number in STALLED {
                guests[number].network.stall();
            }
        }
    }
    cuts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_lossless_rooms_miss_nothing_while_connections_break() {
    let setup = Setup::new().args(["--fault", FAULTS, "--fault-seed", &seed().to_string()]);
    let function = [env!("CARGO_BIN_EXE_lossless")];
    let gateway = setup.program(function).start().await;
    let starts = ends(&gateway, &ROOMS).await;
    let mut guests = Vec::new();
    for number in 0..CLIENTS {
        let room = ROOMS[number % ROOMS.len()];
        guests.push(Guest::join(&gateway, room, &format!("user=u{number}")).await);
        if number == CLIENTS / 2 {
            // The others subscribe while messages are published.
            recover(&guests, &starts, RECOVERY).await;
        }
    }

    let end = Instant::now() + PUBLISHING;
    let has_gap = || guests.iter().any(|guest| guest.checker().gaps > 0);
    let is_over = || {
        let now = Instant::now();
        now >= end && (has_gap() || now >= end + LONGER)
    };
    let publishers = Publisher::all(&guests);
    let publishing = publishers
        .iter()
        .zip(seed()..)
        .map(async |(publisher, seed)| {
            let confirmed = publisher.run(&gateway, seed, &is_over).await;
            (publisher.room(), confirmed)
        });
    let publishing = futures_util::future::join_all(publishing);
    let (confirmed, cuts) = tokio::join!(publishing, cut(&guests, &is_over));

    let stopped = Instant::now();
    recover(&guests, &ends(&gateway, &ROOMS).await, RECOVERY).await;
    let recovery = stopped.elapsed();
    let faults = gateway.admin("PATCH", "faults", "off").await;
    // A handler whose client did not wait may have published later.
    let ends = ends(&gateway, &ROOMS).await;
    recover(&guests, &ends, RECOVERY).await;

    let mut logs = HashMap::new();
    for name in ROOMS {
        let mut log = Log::new();
        if name.starts_with("long/") {
            log = read(&gateway, name, starts[name].clone(), &ends[name]).await;
            let texts: HashSet<_> = log.values().map(Value::to_string).collect();
            assert_eq!(
                texts.len(),
                log.len(),
                "{name}: each message is in the log once"
            );
        } else {
            // The history is too short, so the guests must agree.
            let guests = guests.iter().filter(|guest| guest.room == name);
            guests.for_each(|guest| log.extend(guest.checker().received.clone()));
        }
        logs.insert(name, log);
    }
    for (room, confirmed) in &confirmed {
        for (position, text) in confirmed {
            assert_eq!(logs[room].get(position), Some(text), "{room}: {position:?}");
        }
    }
    let (mut deliveries, mut reconnects, mut gaps, mut lost) = (0, 0, 0, 0);
    for guest in &guests {
        let mut checker = guest.checker();
        checker.compare(&logs[guest.room]);
        assert_eq!(checker.mistakes, [""; 0]);
        assert_eq!(checker.position.as_ref(), Some(&ends[guest.room]));
        if guest.room.starts_with("long/") {
            assert_eq!(checker.gaps, 0, "{}: the log is complete", guest.room);
        }
        deliveries += checker.received.len();
        reconnects += checker.subscribed - 1;
        gaps += checker.gaps;
        lost += checker.lost;
    }
    let messages: u64 = ROOMS
        .iter()
        .map(|room| ends[room].seq - starts[room].seq)
        .sum();
    let recovery = recovery.as_secs_f64();
    println!(
        "lossless: {CLIENTS} clients, {messages} messages, {deliveries} deliveries, {cuts} cuts, {reconnects} reconnects, \
         {gaps} gaps announced ({lost} messages), recovered after {recovery:.1} s; faults {}",
        faults["fired"]
    );
    assert!(
        messages > 50 && reconnects > CLIENTS / 2,
        "the run is too calm"
    );
    assert!(
        gaps >= 1,
        "a connection that stalled comes back after a gap"
    );
    guests.clear();
    gateway.stop().await;
}
