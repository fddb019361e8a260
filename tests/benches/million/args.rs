//! The command line.

use clap::{Parser, ValueEnum};
use std::num::NonZero;
use std::path::PathBuf;

/// Simulates connections in virtual time, and checks what must hold. Fails if a check fails.
///
/// The store, the sender, tasks, presence and the client's reconnects are the library's code. API Gateway, Lambda,
/// DynamoDB's partitions and the network are models. A run with fewer connections divides the quotas by the same
/// factor, so its times are those of the full run.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo bench -p tests --bench million --")]
pub(super) struct Args {
    // The longest ones of a test come first, so that all cores have work until the end.
    #[arg(value_enum, value_name = "SCENARIO", default_values = ["broadcast", "presence", "storm", "throttled", "steady"])]
    pub(super) scenarios: Vec<Scenario>,
    /// The number of connections [default: 1000000; 10000 as a test]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) connections: Option<u64>,
    /// The seed of all random decisions of the simulation
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub(super) seed: u64,
    /// Write the plots as SVG files to this directory
    #[arg(long, value_name = "DIR")]
    pub(super) plots: Option<PathBuf>,
    /// Run only the broadcasts whose descriptions contain this text
    #[arg(long, value_name = "TEXT")]
    pub(super) course: Option<String>,
    /// The scenarios that run at the same time, each in a process of up to 5 GB [default: 1; as a test, the number of
    /// cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) jobs: Option<u64>,
    // `cargo bench` passes it to every benchmark, and `cargo test` does not.
    #[arg(long, hide = true)]
    pub(super) bench: bool,
}

/// One part of the simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Scenario {
    /// Connections that end after their time, and some that drop before it
    Steady,
    /// All clients reconnect at once after an outage
    Storm,
    /// A message to everyone, beside the messages of rooms, with slow clients and with dead ones
    Broadcast,
    /// A table or a partition that rejects writes
    Throttled,
    /// Users who arrive and leave in rooms that announce them
    Presence,
}

impl Scenario {
    /// Returns its name on the command line.
    pub(super) fn name(self) -> String {
        let value = self.to_possible_value();
        let value = value.expect("the command line has all scenarios");
        value.get_name().to_owned()
    }
}

/// The number of connections of a run by `cargo test`.
const TEST: usize = 10_000;
const FULL: usize = 1_000_000;

impl Args {
    pub(super) fn connections(&self) -> usize {
        let default = if self.bench { FULL } else { TEST };
        self.connections.map_or(default, |count| count as usize)
    }

    pub(super) fn jobs(&self) -> usize {
        let default = match self.bench {
            true => 1,
            false => std::thread::available_parallelism().map_or(1, NonZero::get),
        };
        self.jobs.map_or(default, |jobs| jobs as usize)
    }

    /// Reads the command line. `cargo test` passes filters and options of its own harness: then it returns the test
    /// run, or nothing if the filter does not mean this program.
    pub(super) fn read() -> Option<Self> {
        let given: Vec<_> = std::env::args().skip(1).collect();
        match Self::try_parse() {
            Ok(args) => Some(args),
            Err(error) if given.iter().any(|arg| arg == "--bench") => error.exit(),
            Err(error) if !error.use_stderr() => error.exit(),
            Err(_) => {
                let is_filter = |arg: &&String| !arg.starts_with('-');
                let mut filters = given.iter().filter(is_filter).peekable();
                let is_meant =
                    filters.peek().is_none() || filters.any(|filter| "million".contains(&**filter));
                let lists = given.iter().any(|arg| arg == "--list");
                (is_meant && !lists).then(|| Self::parse_from(["million"]))
            }
        }
    }
}
