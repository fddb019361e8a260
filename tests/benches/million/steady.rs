//! Connections that end after their time, and some that drop before it.

use super::app::Kind;
use super::bucket::Times;
use super::cost;
use super::gateway::Handshake;
use super::run::{Report, fill, is_short};
use super::world::{Quotas, World};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// The simulated time.
const SECONDS: u64 = 600;

/// The mean age at which a client replaces its connection: between 90 and 100 % of 110 minutes.
const AGE: f64 = 6_600.0 * 0.95;

/// The members of a room.
const ROOM: usize = 100;

pub(super) async fn run(connections: usize, seed: u64, report: &mut Report) {
    println!("steady: {connections} connections for {SECONDS} s");
    let all = [1.0, 0.0, 1.5];
    let drops = if is_short(connections) {
        &all[..1]
    } else {
        &all
    };
    for drops in drops.iter().copied() {
        let quotas = Quotas::for_connections(connections);
        let world = World::new(quotas.clone(), seed, Kind::Rooms);
        fill(&world, connections, ROOM).await;
        let offline = live(&world, connections, drops, seed).await;
        let (offered, accepted, too_many, rejected) = world.gateway.seen(|seen| {
            let (offered, accepted) = (seen.handshakes.total(), seen.accepted.total());
            (offered, accepted, seen.too_many, seen.rejected)
        });
        let seconds = SECONDS as f64;
        println!(
            "  each client drops {drops} times per hour: {:.0} new connections per second ({:.0} % of the quota), {too_many} over the quota, {rejected} rejected",
            accepted / seconds,
            100.0 * accepted / seconds / quotas.handshakes,
        );
        let hottest = world
            .table
            .used(|used| used.hottest.get("C").copied().unwrap_or_default());
        println!(
            "    handshake p50 {} ms, p99 {} ms; offline p99 {:.1} s; concurrency {:.0}; writes {:.0}/s; hottest partition of connections {hottest:.0}/s of {:.0}",
            world
                .gateway
                .seen(|seen| seen.handshake_latency.quantile(0.5)),
            world
                .gateway
                .seen(|seen| seen.handshake_latency.quantile(0.99)),
            offline.quantile(0.99) as f64 / 1e3,
            world.lambda.counts(|counts| counts.concurrent.max()),
            world.table.used(|used| used.writes.total()) / seconds,
            quotas.partition_writes,
        );
        cost::print(&world, connections, seconds);
        report.check(rejected == 0, "the function rejects no handshake");
        report.check(
            accepted + (too_many as f64) + 50.0 >= offered,
            "each handshake has one outcome",
        );
        let lost = world.gateway.seen(|seen| seen.lost_disconnects);
        report.check(lost == 0, "every `$disconnect` succeeds");
        let open = world
            .gateway
            .sockets(|sockets| sockets.iter().filter(|s| s.open).count());
        let slack = connections / 100 + 10;
        // Above the quota more clients drop than can come back.
        report.check(
            drops > 1.0 || open.abs_diff(connections) <= slack,
            "the number of connections stays the same",
        );
    }
}

/// Lets connections end and come back. Returns how long clients were offline.
async fn live(world: &World, connections: usize, drops: f64, seed: u64) -> Times {
    let mut random = fastrand::Rng::with_seed(seed);
    let live: Arc<Mutex<Vec<usize>>> = Arc::new(Mutex::new((0..connections).collect()));
    let offline: Arc<Mutex<Times>> = Arc::default();
    let (ends, lost) = (
        connections as f64 / AGE,
        connections as f64 * drops / 3_600.0,
    );
    let mut next = Instant::now();
    let end = next + Duration::from_secs(SECONDS);
    while next < end {
        let pause = -(1.0 - random.f64()).ln() / (ends + lost);
        // Timers have a resolution of 1 ms, so the sum of such pauses would be too long.
        next += Duration::from_secs_f64(pause);
        sleep_until(next).await;
        let is_drop = random.f64() * (ends + lost) < lost;
        let client = random.usize(..connections);
        let (world, live, offline) = (world.clone(), live.clone(), offline.clone());
        let mut random = random.fork();
        tokio::spawn(async move {
            let old = live.lock().expect("one thread")[client];
            if !world.gateway.sockets(|sockets| sockets[old].open) {
                return;
            }
            let began = Instant::now();
            if is_drop {
                let (world, old) = (world.clone(), old);
                tokio::spawn(async move { world.gateway.disconnect(&world.lambda, old).await });
            }
            // As the client: full jitter up to 30 s.
            let mut bound = 500;
            let new = loop {
                if is_drop || bound > 500 {
                    sleep(Duration::from_millis(random.u64(..bound))).await;
                }
                bound = (2 * bound).min(30_000);
                if !world.gateway.admits() {
                    continue;
                }
                let (user, room) = (format!("u{client}"), format!("r{}", client / ROOM));
                let done = world.gateway.handshake(&world.lambda, &user, &room).await;
                if let Handshake::Open(new) = done {
                    break new;
                }
            };
            live.lock().expect("one thread")[client] = new;
            if is_drop {
                let took = (Instant::now() - began).as_millis() as u64;
                offline.lock().expect("one thread").add(took);
            } else {
                world.gateway.disconnect(&world.lambda, old).await;
            }
        });
    }
    // The last ones come back.
    sleep(Duration::from_secs(20)).await;
    offline.lock().expect("one thread").clone()
}
