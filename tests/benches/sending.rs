//! Benchmarks of the ways to send, beside the floor of their machine:
//! `cargo bench -p tests --bench sending -- --help`.

mod sending {
    mod args;
    mod authority;
    mod client;
    mod floor;
    mod http;
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
