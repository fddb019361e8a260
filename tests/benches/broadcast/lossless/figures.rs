//! Figures without faults: latency, throughput, and the reconnect of everyone.

use super::publishers::confirmed;
use super::world::{ROOMS, World};
use crate::broadcast::run::Checks;
use lambda_ws_client::RoomEvent;
use serde_json::json;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use tests::lossless::{Guest, connect};
use tests::within;
use tokio::time::sleep;

/// The messages of each kind whose latency is measured.
const MESSAGES: usize = 200;

/// The messages of each kind before these.
const WARM_UP: usize = 10;

/// The pause between two of these messages.
const PAUSE: Duration = Duration::from_millis(20);

/// The publishers to one room, and how long they publish.
const JOBS: usize = 10;
const SECONDS: u64 = 5;

/// Times in ms.
#[derive(Debug, Default)]
pub(super) struct Histogram(Vec<u128>);

impl Histogram {
    /// Returns the time that a part of all needs at most.
    pub(super) fn at(&self, part: f64) -> u128 {
        let last = self.0.len().saturating_sub(1);
        let index = (last as f64 * part).round() as usize;
        self.0.get(index).copied().unwrap_or_default()
    }
}

/// Cuts all connections at once, publishes one message to each room, and measures when each client has it.
pub(super) async fn reconnect(world: &World, guests: &[Guest]) -> Histogram {
    let before = guests.iter().map(|guest| guest.checker().position.clone());
    let mut late: Vec<_> = guests.iter().zip(before.collect::<Vec<_>>()).collect();
    let began = Instant::now();
    for guest in guests {
        guest.network.cut();
    }
    let publishing = world.with(async |gateway| {
        let publish = ROOMS.iter().map(async |room| {
            let event = json!({"publish": {"room": room, "data": "after the cut"}});
            gateway.admin("POST", "invoke", &event.to_string()).await;
        });
        futures_util::future::join_all(publish).await;
    });
    let mut times = Vec::new();
    let recovered = async {
        while !late.is_empty() {
            late.retain(|(guest, before)| guest.checker().position <= *before);
            times.resize(guests.len() - late.len(), began.elapsed().as_millis());
            sleep(Duration::from_millis(10)).await;
        }
    };
    let recovered = within("the recovery of all", recovered);
    tokio::join!(publishing, recovered);
    Histogram(times)
}

/// Compares the time until a message arrives: published to a log, and broadcast without one. The same client and function
/// process handle both in turn, and each request of the function takes the same time.
pub(super) async fn latency(world: &World, request_time: Duration, checks: &mut Checks) {
    let url = world.with(async |gateway| gateway.at("user=timer")).await;
    let client = connect(url);
    let mut log = client.room("long/latency").subscribe();
    let mut plain = client.room("plain/latency").subscribe();
    for room in [&mut log, &mut plain] {
        let subscribed =
            async { while !matches!(room.next().await, Some(RoomEvent::Subscribed { .. })) {} };
        within("a subscription", subscribed).await;
    }
    let ms = request_time.as_millis();
    let latencies = format!("db-latency={ms}ms,post-latency={ms}ms");
    world.set_faults(&latencies).await;
    // `plain/*` has no history: its publish is a broadcast.
    let mut rooms = [
        ("plain/latency", plain, Vec::new()),
        ("long/latency", log, Vec::new()),
    ];
    for number in 0..WARM_UP + MESSAGES {
        for (name, room, times) in &mut rooms {
            let say = json!({"action": "say", "room": name, "text": number});
            let began = Instant::now();
            let sent = client.send(&say).await;
            sent.expect("a message");
            let arrived = within("the message", room.next_message()).await;
            arrived.expect("the subscription continues");
            if number >= WARM_UP {
                times.push(began.elapsed().as_micros());
            }
            // The handler has not ended yet. Another process would not know the end of the log.
            sleep(PAUSE).await;
        }
    }
    world.set_faults("off").await;
    client.close().await;
    let [plain, log] = rooms.map(|(_, _, mut times)| median(&mut times));
    let ratio = log / plain;
    let what = format!(
        "with requests of {ms} ms a message arrives after {log:.2} ms, and {plain:.2} ms without a log: {ratio:.2} times, at most 1.5"
    );
    checks.hold(ratio <= 1.5, &what);
}

/// Returns the median of times in us, in ms.
pub(super) fn median(times: &mut [u128]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2] as f64 / 1000.0
}

/// Publishes to one room from several processes at once.
pub(super) async fn throughput(world: &World, checks: &mut Checks) {
    let jobs = (0..JOBS).map(async |number| {
        let name = format!("job {number}");
        confirmed(world.job("long/busy", &name, SECONDS, 0).await).await
    });
    let logs = futures_util::future::join_all(jobs).await;
    let count: usize = logs.iter().map(|log| log.len()).sum();
    let positions: BTreeSet<_> = logs.iter().flat_map(|log| log.keys()).collect();
    let rate = count as f64 / SECONDS as f64;
    let what = format!("{JOBS} processes publish {rate:.0} messages/s to one room, at least 100");
    checks.hold(rate >= 100.0, &what);
    let what = format!("each of {count} messages has its own position");
    checks.hold(positions.len() == count, &what);
}
