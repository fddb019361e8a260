//! HTTP/1.1 responses and their framing.

use crate::error::BoxError;
use aws_sdk_apigatewaymanagement::primitives::{DateTime, DateTimeFormat};
use bytes::Bytes;
use http::StatusCode;
use httparse::{EMPTY_HEADER, Header, ParserConfig, Response, Status};
use std::time::SystemTime;

const HEADERS: usize = 64;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HttpResponse {
    pub(crate) status: StatusCode,
    /// The host's time, in a rejection.
    pub(crate) date: Option<SystemTime>,
    pub(crate) body: Bytes,
    /// Whether the connection ended before the body.
    pub(crate) is_cut: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) date: Option<SystemTime>,
    pub(super) body: Framing,
    pub(super) keeps: bool,
    pub(super) size: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// After this number of bytes.
    Length(u64),
    /// After a chunk of zero bytes.
    Chunked,
    /// At the end of the connection.
    ToEnd,
}

impl Head {
    /// Parses the head at the beginning of `bytes`. Returns `None` if it is incomplete.
    ///
    /// # Errors
    ///
    /// The bytes are not valid HTTP/1.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, BoxError> {
        let mut headers = [EMPTY_HEADER; HEADERS];
        let mut response = Response::new(&mut headers);
        let parsed = ParserConfig::default().parse_response(&mut response, bytes)?;
        let Status::Complete(size) = parsed else {
            return Ok(None);
        };
        let status = StatusCode::from_u16(response.code.unwrap_or_default())?;
        let mut head = Self {
            status,
            date: None,
            body: Framing::ToEnd,
            keeps: response.version == Some(1),
            size,
        };
        let mut encoded = false;
        for Header { name, value } in response.headers.iter() {
            if name.eq_ignore_ascii_case("content-length") {
                head.length(value)?;
            } else if name.eq_ignore_ascii_case("transfer-encoding") {
                encoded = true;
                let last = value.rsplit(|byte| *byte == b',').next();
                let chunked = last.is_some_and(|last| is(last, "chunked"));
                head.body = match chunked {
                    true => Framing::Chunked,
                    false => Framing::ToEnd,
                };
            } else if name.eq_ignore_ascii_case("connection") {
                let mut options = value.split(|byte| *byte == b',');
                head.keeps &= !options.any(|option| is(option, "close"));
            } else if status == StatusCode::FORBIDDEN && name.eq_ignore_ascii_case("date") {
                head.date = date(value);
            }
        }
        // Both framings together may be an attempt to smuggle a response.
        if encoded && head.body == Framing::Chunked {
            let both = response.headers.iter();
            let mut both = both.filter(|header| header.name.eq_ignore_ascii_case("content-length"));
            head.keeps &= both.next().is_none();
        }
        if matches!(status.as_u16(), 204 | 304) {
            head.body = Framing::Length(0);
        }
        Ok(Some(head))
    }

    fn length(&mut self, value: &[u8]) -> Result<(), BoxError> {
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let length = match std::str::from_utf8(value) {
            Ok(value) if digits => value.parse()?,
            _ => return Err("the length of the response is not a number".into()),
        };
        match self.body {
            Framing::Length(other) if other != length => {
                return Err("the response has two lengths".into());
            }
            Framing::Chunked => {}
            _ => self.body = Framing::Length(length),
        }
        Ok(())
    }
}

/// Parses the chunks of a body. Returns their content and their size in bytes, or `None` if they are incomplete.
///
/// # Errors
///
/// The bytes are not valid chunks.
pub(super) fn chunks(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>, BoxError> {
    let (mut body, mut rest) = (Vec::new(), bytes);
    loop {
        let parsed = httparse::parse_chunk_size(rest);
        let Status::Complete((line, size)) = parsed.map_err(|_| "a chunk has no size")? else {
            return Ok(None);
        };
        rest = &rest[line..];
        if size == 0 {
            let mut trailers = [EMPTY_HEADER; HEADERS];
            return Ok(match httparse::parse_headers(rest, &mut trailers)? {
                Status::Complete((end, _)) => Some((body, bytes.len() - rest.len() + end)),
                Status::Partial => None,
            });
        }
        let size = usize::try_from(size)?;
        let Some((chunk, after)) = rest.split_at_checked(size) else {
            return Ok(None);
        };
        body.extend_from_slice(chunk);
        rest = match after {
            [b'\r', b'\n', rest @ ..] => rest,
            [] | [b'\r'] => return Ok(None),
            _ => return Err("a chunk is longer than its size".into()),
        };
    }
}

fn is(value: &[u8], word: &str) -> bool {
    value.trim_ascii().eq_ignore_ascii_case(word.as_bytes())
}

pub(crate) fn date(value: &[u8]) -> Option<SystemTime> {
    let text = std::str::from_utf8(value).ok()?;
    let date = DateTime::from_str(text, DateTimeFormat::HttpDate).ok()?;
    SystemTime::try_from(date).ok()
}
