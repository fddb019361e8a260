//! A client that costs next to nothing: what it sends is made once, what it hears is compared.

use std::io::{self, Error};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Where a client connects.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) address: SocketAddr,
    /// The path of the handshake; without one there is none, and bytes are echoed as they are.
    pub(super) path: Option<String>,
}

impl Place {
    /// The place of a URL such as `ws://127.0.0.1:3001/dev`.
    pub(super) fn of(url: &str) -> Self {
        let rest = url.strip_prefix("ws://").expect("a websocket's URL");
        let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
        Self {
            address: address.parse().expect("an address with its port"),
            path: Some(format!("/{path}")),
        }
    }

    /// One message, there and back.
    pub(super) fn exchange(&self, text: &str) -> Exchange {
        // A mask of zeros leaves the payload as it is.
        let sent = frame(text, 0x80, &[0; 4]);
        let heard = match self.path {
            Some(_) => frame(text, 0, &[]),
            None => sent.clone(),
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

/// One message, there and back, as it is on the wire.
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
    /// Connects; on a websocket with a handshake.
    pub(super) async fn connect(to: &Place) -> io::Result<Self> {
        let mut stream = TcpStream::connect(to.address).await?;
        stream.set_nodelay(true)?;
        // Its port is free again as soon as it goes.
        stream.set_zero_linger()?;
        if let Some(path) = &to.path {
            shake_hands(&mut stream, to.address, path).await?;
        }
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
            length += some(self.stream.read(&mut buffer[length..]).await?)?;
        }
        if buffer[..length] == exchange.heard {
            return Ok(());
        }
        let heard = String::from_utf8_lossy(&buffer[..length]);
        Err(Error::other(format!("this is no echo: {heard}")))
    }
}

async fn shake_hands(stream: &mut TcpStream, host: SocketAddr, path: &str) -> io::Result<()> {
    // serverless-offline tells clients by their keys.
    let key: String = std::iter::repeat_with(fastrand::alphanumeric)
        .take(21)
        .collect();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}A==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let (mut buffer, mut length) = ([0; 1024], 0);
    while !buffer[..length].ends_with(b"\r\n\r\n") {
        length += some(stream.read(&mut buffer[length..]).await?)?;
    }
    if buffer.starts_with(b"HTTP/1.1 101 ") {
        return Ok(());
    }
    let answer = String::from_utf8_lossy(&buffer[..length]);
    Err(Error::other(format!("no websocket: {answer}")))
}

fn some(read: usize) -> io::Result<usize> {
    match read {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        read => Ok(read),
    }
}
