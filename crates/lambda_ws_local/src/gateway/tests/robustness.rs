//! Clients that are slow, that smuggle, and that come in crowds: what they get, and what they cost.

use crate::gateway::testing::{HANDSHAKE, Local, Setup, echo, frame, millis, ok};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

async fn echoing() -> Local {
    let setup = Setup::new().two_way("$default", echo);
    setup.route("$disconnect", ok).start().await
}

#[tokio::test]
async fn a_head_that_drips_is_cut_off_as_a_whole() {
    let setup = Setup::new().options(|options| options.head_timeout = millis(100));
    let local = setup.start().await;
    let mut stream = local.raw().await;
    let mut sent = 0;
    // Each byte comes in time; the head does not.
    for byte in HANDSHAKE.iter().cycle() {
        if stream.write_all(&[*byte | 0x20]).await.is_err() {
            break;
        }
        sent += 1;
        tokio::time::sleep(millis(5)).await;
    }
    assert!(sent > 2 && sent < 2000, "{sent}");
}

#[tokio::test]
async fn who_says_nothing_is_cut_off() {
    let setup = Setup::new().options(|options| options.head_timeout = millis(20));
    let local = setup.start().await;
    let mut silent = local.raw().await;
    assert_eq!(silent.read(&mut [0]).await.unwrap(), 0);
}

/// Everything the gateway answers to these bytes.
async fn answers(local: &Local, bytes: &[u8]) -> String {
    let mut stream = local.raw().await;
    stream.write_all(bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut heard = Vec::new();
    // A reset is an answer too.
    let _ = stream.read_to_end(&mut heard).await;
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test]
async fn no_request_is_smuggled_behind_another() {
    let local = echoing().await;
    let hidden = "DELETE /dev/@connections/AAAAAAAAAAAAAAA= HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let post = "POST /dev/@connections/AAAAAAAAAAAAAAA= HTTP/1.1\r\nHost: localhost\r\n";
    let length = hidden.len();
    // Two lengths that differ, both kinds of length, a coding that is not the last or unknown, and
    // numbers that are none: never two answers.
    for headers in [
        format!("Content-Length: 0\r\nContent-Length: {length}\r\n"),
        format!("Content-Length: 0, {length}\r\n"),
        "Content-Length: +0\r\n".to_owned(),
        "Content-Length: -1\r\n".to_owned(),
        "Content-Length: 0x0\r\n".to_owned(),
        "Content-Length : 0\r\n".to_owned(),
        "Transfer-Encoding: chunked, identity\r\n".to_owned(),
        "Transfer-Encoding: xchunked\r\n".to_owned(),
        " folded: x\r\nContent-Length: 0\r\n".to_owned(),
    ] {
        let heard = answers(&local, format!("{post}{headers}\r\n{hidden}").as_bytes()).await;
        assert!(
            heard.matches("HTTP/1.1 ").count() <= 1,
            "{headers:?}: {heard}"
        );
        assert!(!heard.contains(" 200 "), "{headers:?}: {heard}");
    }
    // With both, chunked rules (RFC 9112, 6.3), and what follows is a request of its own or nothing.
    let both = format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n");
    let heard = answers(&local, format!("{post}{both}\r\n0\r\n\r\n").as_bytes()).await;
    assert!(heard.matches("HTTP/1.1 ").count() <= 1, "{heard}");
    // A handshake with a body is refused, whatever the body is.
    let upgrade = String::from_utf8(HANDSHAKE.to_vec()).unwrap();
    for headers in [
        format!("Content-Length: 0\r\nContent-Length: {length}\r\n"),
        format!("Content-Length: {length}\r\n"),
        "Transfer-Encoding: chunked\r\n".to_owned(),
    ] {
        let request = upgrade.replace("\r\n\r\n", &format!("\r\n{headers}\r\n"));
        let heard = answers(&local, format!("{request}{hidden}").as_bytes()).await;
        assert!(heard.starts_with("HTTP/1.1 400"), "{headers:?}: {heard}");
        assert_eq!(heard.matches("HTTP/1.1 ").count(), 1, "{heard}");
    }
    local.silent().await;
}

#[tokio::test]
async fn f2_oversized_frames_are_refused_and_not_collected() {
    let local = echoing().await;
    let mut stream = local.raw_socket().await;
    let mut header = frame(0x81, &[b'x'; 70_000]);
    header.truncate(14);
    header[2..10].copy_from_slice(&(1_u64 << 40).to_be_bytes());
    stream.write_all(&header).await.unwrap();
    // Told at the header, while the client has hardly begun.
    let mut told = [0; 4];
    stream.read_exact(&mut told).await.unwrap();
    assert_eq!(told[2..], 1009_u16.to_be_bytes());
    assert_eq!(local.disconnected().await.0, 1009);
    assert_eq!(local.gateway.connections(), 0);
}
