//! The command line.

use clap::{Parser, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;
use tests::bench::{positive, seconds};

/// Measures and checks broadcasts. Fails if a check fails.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo bench -p tests --bench broadcast --")]
pub(super) struct Args {
    #[arg(value_enum, value_name = "SECTION", default_values = ["crowd", "faults", "mass", "million", "costs"])]
    pub(super) sections: Vec<Section>,
    /// The maximum number of clients [default: 20000; 5000 in `faults`, because throttling makes it slow; 1000 in `lossless`]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(super) connections: Option<usize>,
    /// The faults of the section `faults`
    #[arg(
        long = "fault",
        value_name = "SPEC",
        default_value = "gone=5%,false-gone=1%,throttle=5%,post-latency=20ms,crash=1%"
    )]
    pub(super) faults: String,
    /// The seed of the faults; the default kills two of the first tasks
    #[arg(long = "fault-seed", value_name = "N", default_value_t = 350)]
    pub(super) seed: u64,
    /// The number of broadcasts in `faults`
    #[arg(long, value_name = "N", default_value = "2", value_parser = positive)]
    pub(super) messages: usize,
    /// The largest audience [default: 1000000 in `million`, 100000 in `costs`]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(super) members: Option<usize>,
    /// How long everything goes wrong in `lossless`, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "180", value_parser = seconds)]
    pub(super) duration: Duration,
    /// The time of each request to DynamoDB and of each post, where `lossless` compares the times of messages, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "0.004", value_parser = seconds)]
    pub(super) request_time: Duration,
    /// Another build of the gateway, in `mass` and `lossless`
    #[arg(long, value_name = "PATH")]
    pub(super) gateway: Option<PathBuf>,
    /// Another build of the function: of the chat in `mass`, of `crowd` in `slow`
    #[arg(long, value_name = "PATH")]
    pub(super) program: Option<PathBuf>,
    // Cargo passes it to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

/// One part of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Section {
    /// A room with as many connections as the limit of open files allows
    Crowd,
    /// The same with dying connections, false 410s, throttling and killed processes; then `slow`
    Faults,
    /// The chat with 200, 500 and 1 000 clients that arrive at once and leave at once
    Mass,
    /// Lossless rooms with 1 000 clients, while connections break, processes are killed and the gateway restarts
    Lossless,
    /// Clients that do not read beside clients that do
    Slow,
    /// Time and memory of a broadcast to 1 000 000 members without sockets
    Million,
    /// Requests and units of DynamoDB for each broadcast
    Costs,
}
