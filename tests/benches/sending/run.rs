//! The program.

use super::args::{Args, Section};
use super::authority::Authority;
use super::sample::Sample;
use super::server::Server;
use super::{client, server, signing, who};
use clap::Parser;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;
use tests::bench::{Cores, Goal, Table, Who, block_on, exit_code};
use tests::load_average;

pub(crate) fn main() -> ExitCode {
    let mut args = std::env::args().skip(1).peekable();
    exit_code(match args.peek().map(String::as_str) {
        Some(server::ROLE) => block_on(server::serve(args.skip(1))).map(|()| false),
        Some(client::ROLE) => client::run(args.skip(1)).map(|()| false),
        _ => {
            let args = Args::parse();
            run(&args).map(|missed| missed && args.check)
        }
    })
}

/// Measures and prints. Returns whether a required figure is missed.
fn run(args: &Args) -> Result<bool, Box<dyn Error>> {
    let cores = Cores::Apart;
    if !Cores::can_be_chosen() {
        eprintln!("there is no taskset or only one core: client and server disturb each other");
    }
    // Its child processes stay on its core.
    cores.place_clients();
    let authority = Authority::new()?;
    let mut missed = false;
    for section in &args.sections {
        let before = load_average();
        let table = section.measure(args, &authority)?;
        missed |= table.is_missed();
        println!(
            "{table}load average {before} to {}, {} rounds",
            load_average(),
            args.rounds
        );
    }
    Ok(missed)
}

const CPU: &str = "client's CPU a message, us";
const RATE: &str = "messages/s";
const OF_CPU: &str = "messages/s of CPU time";
const ALLOCATIONS: &str = "allocations a message";
const PEAK: &str = "peak memory, MB";
const COLD: &str = "as many at once without a connection, ms";
const COLD_CPU: &str = "as many at once without a connection: CPU, ms";

impl Section {
    fn measure(self, args: &Args, authority: &Authority) -> Result<Table, Box<dyn Error>> {
        let (latency, in_flight) = match self {
            Self::Near => (0, 64),
            Self::Far => (20, 256),
            Self::Crowd => (20, 1024),
            Self::Signing => return Ok(signing::measure(args)),
        };
        let server = Server::start(authority, Duration::from_millis(latency))?;
        let mut table = who::table(format!(
            "200 bytes over TLS, {in_flight} under way, answered after {latency} ms; client on one \
             core, server on another"
        ));
        for round in 0..args.rounds {
            let mut all = vec![who::SDK, who::LEAN, who::FLOOR];
            if self != Self::Crowd {
                all.push(who::ONE_BY_ONE);
            }
            // So that none is always first.
            let places = all.len();
            all.rotate_left(round % places);
            for who in all {
                let sample = Sample::take(who, &server, authority, in_flight, args.duration)?;
                note(&mut table, who, &sample);
            }
        }
        self.goals(&mut table);
        Ok(table)
    }

    fn goals(self, table: &mut Table) {
        let at_most = |must, stretch| Goal::AtMost { must, stretch };
        let ratio = |ours: f64, theirs: f64| ours / theirs;
        let of_sdk = ("of the SDK's", ratio);
        match self {
            Self::Near => table.compare(CPU, who::SDK, of_sdk, at_most(0.28, 0.20)),
            Self::Far => table.compare(CPU, who::SDK, of_sdk, at_most(0.32, 0.25)),
            Self::Crowd => {
                let rate = Goal::AtLeast {
                    must: 20_000.0,
                    stretch: 40_000.0,
                };
                table.goal(RATE, rate);
                table.goal(PEAK, at_most(56.0, 32.0));
                table.goal(ALLOCATIONS, at_most(30.0, 6.0));
            }
            Self::Signing => {}
        }
    }
}

fn note(table: &mut Table, who: Who, sample: &Sample) {
    table.add(CPU, who, sample.cpu);
    table.add(RATE, who, sample.rate);
    // Load on the machine does not change this figure.
    table.add(OF_CPU, who, 1e6 / sample.cpu);
    table.add(ALLOCATIONS, who, sample.allocations);
    table.add(PEAK, who, sample.peak);
    table.add(COLD, who, sample.cold);
    table.add(COLD_CPU, who, sample.cold_cpu);
}
