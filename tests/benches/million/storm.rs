//! All clients reconnect at once after an outage of the Region.

use super::app::Kind;
use super::bucket::{Series, Times};
use super::gateway::Handshake;
use super::plot::Plot;
use super::run::{Report, is_short};
use super::world::{Quotas, World};
use crate::client::error::Error;
use crate::client::machine::{Effect, Machine, QueueDrops, Settings};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The step of the clients' clock, in ms.
const STEP: u64 = 5;

/// The time from a client to the API and back, in ms.
const ROUND_TRIP: u64 = 80;

/// The age of the lost connections, in ms: they were stable.
const AGE: u64 = 60_000;

/// The slots of the timer wheel: more than the longest time of a client.
const SLOTS: usize = 524_288;

/// The longest storm that is simulated, in ms.
const PATIENCE: u64 = 3 * 60 * 60 * 1_000;

/// The settings of a client, which `crates/lambda_ws_client` has by default.
fn settings(max_backoff: u64) -> Settings {
    Settings {
        min_backoff: 500,
        max_backoff,
        keep_alive: 240_000,
        connect_timeout: 30_000,
        max_age: 6_600_000,
        queue_size: 100,
        queue_drops: QueueDrops::Newest,
    }
}

/// The outcome of a storm.
struct Outcome {
    /// The clients that are connected again.
    back: usize,
    all: Duration,
    waits: Times,
    attempts: Vec<u32>,
    open: Series,
    tried: Series,
}

impl Outcome {
    fn attempts(&self, share: f64) -> u32 {
        let mut sorted = self.attempts.clone();
        sorted.sort_unstable();
        let index = (sorted.len() as f64 * share) as usize;
        sorted
            .get(index.min(sorted.len().saturating_sub(1)))
            .copied()
            .unwrap_or_default()
    }
}

pub(super) async fn run(connections: usize, seed: u64, report: &mut Report) {
    println!("storm: {connections} clients lose their connections at the same moment");
    let quotas = Quotas::for_connections(connections);
    // A quarter of the time and of the attempts is enough for a test.
    let (name, factor) = match is_short(connections) {
        true => ("4 times the quota", 4.0),
        false => ("the default client and quota", 1.0),
    };
    let raised = |factor: f64| Quotas {
        handshakes: quotas.handshakes * factor,
        ..quotas.clone()
    };
    let quotas = raised(factor);
    let world = World::new(quotas.clone(), seed, Kind::Rooms);
    let outcome = storm(&world, connections, 30_000, true).await;
    line(name, &outcome);
    let ideal = connections as f64 / quotas.handshakes;
    println!(
        "  the quota alone allows all of them after {ideal:.0} s; handshakes over the quota: {}; rejected by the function: {}",
        world.gateway.seen(|seen| seen.too_many),
        world.gateway.seen(|seen| seen.rejected),
    );
    println!(
        "  handshake p50 {} ms, p99 {} ms; {} processes, at most {:.0} at once; hottest partition of connections {:.0} writes/s",
        world
            .gateway
            .seen(|seen| seen.handshake_latency.quantile(0.5)),
        world
            .gateway
            .seen(|seen| seen.handshake_latency.quantile(0.99)),
        world.lambda.counts(|counts| counts.started),
        world.lambda.counts(|counts| counts.concurrent.max()),
        world
            .table
            .used(|used| used.hottest.get("C").copied().unwrap_or_default()),
    );
    let most = world.gateway.seen(|seen| seen.accepted.max());
    report.check(
        outcome.back == connections,
        "every client is connected again",
    );
    report.check(
        outcome.all.as_secs_f64() <= ideal + 120.0,
        "the last client is back within 2 minutes of the time that the quota needs",
    );
    report.check(
        // The bucket is full at the start.
        most <= 2.0 * quotas.handshakes + 1.0,
        "no second accepts more handshakes than the quota and its burst",
    );
    let registered = world
        .gateway
        .sockets(|sockets| sockets.iter().filter(|s| s.open).count());
    report.check(
        registered == connections,
        "each client has exactly one open connection",
    );
    report.plots.push(Plot {
        name: "storm",
        title: format!(
            "{connections} clients reconnect: {:.0} new connections per second",
            quotas.handshakes
        ),
        unit: "per second",
        lines: vec![
            ("attempts".to_owned(), outcome.tried.counts.clone()),
            ("accepted".to_owned(), outcome.open.counts.clone()),
        ],
    });
    if is_short(connections) {
        return;
    }
    drop(world);
    // The others without the function, because they differ in the client and the quota only.
    for (name, factor, backoff) in [
        ("the longest pause is 5 minutes", 1.0, 300_000),
        ("4 times the quota", 4.0, 30_000),
        ("10 times the quota", 10.0, 30_000),
    ] {
        let world = World::new(raised(factor), seed, Kind::Rooms);
        let outcome = storm(&world, connections, backoff, false).await;
        line(name, &outcome);
        report.check(
            outcome.back == connections,
            "every client is connected again",
        );
    }
}

fn line(name: &str, outcome: &Outcome) {
    println!(
        "  {name}: all are back after {:.0} s; a client waits p50 {:.0} s, p99 {:.0} s, at most {:.0} s; attempts p50 {}, p99 {}",
        outcome.all.as_secs_f64(),
        outcome.waits.quantile(0.5) as f64 / 1e3,
        outcome.waits.quantile(0.99) as f64 / 1e3,
        outcome.waits.quantile(1.0) as f64 / 1e3,
        outcome.attempts(0.5),
        outcome.attempts(0.99),
    );
}

