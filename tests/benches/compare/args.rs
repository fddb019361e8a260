//! The command line.

use clap::{Parser, ValueEnum};
use std::path::PathBuf;
use tests::bench::positive;

/// Measures lambda_ws beside today's alternatives, and writes the results as Markdown.
///
/// All functions do the same work behind the same local gateway, in alternating rounds. The command installs the
/// packages of its peers into the target folder. It needs Node.js with npm, Python 3 with venv, and Linux.
#[derive(Debug, Parser)]
#[command(
    bin_name = "cargo bench -p tests --bench compare --",
    after_help = "Examples:
  cargo bench -p tests --bench compare           all sections, into BENCHMARKS.md; about 7 minutes after the builds
  cargo bench -p tests --bench compare -- broadcast --clients 100 --rounds 1
                                                 one section, printed
  cargo bench -p tests --bench compare -- gateway --out /tmp/gateway.md"
)]
pub(super) struct Args {
    /// The sections [default: all]
    #[arg(value_enum, value_name = "SECTION")]
    pub(super) sections: Vec<Section>,
    /// The sizes of the audiences in `broadcast`
    #[arg(long, value_name = "N,..", value_delimiter = ',', default_value = "100,1000,3000", value_parser = positive)]
    pub(super) clients: Vec<usize>,
    /// The size of the audience in `dead` and `latency`
    #[arg(long, value_name = "N", default_value = "1000", value_parser = positive)]
    pub(super) audience: usize,
    /// The number of counted rounds, after one that warms up; at most two in `latency`
    #[arg(long, value_name = "N", default_value = "3", value_parser = positive)]
    pub(super) rounds: usize,
    /// The file for the results [default: BENCHMARKS.md for all sections; some sections are printed]
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// Use builds without optimizations, to test this command
    #[arg(long)]
    pub(super) unoptimized: bool,
    // Cargo passes it to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// One part of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Section {
    /// A broadcast to all clients
    Broadcast,
    /// A broadcast while 5 % of the clients are gone
    Dead,
    /// A broadcast when each post takes 10 ms
    Latency,
    /// The start of a function, its first `$connect`, and its archive
    Start,
    /// The local gateway beside serverless-offline
    Gateway,
}

impl Args {
    /// Returns the sections, without repetitions.
    pub(super) fn sections(&self) -> Vec<Section> {
        let all = Section::value_variants().iter().copied();
        let chosen = |one: &Section| self.sections.is_empty() || self.sections.contains(one);
        all.filter(chosen).collect()
    }
}
