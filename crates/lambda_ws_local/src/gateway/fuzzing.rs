//! The entry points of the fuzz targets of `/fuzz`. Not a part of the API.

use super::connection::Connection;
use super::events::ConnectAttempt;
use super::handle::Gateway;
use super::http::{Handshake, Head, HeadError, HttpError};
use super::socket::{Incoming, Reader};
use super::{Api, Options, management};
use lambda_ws_protocol::Timestamp;
use lambda_ws_protocol::limits::MESSAGE_BYTES;
use std::net::SocketAddr;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

/// The id of the connection in [`management`].
const ID: &str = "AAAAAAAAAAAAAAA=";

/// Parses a request's head from `bytes`, at once and in pieces of `piece` bytes, and checks its handshake. Both ways
/// must give the same result, a CONNECT event must be JSON, and there must be only one response.
pub async fn handshake(bytes: &[u8], piece: usize) {
    let whole = opened(bytes, bytes.len().max(1)).await.map(undated);
    assert_eq!(whole, opened(bytes, piece.max(1)).await.map(undated));
}

/// Removes the date, because a second may pass between two responses.
fn undated((answer, event): (Vec<u8>, String)) -> (String, String) {
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let head = head.lines().filter(|line| !line.starts_with("Date: "));
    let head: Vec<_> = head.collect();
    (format!("{}\n\n{body}", head.join("\n")), event)
}

/// Returns the response to a handshake and its event, or nothing if there is no response.
async fn opened(bytes: &[u8], piece: usize) -> Option<(Vec<u8>, String)> {
    let (mut client, mut gateway) = duplex(piece);
    let send = async move {
        // The server may have stopped reading.
        let _ = client.write_all(bytes).await;
    };
    let read = async move { Head::read(&mut gateway).await };
    let (head, ()) = tokio::join!(read, send);
    let rejected = |error: HttpError| {
        let answer = error.to_http1();
        one_answer(&answer);
        Some((answer, String::new()))
    };
    let request = match head {
        Ok(Head::Upgrade(request)) => request,
        Ok(Head::Plain(_)) | Err(HeadError::Gone | HeadError::Tls) => return None,
        Err(HeadError::Rejected(error)) => return rejected(error),
    };
    let mut handshake = match Handshake::check(&request, "dev") {
        Ok(handshake) => handshake,
        Err(error) => return rejected(error),
    };
    let (gateway, connection) = gateway_with_a_connection();
    let peer = SocketAddr::from(([127, 0, 0, 1], 4321));
    handshake.forward(request.headers, peer, 3001, "https", "trace".to_owned());
    let attempt = ConnectAttempt {
        state: &gateway.state,
        connection: &connection,
        handshake: &handshake,
        request_id: "request",
        now: Timestamp::from_millis(0),
    };
    let event = attempt.connect_event(None, None);
    let event: serde_json::Value = serde_json::from_slice(&event).expect("an event is JSON");
    let answer = handshake.accept(None);
    assert!(answer.starts_with(b"HTTP/1.1 101 "));
    one_answer(&answer);
    Some((answer, event.to_string()))
}

/// Checks that the bytes are one HTTP response whose body is not another.
fn one_answer(answer: &[u8]) {
    let text = std::str::from_utf8(answer).expect("a response is UTF-8");
    assert_eq!(text.matches("HTTP/1.1 ").count(), 1, "{text}");
    assert!(text.contains("\r\n\r\n"), "{text}");
}

/// Parses frames from `bytes`, at once and in pieces of `piece` bytes. Both ways must give the same result, and keep no
/// more than the maximum size of a message.
pub fn frames(bytes: &[u8], piece: usize) {
    let read = |piece: usize| {
        let (mut reader, mut all) = (Reader::default(), Vec::new());
        for mut piece in bytes.chunks(piece.max(1)) {
            loop {
                match reader.read(&mut piece) {
                    Ok(Some(Incoming::Text(text))) => {
                        assert!(text.len() <= MESSAGE_BYTES);
                        all.push(Ok(Incoming::Text(text)));
                    }
                    Ok(Some(incoming)) => all.push(Ok(incoming)),
                    Ok(None) => break,
                    Err(close) => {
                        assert!(matches!(close.code, 1002 | 1003 | 1007 | 1009));
                        all.push(Err(close));
                        return all;
                    }
                }
            }
            assert!(reader.kept() <= 2 * bytes.len() + 256);
        }
        all
    };
    assert_eq!(read(bytes.len()), read(piece));
}

/// The address of a local client.
const NEAR: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// Sends the requests in `bytes` to a management API with one open connection. Every response must have a known status.
pub async fn management(bytes: &[u8]) {
    let (gateway, connection) = gateway_with_a_connection();
    gateway.state.connections.insert(connection);
    let (mut client, stream) = duplex(64 * 1024);
    let ask = async move {
        let _ = client.write_all(bytes).await;
        let _ = client.shutdown().await;
        let mut answers = Vec::new();
        let _ = client.read_to_end(&mut answers).await;
        answers
    };
    let serve = management::serve(&gateway, stream, NEAR, Vec::new());
    let ((), answers) = tokio::join!(serve, ask);
    if let Some(status) = answers.get(9..12) {
        const KNOWN: [&[u8]; 11] = [
            b"100", b"200", b"204", b"400", b"403", b"405", b"410", b"413", b"414", b"426", b"431",
        ];
        let text = String::from_utf8_lossy(&answers);
        assert!(KNOWN.contains(&status), "{text}");
    }
}

fn gateway_with_a_connection() -> (Gateway, Arc<Connection>) {
    let options = Options {
        random: fastrand::Rng::with_seed(7),
        clock: Arc::new(|| Timestamp::from_millis(0)),
        ..Options::default()
    };
    let gateway = Gateway::new(Api::new("abcd1234", "dev"), options);
    let connection = Connection::new(
        ID.to_owned(),
        Timestamp::from_millis(0),
        "127.0.0.1".to_owned(),
        None,
        "localhost".to_owned(),
    );
    (gateway, Arc::new(connection))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::testing::{HANDSHAKE, frame};
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn run(future: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(future);
    }

    // What a fuzzer does for minutes, in small.
    proptest! {
        #[test]
        fn a_handshake_with_anything_in_it_is_answered_once(
            header in vec(any::<u8>(), 0..60), target in "/(dev)?\\PC{0,20}", piece in 1..50_usize,
        ) {
            let head = String::from_utf8(HANDSHAKE.to_vec()).unwrap();
            let head = head.replace("/dev", &target).replace("\r\n\r\n", "\r\nX: ");
            let bytes = [head.as_bytes(), &header, b"\r\n\r\n"].concat();
            run(handshake(&bytes, piece));
        }

        #[test]
        fn frames_are_understood_in_whatever_pieces(
            frame_list in vec((any::<u8>(), vec(any::<u8>(), 0..200)), 0..8), piece in 1..50_usize,
        ) {
            let one = |(first, payload): &(u8, Vec<u8>)| frame(first & 0x8f, payload);
            let bytes: Vec<_> = frame_list.iter().flat_map(one).collect();
            frames(&bytes, piece);
        }

        #[test]
        fn a_call_of_the_management_api_is_answered(
            method in "GET|POST|PUT|DELETE", path in "/(dev|x)/(@|%40)connections/(AAAAAAAAAAAAAAA(=|%3D)|\\PC{0,20})",
            header in "[ -~]{0,30}", body in vec(any::<u8>(), 0..60),
        ) {
            let head = format!(
                "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n{header}\r\n\r\n",
                body.len()
            );
            run(management(&[head.as_bytes(), &body].concat()));
        }
    }
}
