//! The head of the first request on a TCP connection. It has its own parser, because events keep the case and the order
//! of header names (conformance C1), which HTTP libraries do not.

use crate::gateway::http::HttpError;
use http::Request;
use lambda_ws_protocol::event::Pairs;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The maximum size of a head, in bytes.
const HEAD_BYTES: usize = 32 * 1024;
/// The first byte of a TLS client.
const TLS_HANDSHAKE: u8 = 0x16;
const HEADERS: usize = 100;

pub(crate) enum Head {
    Upgrade(Upgrade),
    /// Any other request, with all bytes read so far.
    Plain(Vec<u8>),
}

pub(crate) struct Upgrade {
    pub(crate) target: String,
    pub(crate) http_11: bool,
    /// The headers with their names as sent.
    pub(crate) headers: Pairs,
    /// The bytes that the client sent after the head.
    pub(crate) rest: Vec<u8>,
}

/// Why there is no head.
#[derive(Debug)]
pub(crate) enum HeadError {
    Gone,
    /// The request is not valid. The client gets this error.
    Rejected(HttpError),
    Tls,
}

impl Head {
    /// Reads until a head is complete. The caller limits the time.
    pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Self, HeadError> {
        let mut bytes = Vec::with_capacity(1024);
        let mut searched = 0;
        loop {
            let read = stream.read_buf(&mut bytes).await;
            if !matches!(read, Ok(1..)) {
                return Err(HeadError::Gone);
            }
            // Empty lines before a request are ignored (RFC 9112, 2.2).
            let empty = bytes
                .iter()
                .take_while(|byte| matches!(byte, b'\r' | b'\n'));
            let empty = empty.count();
            bytes.drain(..empty);
            // A TLS hello or other noise would never end.
            match bytes.first() {
                None => continue,
                Some(first) if first.is_ascii_alphabetic() => {}
                Some(&TLS_HANDSHAKE) => return Err(HeadError::Tls),
                Some(_) => return Err(HeadError::Rejected(not_http())),
            }
            // Parsed once when its end has arrived, not at every byte of a slow client.
            if ends(&bytes, searched)
                && let Some(head) = Self::parse(&mut bytes).map_err(HeadError::Rejected)?
            {
                return Ok(head);
            }
            if bytes.len() > HEAD_BYTES {
                return Err(HeadError::Rejected(too_large()));
            }
            searched = bytes.len();
        }
    }

    fn parse(bytes: &mut Vec<u8>) -> Result<Option<Self>, HttpError> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let length = match request.parse(bytes) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(_) => return Err(not_http()),
        };
        // One read may exceed the maximum head, or include bytes after a shorter one.
        if length > HEAD_BYTES {
            return Err(too_large());
        }
        let upgrades = request.method == Some("GET")
            && request.headers.iter().any(|header| {
                header.name.eq_ignore_ascii_case("upgrade") && has_token(header.value, "websocket")
            });
        if !upgrades {
            return Ok(Some(Self::Plain(std::mem::take(bytes))));
        }
        let owned = request.headers.iter().map(|header| {
            let value = String::from_utf8_lossy(header.value);
            (header.name.to_owned(), value.into_owned())
        });
        Ok(Some(Self::Upgrade(Upgrade {
            target: request.path.unwrap_or_default().to_owned(),
            http_11: request.version == Some(1),
            headers: owned.collect(),
            rest: bytes[length..].to_vec(),
        })))
    }
}

/// Checks the size of a head that a library has parsed, for later requests on a connection.
pub(crate) fn check_size<B>(request: &Request<B>) -> Result<(), HttpError> {
    let target = request
        .uri()
        .path_and_query()
        .map_or(0, |one| one.as_str().len());
    let line = request.method().as_str().len() + target + "  HTTP/1.1\r\n".len();
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len());
    match line + headers.sum::<usize>() + "\r\n".len() <= HEAD_BYTES {
        true => Ok(()),
        false => Err(too_large()),
    }
}

fn too_large() -> HttpError {
    HttpError::new(
        431,
        "BadRequestException",
        "Request Header Fields Too Large",
    )
}

fn not_http() -> HttpError {
    HttpError::bad_request("Bad Request")
}

/// Whether `bytes` contain the end of a head. The first `searched` bytes were already searched.
fn ends(bytes: &[u8], searched: usize) -> bool {
    let new = &bytes[searched.saturating_sub(2)..];
    new.windows(2).any(|pair| pair == b"\n\n") || new.windows(3).any(|three| three == b"\n\r\n")
}

