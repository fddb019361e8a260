//! Conformance C3 and F: frames, limits, and how connections end.

use crate::gateway::testing::{
    HANDSHAKE, Local, Setup, close_code, echo, frame, head, next_frame, ok,
};
use futures_util::SinkExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpSocket;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

const TEXT: u8 = 0x81;
const TEXT_BEGINS: u8 = 0x01;
const CONTINUES: u8 = 0x00;
const ENDS: u8 = 0x80;

async fn echoing() -> Local {
    let setup = Setup::new().two_way("$default", echo);
    setup.route("$disconnect", ok).start().await
}

/// Sends these bytes: the client is closed, and the function is told, with this code.
async fn closes(bytes: &[u8], code: u16) {
    let local = echoing().await;
    let mut stream = local.raw_socket().await;
    stream.write_all(bytes).await.unwrap();
    assert_eq!(close_code(&mut stream).await, code);
    assert_eq!(local.disconnected().await.0, u64::from(code));
    assert_eq!(local.gateway.connections(), 0);
    // The gateway ends the TCP connection, without a reset.
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn f1_a_binary_frame_closes_the_connection_with_1003() {
    closes(&frame(0x82, b"x"), 1003).await;
}

#[tokio::test]
async fn f2_a_frame_of_32_kb_passes_and_comes_back() {
    let local = echoing().await;
    let mut client = local.connect().await;
    let text = "x".repeat(32_768);
    client.send(&text).await;
    assert_eq!(client.text().await, text);
}

#[tokio::test]
async fn f2_a_frame_over_32_kb_closes_the_connection_with_1009() {
    closes(&frame(TEXT, &vec![b'x'; 32_769]), 1009).await;
    closes(&frame(TEXT, &vec![b'x'; 1_000_000]), 1009).await;
}

/// A message of so many bytes, in frames of 32 KB.
fn fragmented(bytes: usize) -> Vec<u8> {
    let mut frames = frame(TEXT_BEGINS, &[b'x'; 32_768]);
    let mut left = bytes - 32_768;
    while left > 32_768 {
        frames.extend(frame(CONTINUES, &[b'x'; 32_768]));
        left -= 32_768;
    }
    frames.extend(frame(ENDS, &vec![b'x'; left]));
    frames
}

#[tokio::test]
async fn f2_f3_f4_a_message_of_128_kb_passes_and_comes_back_in_text_frames_of_32_kb() {
    let local = echoing().await;
    let mut stream = local.raw_socket().await;
    stream.write_all(&fragmented(131_072)).await.unwrap();
    let mut back = Vec::new();
    let mut firsts = Vec::new();
    while back.len() < 131_072 {
        let (first, payload) = next_frame(&mut stream).await;
        assert!(payload.len() <= 32_768);
        back.extend(payload);
        firsts.push(first);
    }
    assert_eq!(firsts, [TEXT_BEGINS, CONTINUES, CONTINUES, ENDS]);
    assert!(back.iter().all(|byte| *byte == b'x'));
    stream.write_all(&frame(TEXT, b"small")).await.unwrap();
    assert_eq!(next_frame(&mut stream).await, (TEXT, b"small".to_vec()));
}

#[tokio::test]
async fn f2_a_message_over_128_kb_closes_the_connection_with_1009() {
    closes(&fragmented(131_073), 1009).await;
}

#[tokio::test]
async fn f8_a_client_that_does_not_read_is_heard_and_gets_all_when_it_does() {
    let setup = Setup::new().two_way("$default", echo);
    let setup = setup.options(|options| options.outbox_bytes = 100 << 20);
    let local = setup.start().await;
    let mut stream = local.raw_socket().await;
    // 15 MB: more than the socket's buffers hold.
    let (messages, large) = (500, [b'x'; 30_000]);
    for _ in 0..messages {
        stream.write_all(&frame(TEXT, &large)).await.unwrap();
        local.expect("MESSAGE").await;
    }
    for _ in 0..messages {
        assert_eq!(next_frame(&mut stream).await, (TEXT, large.to_vec()));
    }
}

#[tokio::test]
async fn f7_pings_of_a_client_that_does_not_read_are_no_memory() {
    let local = echoing().await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(64 * 1024).unwrap();
    let mut stream = socket.connect(local.address).await.unwrap();
    stream.write_all(HANDSHAKE).await.unwrap();
    head(&mut stream).await;
    // 39 MB of pongs: most find every buffer full, and are replaced by the next.
    let sent = 300_000;
    let pings = frame(0x89, &[b'p'; 125]).repeat(1000);
    for _ in 0..sent / 1000 {
        stream.write_all(&pings).await.unwrap();
    }
    stream.write_all(&frame(TEXT, b"x")).await.unwrap();
    local.expect("MESSAGE").await;
    let mut pongs = 0;
    loop {
        match next_frame(&mut stream).await {
            (0x8a, _) => pongs += 1,
            message => break assert_eq!(message, (TEXT, b"x".to_vec())),
        }
    }
    assert!(pongs < sent, "{pongs}");
}

#[tokio::test]
async fn f7_a_ping_is_answered_and_no_function_is_told() {
    let local = echoing().await;
    let mut client = local.connect().await;
    client.ping().await;
    let result = client.0.send(Message::Pong("unasked".into())).await;
    result.unwrap();
    client.ping().await;
    local.silent().await;
}

#[tokio::test]
async fn f7_a_ping_between_fragments_is_answered_between_them() {
    let local = echoing().await;
    let mut stream = local.raw_socket().await;
    let mut bytes = frame(TEXT_BEGINS, b"a");
    bytes.extend(frame(0x89, b"p"));
    stream.write_all(&bytes).await.unwrap();
    assert_eq!(next_frame(&mut stream).await, (0x8a, b"p".to_vec()));
    stream.write_all(&frame(ENDS, b"b")).await.unwrap();
    assert_eq!(next_frame(&mut stream).await, (TEXT, b"ab".to_vec()));
}

#[tokio::test]
async fn f10_a_protocol_error_closes_the_connection_with_1002() {
    // A reserved bit, a reserved opcode, a continuation of nothing, a long ping, an unmasked frame.
    closes(&frame(0xc1, b"x"), 1002).await;
    closes(&frame(0x83, b"x"), 1002).await;
    closes(&frame(ENDS, b"x"), 1002).await;
    closes(&frame(0x89, &[b'x'; 126]), 1002).await;
    closes(b"\x81\x01x", 1002).await;
    // A close frame of one byte, and one with a code that may not be sent.
    closes(&frame(0x88, &[3]), 1002).await;
    closes(&frame(0x88, &1005_u16.to_be_bytes()), 1002).await;
}

#[tokio::test]
async fn f10_text_that_is_not_utf_8_closes_the_connection_with_1007() {
    closes(&frame(TEXT, b"\xff\xfe"), 1007).await;
    let mut split = frame(TEXT_BEGINS, b"\xc3");
    split.extend(frame(ENDS, b"x"));
    closes(&split, 1007).await;
}

#[tokio::test]
async fn f10_a_character_may_be_split_between_frames() {
    let local = echoing().await;
    let mut stream = local.raw_socket().await;
    let mut split = frame(TEXT_BEGINS, b"\xc3");
    split.extend(frame(ENDS, b"\xa9"));
    stream.write_all(&split).await.unwrap();
    assert_eq!(next_frame(&mut stream).await.1, "é".as_bytes());
}

#[tokio::test]
async fn c3_a_client_that_closes_without_a_code_is_disconnected_with_1005() {
    let local = echoing().await;
    let mut stream = local.raw_socket().await;
    stream.write_all(&frame(0x88, b"")).await.unwrap();
    assert_eq!(next_frame(&mut stream).await, (0x88, Vec::new()));
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    let reason = "Client-side close frame status not set".to_owned();
    assert_eq!(local.disconnected().await, (1005, reason));
}

#[tokio::test]
async fn c3_the_code_and_the_reason_of_the_client_are_the_function_s() {
    let local = echoing().await;
    for (code, reason) in [(1001, ""), (1000, "bye"), (4321, "mine")] {
        let mut client = local.connect().await;
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.into(),
        };
        client.0.close(Some(frame)).await.unwrap();
        assert_eq!(client.closed().await, (code, reason.to_owned()));
        let expected = (u64::from(code), reason.to_owned());
        assert_eq!(local.disconnected().await, expected);
    }
}

