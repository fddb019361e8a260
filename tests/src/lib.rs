//! End-to-end suites: the real gateway, the real function, real clients. This is what they share.
//!
//! Everything a suite waits for has a deadline ([`within`]), and nothing sleeps for a fixed time: a
//! loaded machine makes the suites slow and not red. A program that a test starts ends with the test,
//! also if it panics. The suites need Linux: they look for processes in `/proc`.

pub mod bench;
mod client;
mod deadline;
mod gateway;
mod handshake;
mod lines;
pub mod lossless;
mod meter;
mod processes;
mod program;
mod programs;
pub mod readme;
mod slow;
mod table;
mod torture;

pub use client::{Client, HandshakeError};
pub use deadline::{PATIENCE, until, within, within_time};
pub use dev::cargo;
pub use gateway::{Gateway, Setup, allow_many_files, sdk_config};
pub use handshake::{Endpoint, not_empty};
pub use lines::Lines;
pub use meter::{MIB, Meter, load_average};
pub use processes::{Processes, signal};
pub use program::{Ended, Program};
pub use programs::{
    chat, compiled_elsewhere, deployed_chat, example, fixture, gateway, optimized_example,
    optimized_gateway, plain, root, small_function, write,
};
pub use slow::SlowClients;
pub use table::Table;
pub use torture::{Held, Report, Torture};