/// Whether a comma-separated list contains this token.
pub(crate) fn has_token(list: &[u8], token: &str) -> bool {
    list.split(|byte| *byte == b',')
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    async fn read(bytes: &[u8], piece: usize) -> Result<Head, HeadError> {
        let mut stream = stream(bytes, piece);
        Head::read(&mut stream).await
    }

    /// A stream that gives `piece` bytes at a time.
    fn stream(bytes: &[u8], piece: usize) -> impl AsyncRead + Unpin + use<> {
        let (mut near, far) = tokio::io::duplex(piece);
        let bytes = bytes.to_vec();
        tokio::spawn(async move {
            use tokio::io::AsyncWriteExt;
            let _ = near.write_all(&bytes).await;
        });
        far
    }

    const REQUEST: &[u8] =
        b"GET /dev?a=1 HTTP/1.1\r\nHost: x\r\nuPGRADE: h2c, WebSocket\r\nAuth123: \xff\r\n\r\n\x81\x80";

    #[tokio::test]
    async fn empty_lines_before_a_request_are_nothing_however_they_arrive() {
        for piece in [1, 2, 1000] {
            let request = [b"\r\n\n\n".as_slice(), REQUEST].concat();
            assert!(matches!(read(&request, piece).await, Ok(Head::Upgrade(_))));
            let noise = read(b"\n\n%.]\n", piece).await;
            assert!(matches!(noise, Err(HeadError::Rejected(_))), "{piece}");
        }
    }

    #[tokio::test]
    async fn c1_a_head_keeps_the_case_of_its_names_however_it_arrives() {
        for piece in [1, 2, 7, 1000] {
            let Ok(Head::Upgrade(upgrade)) = read(REQUEST, piece).await else {
                panic!("no upgrade, {piece} bytes at a time");
            };
            assert_eq!(upgrade.target, "/dev?a=1");
            let names: Vec<_> = upgrade.headers.iter().map(|(name, _)| name).collect();
            assert_eq!(names, ["Host", "uPGRADE", "Auth123"]);
            if piece == 1000 {
                assert_eq!(upgrade.rest, b"\x81\x80");
            }
        }
    }

    #[tokio::test]
    async fn a_head_without_an_end_is_refused_at_32_kb() {
        let mut endless = b"GET / HTTP/1.1\r\nX: ".to_vec();
        endless.resize(40_000, b'x');
        let Err(HeadError::Rejected(error)) = read(&endless, 4096).await else {
            panic!("not refused");
        };
        assert_eq!(error.status, 431);
    }

    #[tokio::test]
    async fn fault_l13_a_whole_head_over_32_kb_is_refused_however_it_arrives() {
        let request = |padding: usize, method: &str| {
            let head = format!("{method} /dev HTTP/1.1\r\nUpgrade: websocket\r\nX: ");
            let padding = padding - head.len() - 4;
            format!("{head}{}\r\n\r\n", "x".repeat(padding)).into_bytes()
        };
        for piece in [1000, 4096, 100_000] {
            for method in ["GET", "POST"] {
                let fits = read(&request(HEAD_BYTES, method), piece).await;
                assert!(fits.is_ok(), "{method} {piece}");
                let Err(HeadError::Rejected(error)) =
                    read(&request(HEAD_BYTES + 1, method), piece).await
                else {
                    panic!("not refused: {method} {piece}");
                };
                assert_eq!(error.status, 431);
            }
        }
        // What follows the head is not part of it.
        let long = [request(30_000, "GET"), vec![b'x'; 20_000]].concat();
        assert!(read(&long, 100_000).await.is_ok());
    }

    #[tokio::test]
    async fn what_is_no_http_is_refused_at_once_and_what_ends_is_gone() {
        assert!(matches!(
            read(b"\x16\x03\x01", 9).await,
            Err(HeadError::Tls)
        ));
        assert!(matches!(
            read(b"\x80\x03\x01", 9).await,
            Err(HeadError::Rejected(_))
        ));
        assert!(matches!(
            read(b"GET\r\n\r\n", 9).await,
            Err(HeadError::Rejected(_))
        ));
        assert!(matches!(read(b"GET / HT", 9).await, Err(HeadError::Gone)));
        assert!(matches!(
            read(b"POST / HTTP/1.1\r\n\r\n", 9).await,
            Ok(Head::Plain(_))
        ));
    }

    proptest! {
        #[test]
        fn the_end_is_found_in_whatever_pieces(
            lines in proptest::collection::vec("[a-c]{1,3}", 0..4), piece in 1..5usize
        ) {
            let text = format!("{}\r\n\r\n", lines.join("\r\n"));
            let mut searched = 0;
            for end in (0..text.len()).step_by(piece).skip(1) {
                let found = ends(&text.as_bytes()[..end], searched);
                prop_assert!(!found, "{end} of {text:?}");
                searched = end;
            }
            prop_assert!(ends(text.as_bytes(), searched), "{text:?}");
        }
    }
}
