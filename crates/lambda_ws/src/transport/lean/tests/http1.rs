//! Tests of requests and responses in pieces of any size.

use crate::transport::lean::http_response::HttpResponse;
use crate::transport::lean::http1::{ExchangeError, Http1};
use crate::transport::lean::signed_request::SignedRequest;
use bytes::Bytes;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

const HEAD: &[u8] = b"POST / HTTP/1.1\r\ncontent-length: 40\r\n\r\n";
const BODY: &[u8] = b"0123456789012345678901234567890123456789";

fn request() -> SignedRequest {
    SignedRequest {
        start: HEAD.to_vec(),
        rest: Bytes::from_static(BODY),
    }
}

/// Sends a request to a host that responds with `answer`, in pieces of this many bytes, and may then close the
/// connection. Returns the result, and whether the connection can be reused.
fn exchange(
    answer: &[u8],
    close: bool,
    room: usize,
) -> (Result<(HttpResponse, bool), ExchangeError>, bool) {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().unwrap();
    runtime.block_on(async {
        let (ours, mut theirs) = duplex(room);
        let mut wire = Http1::new(ours);
        let host = async {
            let mut seen = vec![0; HEAD.len() + BODY.len()];
            theirs.read_exact(&mut seen).await.unwrap();
            assert_eq!(seen, [HEAD, BODY].concat());
            // Fails if the request is not read to its end.
            let _ = theirs.write_all(answer).await;
            match close {
                true => drop(theirs),
                false => std::future::pending().await,
            }
            std::future::pending().await
        };
        let request = request();
        let mut host = std::pin::pin!(host);
        tokio::select! {
            () = &mut host => unreachable!("it waits for ever"),
            exchanged = wire.exchange(&request) => (exchanged, wire.is_quiet()),
        }
    })
}

#[derive(Debug, Clone)]
struct Said {
    bytes: Vec<u8>,
    body: Vec<u8>,
    keeps: bool,
}

prop_compose! {
    fn said()(
        status in prop::sample::select(vec![200, 403, 410, 500]),
        early in any::<bool>(),
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..5),
        framing in 0..3,
        closes in any::<bool>(),
    ) -> Said {
        let body = pieces.concat();
        let early = if early { "HTTP/1.1 103 Early Hints\r\nlink: a\r\n\r\n" } else { "" };
        let close = if closes { "connection: x, Close\r\n" } else { "" };
        let mut bytes = format!("{early}HTTP/1.1 {status} What ever\r\n{close}").into_bytes();
        match framing {
            0 => bytes.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes()),
            1 => bytes.extend(b"transfer-encoding: chunked\r\n\r\n"),
            _ => bytes.extend(b"\r\n"),
        }
        if framing == 1 {
            for piece in &pieces {
                bytes.extend(format!("{:x};a=b\r\n", piece.len()).bytes());
                bytes.extend(piece);
                bytes.extend(b"\r\n");
            }
            bytes.extend(b"0\r\ntrailer: yes\r\n\r\n");
        } else {
            bytes.extend(&body);
        }
        Said { bytes, body, keeps: framing < 2 && !closes }
    }
}

proptest! {
    #[test]
    fn a_response_is_parsed_from_pieces_of_any_size(said in said(), room in 1..300usize) {
        let (exchanged, quiet) = exchange(&said.bytes, !said.keeps, room);
        let (answer, keeps) = exchanged.expect("an answer");
        prop_assert_eq!(&answer.body[..], &said.body[..]);
        prop_assert!(!answer.is_cut);
        prop_assert_eq!(keeps, said.keeps);
        prop_assert!(quiet || !keeps);
    }

    #[test]
    fn an_incomplete_response_never_counts_as_complete(
        said in said().prop_filter("it has an end of its own", |said| said.keeps),
        at in any::<prop::sample::Index>(),
        room in 1..300usize,
    ) {
        let at = at.index(said.bytes.len());
        match exchange(&said.bytes[..at], true, room).0 {
            Ok((answer, keeps)) => prop_assert!(answer.is_cut && !keeps),
            Err(broken) => prop_assert_eq!(broken.response_began, at > 0),
        }
    }

    #[test]
    fn no_response_of_a_host_causes_a_panic(
        said in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "HTTP/1.[01] [0-9]{3}[ -~]{0,10}\r\n(([A-Za-z-]{1,20}|content-length|transfer-encoding): \
             ([0-9]{1,20}|chunked|[ -~]{0,20})\r\n){0,4}\r\n[0-9a-f\r\n]{0,30}"
                .prop_map(String::into_bytes),
        ],
        room in 1..300usize,
    ) {
        if let Ok((answer, _)) = exchange(&said, true, room).0 {
            prop_assert!(answer.body.len() < said.len());
        }
    }
}
