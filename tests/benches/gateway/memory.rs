//! The memory of idle connections.

use super::args::Args;
use super::client::{Client, Place};
use super::peer::Peer;
use super::server::{Routes, Server};
use super::who;
use tests::bench::Cores;
use tests::bench::{Goal, Table, Who};
use tests::{MIB, Meter, allow_many_files};

/// The number of connections when the memory is measured.
const SIZES: [u32; 3] = [1_000, 5_000, 10_000];

pub(super) async fn measure(args: &Args, cores: Cores, peer: Option<&Peer>) -> Table {
    allow_many_files();
    let mut table = who::table(format!("Memory; {cores}"));
    for _ in 0..args.rounds {
        let server = Server::start(args, Routes::Messages, cores).await;
        fill(&mut table, who::GATEWAY, &server.place, server.meter).await;
        drop(server);
        if let Some(peer) = peer {
            let running = peer.start(cores).await;
            fill(&mut table, who::PEER, &running.place, running.meter).await;
        }
    }
    for size in SIZES {
        let goal = Goal::AtMost {
            must: 10.0,
            stretch: 7.0,
        };
        table.goal(&name(size), goal);
    }
    table
}

fn name(size: u32) -> String {
    format!("{size} idle connections: KB each")
}

async fn fill(table: &mut Table, who: Who, place: &Place, meter: Meter) {
    // One-time costs are not counted.
    for _ in 0..10 {
        Client::connect(place).await.expect("a connection");
    }
    let before = meter.memory();
    table.add("no connection: MB in all", who, before as f64 / MIB);
    let mut clients = Vec::new();
    for size in SIZES {
        while clients.len() < size as usize {
            let client = Client::connect(place).await;
            clients.push(client.expect("a connection; `ulimit -n` has to allow 10 100"));
        }
        let more = meter.memory().saturating_sub(before) as f64;
        table.add(&name(size), who, more / 1024.0 / f64::from(size));
    }
}
