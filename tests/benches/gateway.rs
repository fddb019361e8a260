//! Benchmarks of the local gateway, beside the floor of its machine and its peer:
//! `cargo bench -p tests --bench gateway -- --help`.

mod gateway {
    mod args;
    mod client;
    mod cores;
    mod echo;
    mod figure;
    mod floor;
    mod function;
    mod handshakes;
    mod memory;
    mod meter;
    mod peer;
    mod run;
    mod server;

    pub(super) use run::main;
}

fn main() -> std::process::ExitCode {
    gateway::main()
}
