//! Handshakes a second.

use super::args::Args;
use super::client::{Client, Place};
use super::floor::Floor;
use super::peer::Peer;
use super::server::{Routes, Server};
use super::who;
use std::time::{Duration, Instant};
use tests::Meter;
use tests::bench::Cores;
use tests::bench::{Goal, Table};
use tokio::task::JoinSet;

/// The number of concurrent handshakes.
const CLIENTS: usize = 16;

pub(super) async fn measure(args: &Args, cores: Cores, peer: Option<&Peer>) -> Table {
    let plain = Server::start(args, Routes::Messages, cores).await;
    let asking = Server::start(args, Routes::Connect, cores).await;
    let tungstenite = Floor::tungstenite(cores);
    let running = match peer {
        Some(peer) => Some(peer.start(cores).await),
        None => None,
    };
    let without = "without $connect";
    let mut subjects = vec![
        (without, who::GATEWAY, plain.place.clone(), plain.meter),
        (
            without,
            who::TUNGSTENITE,
            tungstenite.place.clone(),
            tungstenite.meter,
        ),
        (
            "with $connect",
            who::GATEWAY,
            asking.place.clone(),
            asking.meter,
        ),
    ];
    subjects.extend(running.as_ref().map(|running| {
        (
            "with $connect",
            who::PEER,
            running.place.clone(),
            running.meter,
        )
    }));

    let mut table = who::table(format!("Handshakes, {CLIENTS} at a time; {cores}"));
    for round in 0..=args.rounds {
        for (how, who, place, meter) in &subjects {
            // The first round warms up.
            if round == 0 {
                shake(place, *meter, args.duration / 4).await;
                continue;
            }
            let sample = shake(place, *meter, args.duration).await;
            table.add(&format!("{how}: handshakes/s"), who, sample.rate);
            table.add(&format!("{how}: server's CPU, us"), who, sample.server);
            table.add(&format!("{how}: client's CPU, us"), who, sample.client);
        }
    }
    let rate = Goal::AtLeast {
        must: 1500.0,
        stretch: 10_000.0,
    };
    table.goal("without $connect: handshakes/s", rate);
    table
}

/// The samples of one round, per handshake in us.
struct Sample {
    rate: f64,
    server: f64,
    client: f64,
}

async fn shake(place: &Place, server: Meter, duration: Duration) -> Sample {
    let own = Meter::own_thread();
    let (started, before) = (Instant::now(), (server.time(), own.time()));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let place = place.clone();
        clients.spawn(async move {
            let mut count = 0_u32;
            while started.elapsed() < duration {
                Client::connect(&place).await.expect("a connection");
                count += 1;
            }
            count
        });
    }
    let count: u32 = clients.join_all().await.iter().sum();
    let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(count);
    Sample {
        rate: f64::from(count) / started.elapsed().as_secs_f64(),
        server: each(server.time() - before.0),
        client: each(own.time() - before.1),
    }
}
