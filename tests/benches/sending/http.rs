//! The part of HTTP that the server and the floor need. Both sides are part of this benchmark.

use std::io;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Reads one message with the body length in its head, and discards it.
pub(super) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> io::Result<()> {
    buffer.clear();
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if length(buffer).is_some_and(|length| buffer.len() >= length) {
            return Ok(());
        }
    }
}

/// Returns the length of a message whose head is complete.
fn length(message: &[u8]) -> Option<usize> {
    const LENGTH: &[u8] = b"content-length: ";
    let head = message.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let mut lines = message[..head].split(|byte| *byte == b'\n');
    let value = lines.find_map(|line| {
        let (name, value) = line.split_at_checked(LENGTH.len())?;
        name.eq_ignore_ascii_case(LENGTH).then_some(value)
    });
    let value = std::str::from_utf8(value?.trim_ascii()).ok()?;
    Some(head + value.parse::<usize>().ok()?)
}