#[tokio::test]
async fn c3_a_client_that_is_lost_is_disconnected_with_1006() {
    let local = echoing().await;
    drop(local.raw_socket().await);
    assert_eq!(local.disconnected().await.0, 1006);
    // With a reset, and in the middle of a frame.
    let mut stream = local.raw_socket().await;
    stream.write_all(&frame(TEXT, b"half")[..5]).await.unwrap();
    stream.set_zero_linger().unwrap();
    drop(stream);
    assert_eq!(local.disconnected().await.0, 1006);
}

#[tokio::test]
async fn c3_the_disconnect_event_is_that_of_aws() {
    let local = echoing().await;
    drop(local.raw_socket().await);
    let mut event = local.event().await;
    let headers = r#"{"Host":"localhost","x-api-key":"","X-Forwarded-For":"","x-restapi":""}"#;
    assert_eq!(event["headers"].to_string(), headers);
    let all = r#"{"Host":["localhost"],"x-api-key":[""],"X-Forwarded-For":[""],"x-restapi":[""]}"#;
    assert_eq!(event["multiValueHeaders"].to_string(), all);
    assert!(event.get("body").is_none());
    let context = event["requestContext"].as_object_mut().unwrap();
    assert_eq!(context["routeKey"], "$disconnect");
    assert_eq!(context["requestId"], context["extendedRequestId"]);
    let members: Vec<_> = context.keys().map(String::as_str).collect();
    let expected = [
        "routeKey",
        "disconnectStatusCode",
        "eventType",
        "extendedRequestId",
        "requestTime",
        "messageDirection",
        "disconnectReason",
        "stage",
        "connectedAt",
        "requestTimeEpoch",
        "identity",
        "requestId",
        "domainName",
        "connectionId",
        "apiId",
    ];
    assert_eq!(members, expected);
}

#[tokio::test]
async fn frames_that_come_with_the_handshake_are_not_lost() {
    let local = echoing().await;
    let mut stream = local.raw().await;
    let mut bytes = HANDSHAKE.to_vec();
    bytes.extend(frame(TEXT, b"early"));
    stream.write_all(&bytes).await.unwrap();
    head(&mut stream).await;
    assert_eq!(next_frame(&mut stream).await, (TEXT, b"early".to_vec()));
}
