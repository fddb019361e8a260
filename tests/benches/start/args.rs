//! The command line.

use clap::{Parser, ValueEnum};
use tests::bench::positive;

/// Benchmarks of a function's start, its first event, its size and the cost of an event.
///
/// They compare the deployed chat with programs of lambda_runtime alone. Each measurement is a process of its own,
/// and the figures are medians. Functions run on one core, everything else runs on another.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo bench -p tests --bench start --")]
pub(super) struct Args {
    #[arg(value_enum, value_name = "SECTION", default_values = ["next", "first", "size", "event", "otel", "memory", "concurrent"])]
    pub(super) sections: Vec<Section>,
    /// The number of starts
    #[arg(long, value_name = "N", default_value = "30", value_parser = positive)]
    pub(super) rounds: usize,
    /// The number of events in `event` and `otel`
    #[arg(long, value_name = "N", default_value = "20000", value_parser = positive)]
    pub(super) events: usize,
    /// The number of events in `memory`
    #[arg(long, value_name = "N", default_value = "100000", value_parser = positive)]
    pub(super) memory: usize,
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
    /// From the start of a process to its first wait for an event
    Next,
    /// The first `$connect`, which writes to DynamoDB over TLS, and the second
    First,
    /// The program and its ZIP file, and those of a small program with each feature
    Size,
    /// The processor time of one event, and its instructions if valgrind is installed
    Event,
    /// The processor time of one event with the feature `otel`
    Otel,
    /// The growth of the resident memory over many events
    Memory,
    /// The events that one process handles in a second, by the number of events that it has at once
    Concurrent,
}
