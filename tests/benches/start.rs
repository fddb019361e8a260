//! Benchmarks of a function's start, its first event, its size, and what an event costs it, in time and
//! memory, beside a hello world of `lambda_runtime`: `cargo bench -p tests --bench start -- --help`.

mod start {
    mod args;
    #[path = "../sending/authority.rs"]
    mod authority;
    mod aws;
    mod concurrent;
    mod events;
    mod first;
    mod function;
    mod http;
    mod launcher;
    mod memory;
    mod next;
    mod otel;
    mod run;
    mod runtime_api;
    mod size;

    pub(super) use run::main;
}

fn main() -> std::process::ExitCode {
    start::main()
}
