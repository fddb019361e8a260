//! Benchmarks of the ways to send, beside the floor of their machine:
//! `cargo bench -p tests --bench sending -- --help`.

// What the signer's own source is made of.
use lambda_ws::{ConnectionId, Timestamp};

mod sending {
    mod args;
    mod authority;
    mod client;
    #[allow(dead_code, reason = "the other benchmark needs more")]
    #[path = "../common/cores.rs"]
    mod cores;
    #[allow(dead_code, reason = "the library needs more")]
    #[path = "../../../crates/lambda_ws/src/transport/lean/endpoint.rs"]
    mod endpoint;
    #[path = "../common/figure.rs"]
    mod figure;
    mod floor;
    mod http;
    #[allow(dead_code, reason = "the other benchmark needs more")]
    #[path = "../common/meter.rs"]
    mod meter;
    mod run;
    mod sample;
    mod server;
    #[allow(dead_code, reason = "the library needs more")]
    #[path = "../../../crates/lambda_ws/src/transport/lean/signer.rs"]
    mod signer;
    mod signing;
    mod who;

    pub(super) use run::main;
}

fn main() -> std::process::ExitCode {
    sending::main()
}
