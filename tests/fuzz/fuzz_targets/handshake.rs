//! The head of a request, and its handshake: the first byte says in which pieces it arrives.

#![no_main]

use lambda_ws_local::gateway::fuzzing::handshake;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("there are threads")
});

fuzz_target!(|bytes: &[u8]| {
    if let Some((piece, bytes)) = bytes.split_first() {
        RUNTIME.block_on(handshake(bytes, usize::from(*piece)));
    }
});
