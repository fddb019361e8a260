//! Benchmarks of the ways to send, beside the floor of their machine:
//! `cargo bench -p tests --bench sending -- --help`.

mod sending {
    mod args;
    mod authority;
    mod client;
    #[allow(dead_code, reason = "the other benchmark needs more")]
    #[path = "../common/cores.rs"]
    mod cores;
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
    mod signing;
    mod who;

    pub(super) use run::main;
}

fn main() -> std::process::ExitCode {
    sending::main()
}
