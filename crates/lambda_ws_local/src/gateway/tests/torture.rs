//! Conformance F and RFC 6455: whatever a client may send, in the manner of the Autobahn suite. Every
//! case is told by the bytes of a raw TCP connection, all at once and one at a time.

mod closing;

use crate::gateway::testing::{HANDSHAKE, Local, Setup, echo, frame, head, next_frame, ok};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TEXT: u8 = 0x81;
const TEXT_BEGINS: u8 = 0x01;
const CONTINUES: u8 = 0x00;
const ENDS: u8 = 0x80;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PING: u8 = 0x89;
const PONG: u8 = 0x8a;

/// First bytes and payloads.
type Frames<'a> = &'a [(u8, &'a [u8])];

async fn echoing() -> Local {
    let setup = Setup::new().two_way("$default", echo);
    setup.route("$disconnect", ok).start().await
}

/// Sends these bytes, at once or one by one.
async fn send(stream: &mut TcpStream, bytes: &[u8], piece: usize) {
    for piece in bytes.chunks(piece) {
        // A gateway that has closed need not have read the rest.
        if stream.write_all(piece).await.is_err() {
            return;
        }
    }
}

fn frames(all: &[(u8, &[u8])]) -> Vec<u8> {
    all.iter()
        .flat_map(|(first, payload)| frame(*first, payload))
        .collect()
}

/// A header of a frame of `length` bytes, in the form of `form` bytes, without mask and payload.
fn header(first: u8, form: usize, length: u64) -> Vec<u8> {
    let mark = if form == 2 { 126 } else { 127 };
    let mut header = vec![first, 0x80 | mark];
    header.extend(&length.to_be_bytes()[8 - form..]);
    header
}

/// The client is closed with this code, the function is told the same, and TCP ends without a reset;
/// nothing else is answered.
async fn closes(local: &Local, what: &str, bytes: &[u8], code: u16) {
    for piece in [bytes.len().max(1), 1] {
        let mut stream = local.raw_socket().await;
        send(&mut stream, bytes, piece).await;
        let (first, payload) = next_frame(&mut stream).await;
        assert_eq!(first, CLOSE, "{what}, by {piece}: {payload:?}");
        assert_eq!(payload[..2], code.to_be_bytes(), "{what}, by {piece}");
        assert!(payload.len() <= 125 && std::str::from_utf8(&payload[2..]).is_ok());
        assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "{what}");
        let (told, reason) = local.disconnected().await;
        assert_eq!(told, u64::from(code), "{what}");
        assert_eq!(reason.as_bytes(), &payload[2..], "{what}");
        assert_eq!(local.gateway.connections(), 0);
    }
}

/// The client gets these frames back.
async fn answers(local: &Local, what: &str, bytes: &[u8], expected: &[(u8, &[u8])]) {
    for piece in [bytes.len(), 1] {
        let mut stream = local.raw_socket().await;
        send(&mut stream, bytes, piece).await;
        for (first, payload) in expected {
            let got = next_frame(&mut stream).await;
            assert_eq!(got, (*first, payload.to_vec()), "{what}, by {piece}");
        }
        drop(stream);
        while local.event().await["requestContext"]["eventType"] != "DISCONNECT" {}
    }
}

#[tokio::test]
async fn f10_a_message_may_be_fragmented_in_every_way() {
    let local = echoing().await;
    let cases: &[(&str, Frames<'_>, Frames<'_>)] = &[
        ("an empty message", &[(TEXT, b"")], &[(TEXT, b"")]),
        (
            "two",
            &[(TEXT_BEGINS, b"a"), (ENDS, b"b")],
            &[(TEXT, b"ab")],
        ),
        (
            "empty ones",
            &[(TEXT_BEGINS, b""), (CONTINUES, b""), (ENDS, b"")],
            &[(TEXT, b"")],
        ),
        (
            "an empty one between",
            &[
                (TEXT_BEGINS, b"a"),
                (CONTINUES, b""),
                (CONTINUES, b"b"),
                (ENDS, b""),
            ],
            &[(TEXT, b"ab")],
        ),
        (
            "a ping between",
            &[(TEXT_BEGINS, b"a"), (PING, b"p"), (ENDS, b"b")],
            &[(PONG, b"p"), (TEXT, b"ab")],
        ),
        (
            "many pings and a pong between",
            &[
                (TEXT_BEGINS, b"a"),
                (PING, b"1"),
                (PONG, b"unasked"),
                (PING, b""),
                (CONTINUES, b"b"),
                (PING, b"3"),
                (ENDS, b"c"),
            ],
            &[(PONG, b"1"), (PONG, b""), (PONG, b"3"), (TEXT, b"abc")],
        ),
        (
            "a long ping",
            &[(PING, &[b'p'; 125])],
            &[(PONG, &[b'p'; 125])],
        ),
        (
            "a character in four frames",
            &[
                (TEXT_BEGINS, b"\xf0"),
                (CONTINUES, b"\x9f"),
                (CONTINUES, b"\x98"),
                (ENDS, b"\x80"),
            ],
            &[(TEXT, "😀".as_bytes())],
        ),
        (
            "the last code point and a byte order mark",
            &[(TEXT, "\u{10ffff}\u{feff}\0".as_bytes())],
            &[(TEXT, "\u{10ffff}\u{feff}\0".as_bytes())],
        ),
    ];
    for (what, sent, expected) in cases {
        answers(&local, what, &frames(sent), expected).await;
    }
}

#[tokio::test]
async fn f10_what_breaks_the_protocol_closes_with_1002() {
    let local = echoing().await;
    for opcode in (3..=7).chain(11..=15) {
        closes(&local, &format!("opcode {opcode}"), &[0x80 | opcode], 1002).await;
    }
    for reserved in [0x40, 0x20, 0x10, 0x70] {
        for opcode in [TEXT, BINARY, CLOSE, PING, TEXT_BEGINS] {
            let what = format!("bits {reserved:x}");
            closes(&local, &what, &[reserved | opcode], 1002).await;
        }
    }
    let inside = |first| frames(&[(TEXT_BEGINS, b"a"), (first, b"x")]);
    let cases: &[(&str, Vec<u8>)] = &[
        ("a continuation of nothing", frame(CONTINUES, b"x")),
        ("an end of nothing", frame(ENDS, b"")),
        ("text in a message", inside(TEXT)),
        ("a beginning in a message", inside(TEXT_BEGINS)),
        ("binary in a message", inside(BINARY)),
        ("text without a mask", b"\x81\x01x".to_vec()),
        ("empty text without a mask", b"\x81\x00".to_vec()),
        ("a ping without a mask", b"\x89\x00".to_vec()),
        ("a close frame without a mask", b"\x88\x00".to_vec()),
        ("a long ping", vec![PING, 0x80 | 126]),
        ("a long pong", vec![PONG, 0x80 | 127]),
        ("a long close frame", vec![CLOSE, 0x80 | 126]),
        ("a fragmented ping", vec![PING & 0x7f]),
        ("a fragmented pong", vec![PONG & 0x7f]),
        ("a fragmented close frame", vec![CLOSE & 0x7f]),
        ("a short length in two bytes", header(TEXT, 2, 125)),
        ("no length in two bytes", header(TEXT, 2, 0)),
        ("a short length in eight bytes", header(TEXT, 8, 125)),
        ("a medium length in eight bytes", header(TEXT, 8, 65_535)),
        ("a length with its highest bit", header(TEXT, 8, 1 << 63)),
        ("every bit of a length", header(TEXT, 8, u64::MAX)),
    ];
    for (what, bytes) in cases {
        closes(&local, what, bytes, 1002).await;
    }
}

#[tokio::test]
async fn f1_binary_closes_with_1003_at_its_header() {
    let local = echoing().await;
    closes(&local, "empty", &frame(BINARY, b""), 1003).await;
    closes(&local, "one byte", &frame(BINARY, b"x"), 1003).await;
    closes(&local, "fragmented", &frame(0x02, b"x"), 1003).await;
    closes(&local, "without its payload", &[BINARY, 0x80 | 100], 1003).await;
    closes(&local, "large", &header(BINARY, 8, 1 << 40), 1003).await;
}

#[tokio::test]
async fn f2_what_is_too_large_closes_with_1009_at_its_header() {
    let local = echoing().await;
    closes(&local, "32 KB + 1", &header(TEXT, 2, 32_769), 1009).await;
    closes(&local, "64 KB", &header(TEXT, 8, 65_536), 1009).await;
    closes(&local, "an exabyte", &header(TEXT, 8, 1 << 60), 1009).await;
    closes(&local, "the largest", &header(TEXT, 8, (1 << 63) - 1), 1009).await;
    let large = [b'x'; 32_768];
    let all = [
        (TEXT_BEGINS, &large[..]),
        (CONTINUES, &large),
        (CONTINUES, &large),
        (CONTINUES, &large),
    ];
    let mut message = frames(&all);
    message.extend([ENDS, 0x81]);
    let mut stream = local.raw_socket().await;
    stream.write_all(&message).await.unwrap();
    let (_, payload) = next_frame(&mut stream).await;
    assert_eq!(payload[..2], 1009_u16.to_be_bytes());
    assert_eq!(local.disconnected().await.0, 1009);
}

#[tokio::test]
async fn f8_messages_under_way_are_bounded_by_their_bytes() {
    let (go, gone) = tokio::sync::watch::channel(false);
    let setup = Setup::new().route("$default", move |_| {
        let mut gone = gone.clone();
        async move {
            gone.wait_for(|gone| *gone).await.unwrap();
            ok(serde_json::Value::Null).await
        }
    });
    let setup = setup.options(|options| options.in_flight_bytes = 1000);
    let local = setup.start().await;
    let mut stream = local.raw_socket().await;
    let message = frame(TEXT, &[b'x'; 400]);
    stream.write_all(&message.repeat(5)).await.unwrap();
    // Three are over the bound; the others wait until one of them is done.
    for _ in 0..3 {
        local.expect("MESSAGE").await;
    }
    // Who else is served shows that there was time to take more.
    local.raw_socket().await;
    local.silent().await;
    go.send(true).unwrap();
    for _ in 0..2 {
        local.expect("MESSAGE").await;
    }
}
