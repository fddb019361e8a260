//! What breaks on purpose besides the faults of the gateway.

use super::world::{PROGRAM, World};
use fastrand::Rng;
use rustix::process::Signal;
use std::path::Path;
use std::time::{Duration, Instant};
use tests::lossless::Guest;
use tests::signal;
use tokio::time::sleep;

/// How often the gateway restarts.
const RESTARTS: u32 = 2;

#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) cuts: usize,
    pub(super) kills: usize,
    pub(super) restarts: usize,
}

/// Cuts connections, kills processes of the function and restarts the gateway until a time.
pub(super) async fn until(world: &World, guests: &[Guest], seed: u64, end: Instant) -> Done {
    let mut random = Rng::with_seed(seed);
    let mut done = Done::default();
    let pause = end.saturating_duration_since(Instant::now()) / (RESTARTS + 1);
    let mut restart_at = Instant::now() + pause;
    let mut kill_at = Instant::now();
    while Instant::now() < end {
        guests[random.usize(..guests.len())].network.cut();
        done.cuts += 1;
        if Instant::now() >= kill_at {
            kill_at = Instant::now() + Duration::from_secs(2);
            let program = Path::new(PROGRAM).canonicalize();
            let program = program.expect("cargo has built it");
            let ids = world
                .with(async |gateway| gateway.processes.running(&program))
                .await;
            if let Some(id) = random.choice(ids) {
                signal(id, Signal::KILL);
                done.kills += 1;
            }
        }
        if done.restarts < RESTARTS as usize && Instant::now() >= restart_at {
            restart_at += pause;
            world.restart().await;
            done.restarts += 1;
        }
        sleep(Duration::from_millis(random.u64(50..150))).await;
    }
    done
}