/// A change of a client that is due.
#[derive(Clone, Copy)]
enum Due {
    Tick,
    /// The attempt reaches the API.
    Arrives(u64),
    /// The client learns that the attempt failed.
    Fails(u64),
}

/// The handshakes that have ended: the client, its socket, and whether it is open.
type Results = Arc<Mutex<Vec<(u32, u64, bool)>>>;

/// Runs a storm. `is_real` runs the function for each handshake.
async fn storm(world: &World, clients: usize, max_backoff: u64, is_real: bool) -> Outcome {
    let began = Instant::now();
    let mut wheel: Vec<Vec<(u32, Due)>> = vec![Vec::new(); SLOTS];
    let mut machines: Vec<Option<Machine>> = Vec::with_capacity(clients);
    let settings = settings(max_backoff);
    // All clients share the error, because a million copies of it take much memory.
    let lost = Error::new("rejected", "");
    let mut seeds = fastrand::Rng::with_seed(world.gateway.sockets(|s| s.len()) as u64 + 11);
    for client in 0..clients {
        let mut random = fastrand::Rng::with_seed(seeds.u64(..));
        let mut machine = Machine::new(settings.clone(), Box::new(move || random.f64()));
        machine.handle(0, Machine::start);
        machine.handle(0, |machine| machine.opened(1));
        let effects = machine.handle(AGE, |machine| machine.lost(1, lost.clone()));
        follow(&mut wheel, 0, client as u32, &machine, effects);
        machines.push(Some(machine));
    }
    let opened: Results = Arc::default();
    let mut outcome = Outcome {
        back: 0,
        all: Duration::ZERO,
        waits: Times::default(),
        attempts: Vec::with_capacity(clients),
        open: Series::new(began),
        tried: Series::new(began),
    };
    let mut now = 0;
    // The handshakes that have begun and not ended.
    let mut in_flight = 0_usize;
    while outcome.back < clients && now < PATIENCE {
        // The clock of the API: all attempts of a step arrive at its start.
        let at = began + Duration::from_millis(now);
        for _ in 0..STEP {
            let due = std::mem::take(&mut wheel[now as usize % SLOTS]);
            for (client, due) in due {
                let Some(machine) = &mut machines[client as usize] else {
                    continue;
                };
                let effects = match due {
                    Due::Tick => machine.handle(AGE + now, Machine::tick),
                    Due::Fails(socket) => {
                        machine.handle(AGE + now, |machine| machine.lost(socket, lost.clone()))
                    }
                    Due::Arrives(socket) => {
                        outcome.tried.add_at(at, 1.0);
                        if !world.gateway.admits_at(at) {
                            let fails = (client, Due::Fails(socket));
                            put(&mut wheel, now, ROUND_TRIP / 2, fails);
                        } else {
                            if in_flight == 0 {
                                sleep_until(at).await;
                            }
                            in_flight += 1;
                            connect(world, client, socket, is_real, &opened);
                        }
                        continue;
                    }
                };
                follow(&mut wheel, now, client, machine, effects);
            }
            now += 1;
        }
        // The paused clock stands still while only clients act.
        if in_flight == 0 {
            continue;
        }
        sleep_until(began + Duration::from_millis(now)).await;
        let done = std::mem::take(&mut *opened.lock().expect("one thread"));
        in_flight -= done.len();
        for (client, socket, is_open) in done {
            if !is_open {
                put(&mut wheel, now, 0, (client, Due::Fails(socket)));
                continue;
            }
            let Some(mut machine) = machines[client as usize].take() else {
                continue;
            };
            machine.handle(AGE + now, |machine| machine.opened(socket));
            outcome.back += 1;
            outcome.waits.add(now);
            outcome.attempts.push(machine.attempts);
            outcome.open.add(1.0);
        }
    }
    outcome.all = Duration::from_millis(now);
    outcome
}

/// Schedules what a client does next: its attempt, or its next tick.
fn follow(
    wheel: &mut [Vec<(u32, Due)>],
    now: u64,
    client: u32,
    machine: &Machine,
    effects: Vec<Effect>,
) {
    let connect = effects.into_iter().find_map(|effect| match effect {
        Effect::Connect(socket) => Some(socket),
        _ => None,
    });
    match connect {
        Some(socket) => put(wheel, now, ROUND_TRIP / 2, (client, Due::Arrives(socket))),
        None => {
            let wait = (machine.deadline - AGE).saturating_sub(now);
            put(wheel, now, wait, (client, Due::Tick));
        }
    }
}

fn put(wheel: &mut [Vec<(u32, Due)>], now: u64, wait: u64, due: (u32, Due)) {
    let at = now + wait.clamp(1, SLOTS as u64 - 1);
    wheel[at as usize % SLOTS].push(due);
}

fn connect(world: &World, client: u32, socket: u64, is_real: bool, opened: &Results) {
    let (world, opened) = (world.clone(), opened.clone());
    tokio::spawn(async move {
        let is_open = match is_real {
            true => {
                let (user, room) = (format!("u{client}"), format!("r{}", client / 100));
                let done = world.gateway.handshake(&world.lambda, &user, &room).await;
                matches!(done, Handshake::Open(_))
            }
            false => {
                tokio::time::sleep(Duration::from_millis(20)).await;
                true
            }
        };
        tokio::time::sleep(Duration::from_millis(ROUND_TRIP / 2)).await;
        let mut opened = opened.lock().expect("one thread");
        opened.push((client, socket, is_open));
    });
}
