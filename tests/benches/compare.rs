//! lambda_ws beside today's alternatives, as `BENCHMARKS.md`: `cargo bench -p tests --bench compare -- --help`.

mod compare {
    mod archive;
    mod args;
    mod broadcast;
    mod crowd;
    mod machine;
    mod peers;
    mod report;
    mod run;
    mod start;

    pub(super) use run::main;
}

/// The minimal client of the broadcasts.
#[path = "broadcast/client.rs"]
#[allow(dead_code, reason = "the crowd of the broadcasts also sends")]
mod client;

/// The benchmark of the gateway.
#[path = "gateway"]
#[allow(dead_code, reason = "its own program also prints")]
mod gateway {
    mod args;
    mod client;
    mod echo;
    mod floor;
    mod handshakes;
    mod memory;
    mod peer;
    mod run;
    mod server;
    mod who;

    pub(crate) use run::{serve_function, tables};
}

/// The Runtime API of the benchmark of the start.
#[path = "start"]
#[allow(
    dead_code,
    reason = "its own program also ends functions with a signal"
)]
mod runtime {
    pub(crate) mod function;
    mod http;
    pub(crate) mod launcher;
    pub(crate) mod runtime_api;
}

fn main() -> std::process::ExitCode {
    compare::main()
}
