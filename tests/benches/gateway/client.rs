//! A minimal client: it encodes its message once, and compares the bytes that it receives.

use std::io::{self, Error};
use std::net::SocketAddr;
use tests::{Endpoint, not_empty};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Where a client connects.
#[derive(Debug, Clone)]
pub(super) enum Place {
    /// A server that echoes bytes, without a handshake.
    Tcp(SocketAddr),
    /// A WebSocket API.
    Websocket(Endpoint),
}

impl Place {
    /// Returns one message, there and back.
    pub(super) fn exchange(&self, text: &str) -> Exchange {
        // A mask of zeros leaves the payload as it is.
        let sent = frame(text, 0x80, &[0; 4]);
        let heard = match self {
            Self::Websocket(_) => frame(text, 0, &[]),
            Self::Tcp(_) => sent.clone(),
        };
        Exchange { sent, heard }
    }
}

/// A text frame.
fn frame(text: &str, masked: u8, mask: &[u8]) -> Vec<u8> {
    let length = u8::try_from(text.len()).ok().filter(|length| *length < 126);
    let length = length.expect("the messages here are short");
    let mut frame = vec![0x81, masked | length];
    frame.extend_from_slice(mask);
    frame.extend_from_slice(text.as_bytes());
    frame
}

/// The bytes of one message and of its echo.
#[derive(Debug, Clone)]
pub(super) struct Exchange {
    sent: Vec<u8>,
    heard: Vec<u8>,
}

/// A client that costs next to nothing.
#[derive(Debug)]
pub(super) struct Client {
    stream: TcpStream,
}

impl Client {
    /// Connects, and makes the handshake of a websocket.
    pub(super) async fn connect(to: &Place) -> io::Result<Self> {
        let stream = match to {
            Place::Websocket(endpoint) => endpoint.connect().await?,
            Place::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                // The port is free again as soon as the client disconnects.
                stream.set_zero_linger()?;
                stream
            }
        };
        Ok(Self { stream })
    }

    /// Sends a message and waits until it has come back.
    pub(super) async fn exchange(
        &mut self,
        exchange: &Exchange,
        buffer: &mut [u8],
    ) -> io::Result<()> {
        self.stream.write_all(&exchange.sent).await?;
        let mut length = 0;
        while length < exchange.heard.len() {
            length += not_empty(self.stream.read(&mut buffer[length..]).await?)?;
        }
        if buffer[..length] == exchange.heard {
            return Ok(());
        }
        let heard = String::from_utf8_lossy(&buffer[..length]);
        Err(Error::other(format!("this is no echo: {heard}")))
    }
}
