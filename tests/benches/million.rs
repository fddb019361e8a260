//! A simulation of a million connections in virtual time: `cargo bench -p tests --bench million -- --help`.
//!
//! The code of the library and the state machine of the client are real. API Gateway, Lambda, DynamoDB's partitions and
//! the network are models, with the default quotas of an account.

mod million {
    mod app;
    mod args;
    mod broadcast;
    mod bucket;
    mod cost;
    mod gateway;
    mod lambda;
    mod plot;
    mod presence;
    mod run;
    mod steady;
    mod storm;
    mod table;
    mod throttled;
    mod world;

    pub(super) use run::main;
}

/// The client's state machine, which is not public.
#[allow(unused, reason = "its tests run in their own crate")]
#[allow(dead_code, reason = "a simulated client has no rooms and no requests")]
#[allow(unreachable_pub, reason = "the modules are public in their own crate")]
#[path = "../../crates/lambda_ws_client/src"]
mod client {
    pub(super) mod error;
    pub(super) mod machine;
    pub(super) mod protocol;
    pub(super) mod room;
}
// The names that those modules know each other by.
use client::{error, protocol, room};

fn main() -> std::process::ExitCode {
    million::main()
}
