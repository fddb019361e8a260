//! The command line.

use clap::{Parser, ValueEnum};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tests::bench::{Cores, positive, seconds};

/// Benchmarks of the local gateway in its own process. The figures are medians of alternating rounds.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo bench -p tests --bench gateway --")]
pub(super) struct Args {
    #[arg(value_enum, value_name = "SECTION", default_values = ["handshakes", "memory", "echo"])]
    pub(super) sections: Vec<Section>,
    /// The processor cores: `apart` runs servers and functions on one core and clients on another (needs
    /// taskset), `free` lets Linux choose, `both` measures both
    #[arg(long, value_name = "WHICH", default_value = "both", value_parser = cores)]
    pub(super) cores: &'static [Cores],
    /// The number of rounds
    #[arg(long, value_name = "N", default_value = "3", value_parser = positive)]
    pub(super) rounds: usize,
    /// The time of each measurement in seconds
    #[arg(long = "seconds", value_name = "S", default_value = "1.5", value_parser = seconds)]
    pub(super) duration: Duration,
    /// Leave serverless-offline out
    #[arg(long)]
    pub(super) no_peer: bool,
    /// Another build of the gateway
    #[arg(long, value_name = "FILE", value_parser = file)]
    pub(super) gateway: Option<PathBuf>,
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
    /// Handshakes per second, with and without a `$connect` route
    Handshakes,
    /// The memory of idle connections
    Memory,
    /// Messages and their answers: by route response, by PostToConnection
    Echo,
}

fn cores(text: &str) -> Result<&'static [Cores], &'static str> {
    match text {
        "apart" => Ok(&[Cores::Apart]),
        "free" => Ok(&[Cores::Free]),
        "both" => Ok(&[Cores::Apart, Cores::Free]),
        _ => Err("expected `apart`, `free` or `both`"),
    }
}

/// Reads a path that is valid in every folder.
fn file(text: &str) -> std::io::Result<PathBuf> {
    Path::new(text).canonicalize()
}
