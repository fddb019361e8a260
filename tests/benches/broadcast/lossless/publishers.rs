//! Publishers: clients, direct invocations and jobs. The tasks of `opened` publish as well.

use super::world::{ROOMS, World};
use fastrand::Rng;
use lambda_ws_client::Position;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use tests::lossless::{Guest, Log};
use tokio::process::Child;
use tokio::time::sleep;

/// The pause between two messages of one publisher, in ms.
const PAUSE: std::ops::Range<u64> = 500..1500;

/// The rooms that a job publishes to.
const JOBS: usize = 5;

pub(super) struct Publishers;

impl Publishers {
    /// Publishes until a time. Returns the confirmed messages with their rooms.
    pub(super) async fn start(
        world: &World,
        guests: &[Guest],
        end: Instant,
    ) -> Vec<(&'static str, Log)> {
        let seconds = end.saturating_duration_since(Instant::now()).as_secs();
        let inside = guests.iter().take(ROOMS.len()).zip(0..);
        let inside = inside.map(async |(guest, seed)| {
            let mut random = Rng::with_seed(seed);
            let publish = async |text: String| {
                let say = json!({"action": "say", "room": guest.room, "text": text});
                let request = guest.client.request(&say).timeout(Duration::from_secs(5));
                request.send::<Value>().await.unwrap_or_default()
            };
            let log = repeat(&format!("client {seed}"), &mut random, end, publish).await;
            (guest.room, log)
        });
        let outside = ROOMS.iter().zip(100..).map(async |(room, seed)| {
            let mut random = Rng::with_seed(seed);
            let publish = async |text: String| {
                let event = json!({"publish": {"room": room, "data": text}}).to_string();
                let answer = world
                    .with(async |gateway| gateway.try_admin("POST", "invoke", &event).await)
                    .await;
                answer.unwrap_or_default()["response"]["position"].take()
            };
            let log = repeat(&format!("event {seed}"), &mut random, end, publish).await;
            (*room, log)
        });
        let jobs = ROOMS
            .iter()
            .take(JOBS)
            .zip(200..)
            .map(async |(room, seed)| {
                let name = format!("job {seed}");
                let job = world.job(room, &name, seconds, PAUSE.start).await;
                (*room, confirmed(job).await)
            });
        let (inside, outside, jobs) = tokio::join!(
            futures_util::future::join_all(inside),
            futures_util::future::join_all(outside),
            futures_util::future::join_all(jobs)
        );
        inside.into_iter().chain(outside).chain(jobs).collect()
    }
}

async fn repeat(
    name: &str,
    random: &mut Rng,
    end: Instant,
    publish: impl AsyncFn(String) -> Value,
) -> Log {
    let mut log = Log::new();
    let mut number = 0;
    while Instant::now() < end {
        let text = format!("{name}: {number}");
        // A message without a confirmation may be in the log as well.
        if let Ok(position) = serde_json::from_value::<Position>(publish(text.clone()).await) {
            log.insert(position, text.into());
        }
        number += 1;
        sleep(Duration::from_millis(random.u64(PAUSE))).await;
    }
    log
}

/// Waits for a job, and returns the messages that it has published.
pub(super) async fn confirmed(job: Child) -> Log {
    let output = job.wait_with_output().await.expect("it is a child");
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter_map(|line| {
        let mut parts = line.splitn(3, ' ');
        let position = Position::new(parts.next()?, parts.next()?.parse().ok()?);
        Some((position, parts.next()?.into()))
    });
    lines.collect()
}
