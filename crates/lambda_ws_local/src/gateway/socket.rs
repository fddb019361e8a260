//! The WebSocket of one connection.
//!
//! The framing is implemented here, because it follows AWS: binary and large frames are rejected at their header. An
//! idle connection must not hold buffers.

mod reader;
mod writer;

use super::connection::{Close, Outbox};
use super::http::Stream;
use super::time::{Moment, Time};
pub(super) use reader::{Incoming, Reader};
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;
use writer::Writer;

const READ_BYTES: usize = 16 * 1024;

/// The WebSocket of one connection, in the server's role.
pub(super) struct Socket {
    stream: Stream,
    reader: Reader,
    writer: Writer,
    rest: Vec<u8>,
    /// How many of them have been parsed.
    understood: usize,
    unflushed: bool,
    /// The time of the last message in either direction (conformance F5).
    pub(super) last_message: Moment,
    time: Time,
}

pub(super) enum Received {
    Text(String),
    Control,
    End(End),
}

/// Why a connection ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    Client(Close),
    /// The gateway closes with a handshake.
    Gateway(Close),
    /// The client violated the protocol, which closes the connection at once.
    Broken(Close),
    Lost,
}

impl End {
    pub(super) fn close(&self) -> Close {
        match self {
            Self::Client(close) | Self::Gateway(close) | Self::Broken(close) => close.clone(),
            Self::Lost => Close::LOST,
        }
    }
}

impl Socket {
    /// Returns a WebSocket after its handshake. `rest` are the bytes that the client has sent since.
    pub(super) fn new(stream: Stream, rest: Vec<u8>, time: Time) -> Self {
        Self {
            stream,
            reader: Reader::default(),
            writer: Writer::default(),
            rest,
            understood: 0,
            unflushed: false,
            last_message: time.now(),
            time,
        }
    }

    /// Sends the waiting messages, and flushes once at the end.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        outbox: &Outbox,
    ) -> Poll<io::Result<()>> {
        loop {
            if self.writer.gather(outbox) {
                self.last_message = self.time.now();
            }
            if self.writer.bytes().is_empty() {
                break;
            }
            ready!(self.poll_write_some(cx))?;
        }
        self.poll_flush(cx)
    }

    fn poll_write_some(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.unflushed = true;
        let written = Pin::new(&mut self.stream).poll_write(cx, self.writer.bytes());
        match ready!(written)? {
            0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            written => {
                self.writer.wrote(written);
                Poll::Ready(Ok(()))
            }
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Receives. The next write answers pings (conformance F7).
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        loop {
            if self.understood < self.rest.len() {
                let mut rest = &self.rest[self.understood..];
                let read = self.reader.read(&mut rest);
                self.understood = self.rest.len() - rest.len();
                if let Some(received) = self.received(read) {
                    return Poll::Ready(received);
                }
            }
            // Everything is parsed, and an idle connection keeps no buffer.
            self.rest = Vec::new();
            self.understood = 0;
            let mut space = [const { MaybeUninit::uninit() }; READ_BYTES];
            let mut space = ReadBuf::uninit(&mut space);
            let read = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space));
            let mut bytes = space.filled();
            if read.is_err() || bytes.is_empty() {
                return Poll::Ready(Received::End(End::Lost));
            }
            let read = self.reader.read(&mut bytes);
            if let Some(received) = self.received(read) {
                self.rest = bytes.to_vec();
                return Poll::Ready(received);
            }
        }
    }

    fn received(&mut self, read: Result<Option<Incoming>, Close>) -> Option<Received> {
        Some(match read {
            Ok(None) => return None,
            Ok(Some(Incoming::Text(text))) => {
                self.last_message = self.time.now();
                Received::Text(text)
            }
            Ok(Some(Incoming::Ping(payload))) => {
                self.writer.pong(payload);
                Received::Control
            }
            Ok(Some(Incoming::Pong)) => Received::Control,
            Ok(Some(Incoming::Close(close))) => Received::End(End::Client(close)),
            Err(close) => Received::End(End::Broken(close)),
        })
    }

    /// Closes the connection by RFC 6455 within `limit`.
    pub(super) async fn finish(mut self, end: End, outbox: &Outbox, limit: Duration) {
        // A client that does not cooperate is disconnected. An error also means that the connection has ended.
        let _ = timeout(limit, async {
            match end {
                End::Client(close) => {
                    self.close(&close).await?;
                    self.stream.shutdown().await?;
                }
                End::Gateway(close) => {
                    poll_fn(|cx| self.poll_write(cx, outbox)).await?;
                    self.close(&close).await?;
                    while !matches!(poll_fn(|cx| self.poll_read(cx)).await, Received::End(_)) {}
                    self.stream.shutdown().await?;
                }
                End::Broken(close) => {
                    self.close(&close).await?;
                    linger(self.stream).await;
                }
                End::Lost => {}
            }
            Ok::<(), io::Error>(())
        })
        .await;
    }

    async fn close(&mut self, close: &Close) -> io::Result<()> {
        self.writer.close(close);
        while !self.writer.bytes().is_empty() {
            poll_fn(|cx| self.poll_write_some(cx)).await?;
        }
        poll_fn(|cx| self.poll_flush(cx)).await
    }
}

/// Stops sending, and reads until the client has disconnected. Closing a socket with unread data would reset the
/// connection, and the client could lose the last bytes.
pub(super) async fn linger(mut stream: Stream) {
    let mut discarded = vec![0; 4096];
    if stream.shutdown().await.is_ok() {
        while matches!(stream.read(&mut discarded).await, Ok(1..)) {}
    }
}
