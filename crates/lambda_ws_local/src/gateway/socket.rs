//! The websocket of one connection: frames in, frames out.

use super::close::Close;
use super::outbox::Outbox;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use lambda_ws::limits::{FRAME_BYTES, MESSAGE_BYTES};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

/// The websocket of one connection, in the server's role.
pub(super) struct Socket {
    inner: WebSocketStream<TcpStream>,
    /// What is left of the message that is being sent.
    rest: Option<Bytes>,
    /// The frame that did not fit into the write buffer.
    frame: Option<Frame>,
    unflushed: bool,
    /// When the last message came or went (conformance F5).
    pub(super) last_message: Instant,
}

/// What a client sent.
pub(super) enum Received {
    /// A message.
    Text(Utf8Bytes),
    /// A ping or a pong.
    Control,
    /// Nothing more will come.
    End(End),
}

/// How a connection ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The client closed.
    Client(Close),
    /// The gateway closes, properly.
    Gateway(Close),
    /// The client did what closes a connection at once.
    Broken(Close),
    /// The TCP connection was lost.
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
    /// A websocket whose handshake is done; `part` is what the client has sent since.
    pub(super) async fn new(stream: TcpStream, part: Vec<u8>) -> Self {
        // The sizes decide what an idle connection costs. The write buffer takes a whole frame
        // beyond what makes it write; beyond that, pongs to a client that does not read are dropped.
        let config = WebSocketConfig::default()
            .read_buffer_size(4096)
            .write_buffer_size(FRAME_BYTES / 2)
            .max_write_buffer_size(2 * FRAME_BYTES)
            .max_frame_size(Some(FRAME_BYTES))
            .max_message_size(Some(MESSAGE_BYTES));
        Self {
            inner: WebSocketStream::from_partially_read(stream, part, Role::Server, Some(config))
                .await,
            rest: None,
            frame: None,
            unflushed: false,
            last_message: Instant::now(),
        }
    }

    /// Sends what waits, and flushes once when nothing does.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        outbox: &Outbox,
    ) -> Poll<Result<(), Error>> {
        while let Some(frame) = self.frame.take().or_else(|| self.next_frame(outbox)) {
            match self.inner.poll_ready_unpin(cx) {
                Poll::Ready(ready) => ready?,
                Poll::Pending => {
                    self.frame = Some(frame);
                    return Poll::Pending;
                }
            }
            self.unflushed = true;
            match self.inner.start_send_unpin(Message::Frame(frame)) {
                Err(Error::WriteBufferFull(message)) => {
                    if let Message::Frame(frame) = *message {
                        self.frame = Some(frame);
                    }
                    ready!(self.inner.poll_flush_unpin(cx))?;
                }
                sent => sent?,
            }
        }
        if self.unflushed {
            ready!(self.inner.poll_flush_unpin(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// The next frame: of the message being sent, or of the next one (conformance F3, F4).
    fn next_frame(&mut self, outbox: &Outbox) -> Option<Frame> {
        let (mut rest, opcode) = match self.rest.take() {
            Some(rest) => (rest, Data::Continue),
            None => {
                let message = outbox.pop()?;
                self.last_message = Instant::now();
                (message, Data::Text)
            }
        };
        let payload = rest.split_to(rest.len().min(FRAME_BYTES));
        let last = rest.is_empty();
        self.rest = (!last).then_some(rest);
        Some(Frame::message(payload, OpCode::Data(opcode), last))
    }

    /// Receives; pings are answered on the way (conformance F7).
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        let received = match ready!(self.inner.poll_next_unpin(cx)) {
            Some(Ok(Message::Text(text))) => {
                self.last_message = Instant::now();
                Received::Text(text)
            }
            // F1.
            Some(Ok(Message::Binary(_))) => Received::End(End::Broken(Close::UNSUPPORTED)),
            Some(Ok(Message::Close(frame))) => Received::End(End::Client(Close::by_client(frame))),
            Some(Ok(_)) => Received::Control,
            Some(Err(error)) => Received::End(end(&error)),
            None => Received::End(End::Lost),
        };
        Poll::Ready(received)
    }

    /// Ends the connection as RFC 6455 wants it, within `limit`.
    pub(super) async fn finish(mut self, end: End, outbox: &Outbox, limit: Duration) {
        // Whoever does not play along is cut off: an error here, too, only means that it is over.
        let _ = timeout(limit, async {
            match end {
                End::Client(_) => {
                    self.inner.flush().await?;
                    self.inner.get_mut().shutdown().await?;
                }
                End::Gateway(close) => {
                    poll_fn(|cx| self.poll_write(cx, outbox)).await?;
                    self.inner.close(Some(close.frame())).await?;
                    while let Some(Ok(_)) = self.inner.next().await {}
                    self.inner.get_mut().shutdown().await?;
                }
                End::Broken(close) => {
                    self.inner.close(Some(close.frame())).await?;
                    linger(self.inner.into_inner()).await;
                }
                End::Lost => {}
            }
            Ok::<(), Error>(())
        })
        .await;
    }
}

/// Sends no more, and reads until the client has gone: closing a socket with unread data in it would
/// reset the connection, and the client could lose what it was told last.
pub(super) async fn linger(mut stream: TcpStream) {
    let mut discarded = vec![0; 4096];
    if Pin::new(&mut stream).shutdown().await.is_ok() {
        while matches!(stream.read(&mut discarded).await, Ok(1..)) {}
    }
}

/// What an error means for the connection (conformance F2, F10).
fn end(error: &Error) -> End {
    match error {
        Error::Capacity(_) => End::Broken(Close::TOO_BIG),
        Error::Utf8(_) => End::Broken(Close::NOT_UTF8),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => End::Lost,
        Error::Protocol(_) => End::Broken(Close::PROTOCOL_ERROR),
        _ => End::Lost,
    }
}
