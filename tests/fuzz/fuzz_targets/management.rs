//! Requests to the management API: method, path, headers, body, and what follows them.

#![no_main]

use lambda_ws_local::gateway::fuzzing::management;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tokio::runtime::{Builder, Runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("there are threads")
});

fuzz_target!(|bytes: &[u8]| RUNTIME.block_on(management(bytes)));
