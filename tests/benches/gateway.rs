//! Benchmarks of the local gateway, beside the floor of its machine and its peer:
//! `cargo bench -p tests --bench gateway -- --help`.

mod gateway {
    mod args;
    mod client;
    #[path = "../common/cores.rs"]
    mod cores;
    mod echo;
    #[path = "../common/figure.rs"]
    mod figure;
    mod floor;
    mod function;
    mod handshakes;
    mod memory;
    #[allow(dead_code, reason = "the other benchmark needs more")]
    #[path = "../common/meter.rs"]
    mod meter;
    mod peer;
    mod run;
    mod server;
    mod who;

    pub(super) use run::main;
}

fn main() -> std::process::ExitCode {
    gateway::main()
}
