//! A minimal client: a socket, and a few bytes of the message that it receives.

use std::io;
use std::time::Instant;
use tests::{Endpoint, not_empty};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc::UnboundedSender;

/// An event of a client.
#[derive(Debug)]
pub(crate) struct Event {
    /// Its number.
    pub(crate) client: usize,
    pub(crate) at: Instant,
    /// The received message, or `None` at the end of the connection.
    pub(crate) text: Option<String>,
}

/// Connects a client, which sends what it receives to `events`.
///
/// # Errors
///
/// Why it could not connect.
pub(crate) async fn connect(
    endpoint: &Endpoint,
    number: usize,
    events: UnboundedSender<Event>,
) -> io::Result<OwnedWriteHalf> {
    let stream = endpoint.connect().await?;
    let (read, write) = stream.into_split();
    tokio::spawn(async move {
        // How it ends does not matter.
        let _ = listen(read, number, &events).await;
        let ended = Event {
            client: number,
            at: Instant::now(),
            text: None,
        };
        let _ = events.send(ended);
    });
    Ok(write)
}

async fn listen(
    stream: OwnedReadHalf,
    client: usize,
    events: &UnboundedSender<Event>,
) -> io::Result<()> {
    let mut heard = Vec::new();
    loop {
        stream.readable().await?;
        let mut buffer = [0; 1024];
        match stream.try_read(&mut buffer) {
            Ok(length) => heard.extend_from_slice(&buffer[..not_empty(length)?]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        }
        while let Some((kind, payload, length)) = frame(&heard) {
            match kind {
                0x81 => {
                    let event = Event {
                        client,
                        at: Instant::now(),
                        text: Some(String::from_utf8_lossy(payload).into_owned()),
                    };
                    let _ = events.send(event);
                }
                0x88 => return Ok(()),
                _ => {}
            }
            heard.drain(..length);
        }
    }
}

/// The first frame of these bytes, if it is whole: its first byte, its payload, its length.
fn frame(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let (begin, length) = match *bytes.get(1)? {
        126 => (
            4,
            usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])),
        ),
        length => (2, usize::from(length)),
    };
    let payload = bytes.get(begin..begin + length)?;
    Some((bytes[0], payload, begin + length))
}

/// A client's text frame, of less than 64 KB.
pub(crate) fn text_frame(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("the messages here are short");
    let mut frame = vec![0x81];
    match u8::try_from(length).ok().filter(|length| *length < 126) {
        Some(length) => frame.push(0x80 | length),
        None => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
    }
    // A mask of zeros leaves the payload as it is.
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(text.as_bytes());
    frame
}
