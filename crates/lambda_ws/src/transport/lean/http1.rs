//! An HTTP/1.1 connection with one request at a time.

use super::http_response::{Framing, Head, HttpResponse, chunks};
use super::signed_request::SignedRequest;
use crate::error::BoxError;
use bytes::Bytes;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

/// The maximum size of a head, in bytes.
const HEAD: usize = 16 * 1024;

/// The maximum size of the read part of a body, in bytes.
const BODY: usize = 64 * 1024;

/// The size of one read, in bytes: a usual response.
const ROOM: usize = 1024;

#[derive(Debug)]
pub(super) struct Http1<S> {
    stream: S,
    /// The bytes that were read and not parsed yet.
    buffer: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct ExchangeError {
    /// Whether the response had begun, so that the request has arrived.
    pub(super) response_began: bool,
    pub(super) error: BoxError,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Http1<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            buffer: Vec::new(),
        }
    }

    /// Returns whether the host waits for a request: it has neither closed the connection nor sent data.
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let mut byte = ReadBuf::new(&mut byte);
        let mut context = Context::from_waker(Waker::noop());
        let read = Pin::new(&mut self.stream).poll_read(&mut context, &mut byte);
        read.is_pending()
    }

    /// Sends a request and reads its response. Returns whether the connection can be reused.
    ///
    /// # Cancel safety
    ///
    /// Not cancel safe: drop the connection if an exchange was not awaited to its end.
    ///
    /// # Errors
    ///
    /// The response is missing or not HTTP/1.
    pub(super) async fn exchange(
        &mut self,
        request: &SignedRequest,
    ) -> Result<(HttpResponse, bool), ExchangeError> {
        let mut response_began = false;
        let written = self.write(request).await;
        match self.answer(&mut response_began).await {
            Ok((answer, keeps)) => Ok((answer, keeps && matches!(written, Ok(true)))),
            Err(error) => Err(ExchangeError {
                response_began: response_began || !self.buffer.is_empty(),
                // The write error came first.
                error: match written {
                    Err(error) if self.buffer.is_empty() => error.into(),
                    _ => error,
                },
            }),
        }
    }

    /// Writes a request. Returns `false` if a response came before its end: the host may then stop reading.
    async fn write(&mut self, request: &SignedRequest) -> io::Result<bool> {
        let mut parts = [&request.start[..], &request.rest[..]];
        poll_fn(|cx| match self.poll_write(cx, &mut parts) {
            Poll::Ready(written) => Poll::Ready(written.map(|()| true)),
            Poll::Pending => self.poll_more(cx).map_ok(|_| false),
        })
        .await
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, parts: &mut [&[u8]]) -> Poll<io::Result<()>> {
        for part in parts {
            while !part.is_empty() {
                match ready!(Pin::new(&mut self.stream).poll_write(cx, part))? {
                    0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                    written => *part = &part[written..],
                }
            }
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Reads more bytes; zero at the end.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.buffer.reserve(ROOM);
        let mut read = std::pin::pin!(self.stream.read_buf(&mut self.buffer));
        read.as_mut().poll(cx)
    }

    async fn more(&mut self) -> io::Result<()> {
        match poll_fn(|cx| self.poll_more(cx)).await? {
            0 => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the host closed the connection before its response",
            )),
            _ => Ok(()),
        }
    }

    async fn answer(
        &mut self,
        response_began: &mut bool,
    ) -> Result<(HttpResponse, bool), BoxError> {
        let head = loop {
            match Head::parse(&self.buffer)? {
                // An interim response, such as `100 Continue`.
                Some(head) if matches!(head.status.as_u16(), 100 | 102..200) => {
                    *response_began = true;
                    self.buffer.drain(..head.size);
                }
                Some(head) => break head,
                None if self.buffer.len() > HEAD => {
                    return Err(
                        format!("the head of the response has more than {HEAD} bytes").into(),
                    );
                }
                None => self.more().await?,
            }
        };
        let read = self.body(&head).await.ok();
        let is_cut = read.is_none();
        let (body, is_whole) = read.unwrap_or_default();
        let answer = HttpResponse {
            status: head.status,
            date: head.date,
            body,
            is_cut,
        };
        self.buffer.clear();
        // A large response is rare, so idle connections release its memory.
        self.buffer.shrink_to(HEAD);
        Ok((answer, head.keeps && is_whole))
    }

    /// Reads a body, or its beginning. Returns whether it was complete and without extra bytes.
    async fn body(&mut self, head: &Head) -> Result<(Bytes, bool), BoxError> {
        let size = head.size;
        match head.body {
            Framing::Length(0) => Ok((Bytes::new(), self.buffer.len() == size)),
            Framing::Length(length) => {
                let length = usize::try_from(length).unwrap_or(usize::MAX);
                let end = size + length.min(BODY);
                while self.buffer.len() < end {
                    self.more().await?;
                }
                let body = Bytes::copy_from_slice(&self.buffer[size..end]);
                Ok((body, length <= BODY && self.buffer.len() == end))
            }
            Framing::Chunked => loop {
                if let Some((body, length)) = chunks(&self.buffer[size..])? {
                    break Ok((body.into(), self.buffer.len() == size + length));
                }
                if self.buffer.len() > size + BODY {
                    break Ok((Bytes::new(), false));
                }
                self.more().await?;
            },
            Framing::ToEnd => {
                while self.buffer.len() <= size + BODY {
                    if poll_fn(|cx| self.poll_more(cx)).await? == 0 {
                        break;
                    }
                }
                let body = Bytes::copy_from_slice(&self.buffer[size..]);
                Ok((body, false))
            }
        }
    }
}
