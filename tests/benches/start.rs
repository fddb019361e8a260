//! Benchmarks of a function's start, its first event, its size, and what an event costs it, in time and
//! memory, beside a hello world of `lambda_runtime`: `cargo bench -p tests --bench start -- --help`.

mod start {
    mod args;
    #[path = "../sending/authority.rs"]
    mod authority;
    mod aws;
    #[allow(dead_code, reason = "other benchmarks need more")]
    #[path = "../common/cores.rs"]
    mod cores;
    mod events;
    #[allow(dead_code, reason = "other benchmarks need more")]
    #[path = "../common/figure.rs"]
    mod figure;
    mod first;
    mod function;
    mod http;
    mod launcher;
    mod memory;
    #[allow(dead_code, reason = "other benchmarks need more")]
    #[path = "../common/meter.rs"]
    mod meter;
    mod next;
    mod run;
    mod runtime_api;
    mod size;

    pub(super) use run::main;
}

fn main() -> std::process::ExitCode {
    start::main()
}
