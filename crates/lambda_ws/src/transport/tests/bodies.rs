//! Tests of bodies and malformed responses, with both clients.

use super::post;
use super::server::ServerAction;
use crate::error::SendError;

#[tokio::test]
async fn the_status_determines_the_result_regardless_of_the_end_of_the_body() {
    let answer = |text: &str| post(ServerAction::RawAndClose(text.to_owned()));
    let chunked = "transfer-encoding: chunked\r\n\r\n3\r\n{ }\r\n0\r\n\r\n";
    let result = answer(&format!("HTTP/1.1 200 OK\r\n{chunked}")).await;
    result.unwrap();
    let result = answer("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nall of it").await;
    result.unwrap();
    answer("HTTP/1.0 200 OK\r\n\r\n").await.unwrap();
    let early = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n";
    let gone = answer(early).await.unwrap_err();
    assert!(matches!(gone, SendError::Gone), "{gone:?}");
}

#[tokio::test]
async fn an_incomplete_response_has_the_result_of_its_status_except_success() {
    type Is = fn(&SendError) -> bool;
    let cases: [(&str, Is); 4] = [
        ("200 OK", |e| matches!(e, SendError::Unavailable(_))),
        ("410 Gone", |e| matches!(e, SendError::Gone)),
        ("429 Slow", |e| matches!(e, SendError::Throttled)),
        ("503 No", |e| matches!(e, SendError::Unavailable(_))),
    ];
    for (status, is) in cases {
        for rest in [
            "content-length: 10\r\n\r\n{",
            "transfer-encoding: chunked\r\n\r\n5\r\n{",
            "transfer-encoding: chunked\r\n\r\nno chunk\r\n",
        ] {
            let cut = ServerAction::RawAndClose(format!("HTTP/1.1 {status}\r\n{rest}"));
            let error = post(cut).await.unwrap_err();
            assert!(is(&error), "{status}, {rest}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_response_other_than_http_is_unavailable() {
    for text in [
        "SSH-2.0-OpenSSH_9.9\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}",
        "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-le",
    ] {
        let result = post(ServerAction::RawAndClose(text.to_owned())).await;
        let error = result.unwrap_err();
        let is_expected = matches!(error, SendError::Unavailable(_));
        assert!(is_expected, "{text}: {error:?}");
    }
}

#[tokio::test]
async fn a_large_response_is_limited() {
    let page = "x".repeat(1_000_000);
    let answer = |status| format!("HTTP/1.1 {status}\r\ncontent-length: 1000000\r\n\r\n{page}");
    post(ServerAction::Raw(answer("200 OK"))).await.unwrap();
    let result = post(ServerAction::Raw(answer("404 Not Found"))).await;
    let error = result.unwrap_err();
    let is_expected = matches!(error, SendError::Refused { status: 404, .. });
    assert!(is_expected, "{error:?}");
}

#[tokio::test]
async fn an_endless_head_is_unavailable() {
    let error = post(ServerAction::Flood("HTTP/1.1 200 OK\r\nx: y\r\n")).await;
    assert!(matches!(error, Err(SendError::Unavailable(_))), "{error:?}");
}
