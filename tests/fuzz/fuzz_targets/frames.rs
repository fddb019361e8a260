//! The frames of a client: the first byte says in which pieces they arrive.

#![no_main]

use lambda_ws_local::gateway::fuzzing::frames;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some((piece, bytes)) = bytes.split_first() {
        frames(bytes, usize::from(*piece));
    }
});
