//! A table or a partition that rejects writes.

use super::app::Kind;
use super::gateway::{self, Handshake};
use super::plot::Plot;
use super::run::{Report, finished};
use super::world::{Quotas, World};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep, sleep_until};

/// How long clients connect.
const SECONDS: u64 = 30;

pub(super) async fn run(connections: usize, seed: u64, report: &mut Report) {
    println!("throttled: clients connect for {SECONDS} s with a raised quota of connections");
    let quotas = Quotas::for_connections(connections);
    let scale = connections as f64 / super::world::MILLION;
    // A new on-demand table.
    let world = World::new(quotas.clone(), seed, Kind::Rooms);
    crowd(
        &world,
        "a new on-demand table, 4 000 connects per second of a million",
        4_000.0 * scale,
        report,
    )
    .await;
    report.plots.push(Plot {
        name: "table",
        title: "4 000 connects per second and a new on-demand table".to_owned(),
        unit: "per second",
        lines: vec![
            (
                "accepted".to_owned(),
                world.gateway.seen(|seen| seen.accepted.counts.clone()),
            ),
            (
                "write units".to_owned(),
                world.table.used(|used| used.writes.counts.clone()),
            ),
        ],
    });
    // One of the sixteen partitions of connections.
    let quotas = Quotas {
        table_writes: 100.0 * quotas.table_writes,
        ..quotas
    };
    let world = World::new(quotas, seed, Kind::Rooms);
    world.table.limit("C#7", 20.0 * scale);
    crowd(
        &world,
        "one of 16 partitions allows 20 writes per second, 1 000 connects per second",
        1_000.0 * scale,
        report,
    )
    .await;
    // All sixteen at their limit.
    let quotas = Quotas::for_connections(connections);
    let quotas = Quotas {
        table_writes: 100.0 * quotas.table_writes,
        ..quotas
    };
    let world = World::new(quotas, seed, Kind::Rooms);
    crowd(
        &world,
        "16 partitions of 1 000 writes per second, 20 000 connects per second",
        20_000.0 * scale,
        report,
    )
    .await;
}

/// Lets clients connect, each once, tells all of them something, and lets them leave.
async fn crowd(world: &World, name: &str, rate: f64, report: &mut Report) {
    let began = Instant::now();
    let open: Arc<Mutex<Vec<usize>>> = Arc::default();
    let (mut next, mut client) = (began, 0_u64);
    while next < began + Duration::from_secs(SECONDS) {
        next += Duration::from_secs_f64(1.0 / rate);
        sleep_until(next).await;
        client += 1;
        let (world, open) = (world.clone(), open.clone());
        tokio::spawn(async move {
            let (user, room) = (format!("u{client}"), format!("r{}", client / 100));
            let done = world.gateway.handshake(&world.lambda, &user, &room).await;
            if let Handshake::Open(number) = done {
                open.lock().expect("one thread").push(number);
            }
        });
    }
    sleep(Duration::from_secs(30)).await;
    let open = std::mem::take(&mut *open.lock().expect("one thread"));
    let rejected = world.gateway.seen(|seen| seen.rejected);
    let event = gateway::publish(String::new());
    let _ = world.lambda.call(&event).await;
    let is_done = finished(world, Duration::from_secs(3_600)).await;
    let never = world
        .gateway
        .sockets(|sockets| sockets.iter().filter(|s| s.open && s.heard == 0).count());
    println!(
        "  {name}: {client} connects, {rejected} rejected ({:.1} %); handshake p50 {} ms, p99 {} ms; concurrency {:.0}, {} without capacity; {} requests throttled",
        100.0 * rejected as f64 / client as f64,
        world
            .gateway
            .seen(|seen| seen.handshake_latency.quantile(0.5)),
        world
            .gateway
            .seen(|seen| seen.handshake_latency.quantile(0.99)),
        world.lambda.counts(|counts| counts.concurrent.max()),
        world.lambda.counts(|counts| counts.throttled),
        world.table.used(|used| used.throttled),
    );
    // They leave as fast as they came.
    let mut next = Instant::now();
    for number in &open {
        next += Duration::from_secs_f64(1.0 / rate);
        sleep_until(next).await;
        let (world, number) = (world.clone(), *number);
        tokio::spawn(async move { world.gateway.disconnect(&world.lambda, number).await });
    }
    sleep(Duration::from_secs(60)).await;
    let lost = world.gateway.seen(|seen| seen.lost_disconnects);
    println!(
        "    departures: {} of {} `$disconnect` events failed; their records stay until a message gets a 410, or they expire",
        lost,
        open.len(),
    );
    report.check(
        open.len() as u64 + rejected == client,
        "each client is accepted or rejected",
    );
    report.check(
        is_done && never == 0,
        "a broadcast reaches all accepted clients",
    );
}
