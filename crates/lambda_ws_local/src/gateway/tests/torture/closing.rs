//! Close frames and the codes that a client is closed with.

use super::*;

#[tokio::test]
async fn f10_text_that_is_not_utf_8_closes_with_1007_where_it_shows() {
    let local = echoing().await;
    let wrong: &[(&str, &[u8])] = &[
        ("a byte that never is", b"\xff"),
        ("a continuation byte alone", b"a\x80"),
        ("an overlong slash", b"\xc0\xaf"),
        ("an overlong NUL", b"\xe0\x80\x80"),
        ("an overlong code point", b"\xf0\x80\x80\xaf"),
        ("a surrogate", b"\xed\xa0\x80"),
        ("a pair of surrogates", b"\xed\xa0\xbd\xed\xb8\x80"),
        ("above the last code point", b"\xf4\x90\x80\x80"),
        ("five bytes", b"\xf8\x88\x80\x80\x80"),
        ("in the middle", b"\xce\xba\xe1\xbd\xb9\xcf\x83\xff\xce\xbc"),
    ];
    for (what, text) in wrong {
        closes(&local, what, &frame(TEXT, text), 1007).await;
        // The message has no end, and the frame has none either: it fails fast.
        let begins = frame(TEXT_BEGINS, text);
        closes(&local, &format!("{what}, fragmented"), &begins, 1007).await;
        let mut part = frame(TEXT, &[text, &[b'x'; 50][..]].concat());
        part.truncate(6 + text.len());
        closes(&local, &format!("{what}, in part"), &part, 1007).await;
        let split = frames(&[(TEXT_BEGINS, &text[..1]), (ENDS, &text[1..])]);
        closes(&local, &format!("{what}, split"), &split, 1007).await;
    }
    for truncated in [&b"\xc3"[..], b"a\xe2\x82", b"\xf0\x9f\x98"] {
        closes(&local, "truncated", &frame(TEXT, truncated), 1007).await;
        let split = frames(&[(TEXT_BEGINS, truncated), (ENDS, b"")]);
        closes(&local, "truncated, before an empty end", &split, 1007).await;
    }
}

#[tokio::test]
async fn c3_a_close_frame_says_what_it_may_and_nothing_else() {
    let local = echoing().await;
    let close = |code: u16, reason: &[u8]| frame(CLOSE, &[&code.to_be_bytes(), reason].concat());
    let good = [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
    ];
    for code in good.into_iter().chain([3000, 3999, 4000, 4999]) {
        closes(&local, "a code", &close(code, b""), code).await;
        closes(&local, "a reason", &close(code, "bye, é".as_bytes()), code).await;
    }
    let bad = [
        0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ];
    for code in bad {
        closes(&local, "a code", &close(code, b""), 1002).await;
    }
    closes(&local, "one byte", &frame(CLOSE, &[3]), 1002).await;
    for (what, reason, code) in [
        ("a reason that is not UTF-8", &b"\xff"[..], 1007),
        ("a reason that breaks off", b"a\xc3", 1007),
        ("the longest reason", &[b'x'; 123], 1000),
    ] {
        closes(&local, what, &close(1000, reason), code).await;
    }
    let in_a_message = [frame(TEXT_BEGINS, b"a"), close(1000, b"")].concat();
    closes(&local, "in a message", &in_a_message, 1000).await;
    let after = [close(1000, b""), frame(TEXT, b"late"), vec![0xff; 100]].concat();
    closes_whatever_follows(&local, &after).await;
}

/// What follows a close frame is neither an error nor a message.
async fn closes_whatever_follows(local: &Local, bytes: &[u8]) {
    let mut stream = local.raw_socket().await;
    stream.write_all(bytes).await.unwrap();
    let (first, payload) = next_frame(&mut stream).await;
    assert_eq!((first, &payload[..]), (CLOSE, &1000_u16.to_be_bytes()[..]));
    assert_eq!(local.disconnected().await.0, 1000);
}

#[tokio::test]
async fn b7_no_extension_is_agreed_upon_and_compressed_frames_close_with_1002() {
    let local = echoing().await;
    let to = "\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
    let offer = String::from_utf8(HANDSHAKE.to_vec())
        .unwrap()
        .replace("\r\n\r\n", to);
    let mut stream = local.raw().await;
    stream.write_all(offer.as_bytes()).await.unwrap();
    let head = head(&mut stream).await.to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(!head.contains("sec-websocket-extensions"), "{head}");
    stream.write_all(&frame(TEXT, b"plain")).await.unwrap();
    assert_eq!(next_frame(&mut stream).await, (TEXT, b"plain".to_vec()));
    local.expect("MESSAGE").await;
    let result = stream.write_all(&frame(0x40 | TEXT, b"\xf2\x48")).await;
    result.unwrap();
    let (first, payload) = next_frame(&mut stream).await;
    assert_eq!((first, &payload[..2]), (CLOSE, &1002_u16.to_be_bytes()[..]));
    assert_eq!(local.disconnected().await.0, 1002);
}
