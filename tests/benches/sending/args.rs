//! The command line.

use clap::{Parser, ValueEnum};
use std::time::Duration;
use tests::bench::{positive, seconds};

/// Benchmarks of the ways to send: `ApiGateway`, the AWS SDK, and plain sockets as the floor.
///
/// Each client is a separate process and posts 200 bytes over TLS to a server on another core. The figures
/// are medians of alternating rounds.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo bench -p tests --bench sending --")]
pub(super) struct Args {
    #[arg(value_enum, value_name = "SECTION", default_values = ["near", "far", "crowd", "signing"])]
    pub(super) sections: Vec<Section>,
    /// The number of rounds
    #[arg(long, value_name = "N", default_value = "3", value_parser = positive)]
    pub(super) rounds: usize,
    /// The time of each measurement in seconds
    #[arg(long = "seconds", value_name = "S", default_value = "2", value_parser = seconds)]
    pub(super) duration: Duration,
    /// Fail if a must is missed
    #[arg(long)]
    pub(super) check: bool,
    // Cargo passes it to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// One part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Section {
    /// A server that responds at once; 64 concurrent posts
    Near,
    /// A server that responds after 20 ms; 256 concurrent posts
    Far,
    /// The same server; 1 024 concurrent posts
    Crowd,
    /// One signature
    Signing,
}
