//! The program.

use super::args::{Args, Scenario};
use super::gateway::{self, API};
use super::plot::Plot;
use super::world::World;
use super::{broadcast, presence, steady, storm, throttled};
use lambda_ws::Timestamp;
use lambda_ws::store::{Record, Store};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The checks of a run, and its plots.
#[derive(Debug, Default)]
pub(super) struct Report {
    failed: Vec<String>,
    pub(super) plots: Vec<Plot>,
}

impl Report {
    /// Notes whether something holds that must.
    pub(super) fn check(&mut self, holds: bool, what: &str) {
        println!("  {} {what}", if holds { "ok  " } else { "FAIL" });
        if !holds {
            self.failed.push(what.to_owned());
        }
    }
}

pub(crate) fn main() -> ExitCode {
    let Some(args) = Args::read() else {
        return ExitCode::SUCCESS;
    };
    let began = Instant::now();
    let is_done = match args.scenarios.as_slice() {
        [scenario] => one(*scenario, &args),
        several => all(several, &args),
    };
    println!("{:.1} s of real time\n", began.elapsed().as_secs_f64());
    ExitCode::from(u8::from(!is_done))
}

/// Runs each scenario in its own process. Returns whether all checks hold.
fn all(scenarios: &[Scenario], args: &Args) -> bool {
    let next = Mutex::new(scenarios.iter());
    let is_done = AtomicBool::new(true);
    std::thread::scope(|scope| {
        for _ in 0..args.jobs().min(scenarios.len()) {
            scope.spawn(|| {
                loop {
                    let scenario = next.lock().expect("no thread panics with it").next();
                    let Some(scenario) = scenario else {
                        return;
                    };
                    if let Err(error) = child(*scenario, args) {
                        eprintln!("error: {error}");
                        is_done.store(false, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    is_done.into_inner()
}

/// Runs a scenario in a process. The outputs of concurrent scenarios are printed one after the other.
fn child(scenario: Scenario, args: &Args) -> Result<(), String> {
    let program = std::env::current_exe();
    let program = program.map_err(|error| format!("the program has no path: {error}"))?;
    let mut command = Command::new(program);
    command
        .arg(scenario.name())
        .args(["--connections", &args.connections().to_string()])
        .args(["--seed", &args.seed.to_string()]);
    if let Some(course) = &args.course {
        command.arg("--course").arg(course);
    }
    if let Some(folder) = &args.plots {
        command.arg("--plots").arg(folder);
    }
    if args.jobs() == 1 {
        command.stdout(Stdio::inherit());
    }
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("{} cannot start: {error}", scenario.name()))?;
    print!("{}", String::from_utf8_lossy(&output.stdout));
    match output.status.success() {
        true => Ok(()),
        false => Err(format!("{} ended with {}", scenario.name(), output.status)),
    }
}

/// Runs a scenario in this process. Returns whether all checks hold.
fn one(scenario: Scenario, args: &Args) -> bool {
    let mut report = Report::default();
    virtual_time(run(scenario, args, &mut report));
    if let Some(folder) = &args.plots
        && let Err(error) = Plot::write(&report.plots, folder)
    {
        eprintln!(
            "error: the plots cannot be written to {}: {error}",
            folder.display()
        );
        return false;
    }
    for failed in &report.failed {
        eprintln!("error: this does not hold: {failed}");
    }
    report.failed.is_empty()
}

async fn run(scenario: Scenario, args: &Args, report: &mut Report) {
    let (connections, seed) = (args.connections(), args.seed);
    match scenario {
        Scenario::Steady => steady::run(connections, seed, report).await,
        Scenario::Storm => storm::run(connections, seed, report).await,
        Scenario::Broadcast => {
            let course = args.course.as_deref().unwrap_or_default();
            broadcast::run(connections, seed, course, report).await;
        }
        Scenario::Throttled => throttled::run(connections, seed, report).await,
        Scenario::Presence => presence::run(connections, seed, report).await,
    }
}

/// Whether a run is that of `cargo test`, which leaves out the scenarios that differ in one number from others.
pub(super) fn is_short(connections: usize) -> bool {
    connections <= 10_000
}

/// Runs a future on a paused clock, which jumps to the next timer when nothing else is to be done.
fn virtual_time<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime without sockets").block_on(future)
}

/// Opens and registers connections without handshakes. `room` is the number of members of each room.
pub(super) async fn fill(world: &World, connections: usize, room: usize) {
    for client in 0..connections {
        let number = world.gateway.add();
        let at = Timestamp::from_millis(world.gateway.sockets(|sockets| sockets[number].at));
        let mut record = Record::new(gateway::id(number), at, API, at);
        record.user = Some(format!("u{client}"));
        record.rooms.insert(format!("r{}", client / room));
        let registered = world.table.memory.register(&record).await;
        registered.expect("memory has room");
    }
}

/// Waits until all tasks are done, for at most this time. Returns whether they are.
pub(super) async fn finished(world: &World, most: Duration) -> bool {
    let end = tokio::time::Instant::now() + most;
    while world.lambda.waiting() > 0 {
        if tokio::time::Instant::now() > end {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    true
}
