//! Websocket handshakes over plain sockets, for clients that need little memory and processor time.

use std::io::{self, Error};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The address of a WebSocket API.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// The address of the server.
    pub address: SocketAddr,
    /// The path of the stage, with a query string if it has one.
    pub path: String,
}

impl Endpoint {
    /// Returns the endpoint of a URL such as `ws://127.0.0.1:3001/dev`.
    ///
    /// # Panics
    ///
    /// The URL is not of this form.
    pub fn of(url: &str) -> Self {
        let rest = url.strip_prefix("ws://").expect("a websocket's URL");
        let (address, path) = rest.split_once('/').unwrap_or((rest, ""));
        Self {
            address: address.parse().expect("an address with its port"),
            path: format!("/{path}"),
        }
    }

    /// Returns the request of a handshake, with a random key.
    pub fn handshake(&self) -> String {
        let Self { address, path } = self;
        let key = std::iter::repeat_with(fastrand::alphanumeric).take(21);
        let key: String = key.collect();
        format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}A==\r\n\r\n"
        )
    }

    /// Connects, and reads nothing behind the response to the handshake.
    ///
    /// # Errors
    ///
    /// The server cannot be reached, or rejects the handshake.
    pub async fn connect(&self) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        // The port is free again as soon as the client disconnects.
        stream.set_zero_linger()?;
        stream.write_all(self.handshake().as_bytes()).await?;
        let mut response = Vec::new();
        // Byte by byte would be one system call each.
        while !response.ends_with(b"\r\n\r\n") {
            let mut buffer = [0; 512];
            let length = not_empty(stream.peek(&mut buffer).await?)?;
            let mut bytes = buffer[..length].windows(4);
            let end = bytes.position(|bytes| bytes == b"\r\n\r\n");
            let length = end.map_or(length, |end| end + 4);
            stream.read_exact(&mut buffer[..length]).await?;
            response.extend_from_slice(&buffer[..length]);
        }
        if response.starts_with(b"HTTP/1.1 101 ") {
            return Ok(stream);
        }
        let response = String::from_utf8_lossy(&response);
        Err(Error::other(format!(
            "the handshake is rejected: {response}"
        )))
    }
}

/// Returns the number of bytes that were read.
///
/// # Errors
///
/// The stream has ended.
pub fn not_empty(read: usize) -> io::Result<usize> {
    match read {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        read => Ok(read),
    }
}
