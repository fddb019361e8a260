//! Benchmarks of the local gateway, beside the floor of its machine and its peer:
//! `cargo bench -p tests --bench gateway -- --help`.

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

    pub(super) use run::main;
}

fn main() -> std::process::ExitCode {
    gateway::main()
}
