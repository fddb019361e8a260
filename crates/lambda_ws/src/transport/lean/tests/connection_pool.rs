//! Tests of connections that fail at any moment.

use crate::error::BoxError;
use crate::tls::{Roots, Tls};
use crate::transport::lean::connection_pool::{CONNECTIONS, CONNECTS, ConnectionPool};
use crate::transport::lean::http_response::HttpResponse;
use crate::transport::lean::signed_request::SignedRequest;
use crate::transport::tests::server::{Server, ServerAction};
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::join_all;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

const OK: ServerAction = ServerAction::HttpResponse(200, "");

fn request() -> SignedRequest {
    let head = "POST /dev/@connections/a HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello";
    SignedRequest {
        start: head.into(),
        rest: Bytes::new(),
    }
}

async fn send(pool: &ConnectionPool) -> Result<HttpResponse, BoxError> {
    pool.send(pool.permit().await?, &request()).await
}

/// Sends requests one after the other, and asserts that each has an answer.
async fn succeeds(pool: &ConnectionPool, requests: usize) {
    for _ in 0..requests {
        assert_eq!(send(pool).await.unwrap().status, 200);
    }
}

/// Starts a server with another action for one request of one connection.
async fn server_but(connection: usize, request: usize, action: ServerAction) -> Server {
    Server::start(move |c, r, _| match (c, r) == (connection, request) {
        true => action.clone(),
        false => OK,
    })
    .await
}

fn pool(server: &Server) -> ConnectionPool {
    limited_pool(server, CONNECTIONS, CONNECTS)
}

fn limited_pool(server: &Server, connections: usize, connects: usize) -> ConnectionPool {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle.pem");
    std::fs::write(&bundle, &server.authority).unwrap();
    let roots = Roots::read(|_| Some(bundle.clone().into()));
    let (url, tls) = (server.url.parse().unwrap(), Tls::trusting(roots));
    ConnectionPool::new(url, tls, connections, connects)
}

#[tokio::test]
async fn one_connection_serves_request_after_request() {
    let server = Server::start(|_, _, _| OK).await;
    let pool = pool(&server);
    succeeds(&pool, 20).await;
    assert_eq!((server.seen().len(), server.connections()), (20, 1));
}

#[tokio::test]
async fn a_connection_of_a_snapshot_is_not_used_after_the_restore() {
    let server = Server::start(|_, _, _| OK).await;
    let mut pool = pool(&server);
    let restores: &'static AtomicU64 = Box::leak(Box::default());
    pool.restores = restores;
    send(&pool).await.unwrap();
    restores.fetch_add(1, Ordering::Relaxed);
    for _ in 0..3 {
        assert_eq!(send(&pool).await.unwrap().status, 200);
    }
    assert_eq!((server.seen().len(), server.connections()), (4, 2));
}

#[tokio::test]
async fn there_are_as_many_connections_as_requests_at_once() {
    let server = Server::start(|_, _, _| OK).await;
    let pool = pool(&server);
    for _ in 0..3 {
        let all = join_all((0..10).map(|_| send(&pool))).await;
        assert!(all.into_iter().all(|answer| answer.is_ok()));
    }
    assert_eq!((server.seen().len(), server.connections()), (30, 10));
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_replaced() {
    let server = Server::start(|_, _, _| ServerAction::AnswerAndClose).await;
    let pool = pool(&server);
    succeeds(&pool, 5).await;
    assert_eq!((server.seen().len(), server.connections()), (5, 5));
}

#[tokio::test]
async fn an_idle_connection_that_closes_on_a_request_is_replaced() {
    let server = server_but(0, 1, ServerAction::Close).await;
    let pool = pool(&server);
    succeeds(&pool, 3).await;
    assert_eq!((server.seen().len(), server.connections()), (4, 2));
}

#[tokio::test]
async fn a_hanging_idle_connection_and_all_others_are_replaced() {
    let server = Server::start(|connection, request, _| match (connection, request) {
        (0..5, 1) => ServerAction::Hang,
        _ => OK,
    })
    .await;
    let pool = pool(&server);
    let all = join_all((0..5).map(|_| send(&pool))).await;
    assert!(all.into_iter().all(|answer| answer.is_ok()));
    succeeds(&pool, 2).await;
    // Only the first of the two used a hanging connection.
    assert_eq!((server.seen().len(), server.connections()), (8, 6));
}

#[tokio::test]
async fn a_hanging_host_is_a_timeout() {
    let server = Server::start(|_, _, _| ServerAction::Hang).await;
    let error = send(&pool(&server)).await.err().unwrap();
    assert_eq!(error.to_string(), "the host did not respond in time");
}

#[tokio::test]
async fn a_host_that_hangs_up_is_an_error() {
    let server = Server::start(|_, _, _| ServerAction::Close).await;
    assert!(send(&pool(&server)).await.is_err());
    assert_eq!(server.seen().len(), 1);
}

/// Polls a request until a condition holds, and drops it.
async fn cut_off(pool: &ConnectionPool, is: impl Fn() -> bool) {
    let mut sent = Box::pin(send(pool));
    while !is() {
        poll_fn(|cx| {
            assert!(sent.as_mut().poll(cx).is_pending());
            Poll::Ready(())
        })
        .await;
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_cancelled_request_closes_its_connection() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_owned();
    for action in [ServerAction::Hang, ServerAction::Raw(half)] {
        let server = server_but(0, 1, action).await;
        let pool = pool(&server);
        send(&pool).await.unwrap();
        cut_off(&pool, || server.seen().len() == 2).await;
        assert_eq!(send(&pool).await.unwrap().status, 200);
        assert_eq!(server.connections(), 2);
    }
}

#[tokio::test]
async fn a_connection_that_the_host_will_close_is_not_reused() {
    let last = "HTTP/1.1 200 OK\r\nConnection: Close\r\ncontent-length: 0\r\n\r\n";
    let old = "HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n";
    let to_end = "HTTP/1.1 200 OK\r\n\r\n";
    for answer in [last, old, to_end] {
        let server = Server::start(|_, _, _| ServerAction::RawAndClose(answer.to_owned())).await;
        let pool = pool(&server);
        succeeds(&pool, 3).await;
        assert_eq!((server.seen().len(), server.connections()), (3, 3));
    }
}

#[tokio::test]
async fn a_connection_with_unexpected_data_is_not_reused() {
    let more = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nHTTP/1.1 410 Gone\r\n\r\n";
    let both = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n\
                0\r\n\r\n";
    for answer in [more, both] {
        let server = Server::start(|_, _, _| ServerAction::Raw(answer.to_owned())).await;
        let pool = pool(&server);
        succeeds(&pool, 3).await;
        assert_eq!(server.connections(), 3);
    }
}

#[tokio::test]
async fn a_connection_that_has_waited_too_long_for_its_host_is_replaced() {
    const LATE: &str = "HTTP/1.1 408 Late\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    let late = ServerAction::RawAndClose(LATE.to_owned());
    let server = server_but(0, 1, late).await;
    let kept = pool(&server);
    succeeds(&kept, 3).await;
    assert_eq!(server.connections(), 2);
    let server = Server::start(|_, _, _| ServerAction::RawAndClose(LATE.to_owned())).await;
    assert_eq!(send(&pool(&server)).await.unwrap().status, 408);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_request_with_a_partial_response_is_not_sent_again() {
    let server = Server::start(|_, request, _| match request {
        0 => OK,
        _ => ServerAction::RawAndClose("HTTP/1.1 200 O".to_owned()),
    })
    .await;
    let pool = pool(&server);
    send(&pool).await.unwrap();
    assert!(send(&pool).await.is_err());
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn unused_connections_are_closed() {
    let server = Server::start(|_, _, _| OK).await;
    let mut pool = pool(&server);
    let sent = join_all((0..10).map(|_| send(&pool))).await;
    assert!(sent.into_iter().all(|answer| answer.is_ok()));
    assert_eq!(server.connections(), 10);
    pool.idle_timeout = std::time::Duration::ZERO;
    send(&pool).await.unwrap();
    let patience = std::time::Duration::from_secs(10);
    let closed = tokio::time::timeout(patience, server.has_open(0)).await;
    closed.expect("all are closed");
}

#[tokio::test]
async fn a_crowd_of_requests_shares_connections_that_are_made_a_few_at_a_time() {
    let server = Server::start_tls(|_, _, _| OK).await;
    let pool = limited_pool(&server, 8, 2);
    let sent = join_all((0..100).map(|_| send(&pool))).await;
    assert!(sent.into_iter().all(|answer| answer.is_ok()));
    assert_eq!(server.seen().len(), 100);
    assert!(server.connections() <= 8, "{}", server.connections());
    assert!(server.most_shaking() <= 2, "{}", server.most_shaking());
}

#[tokio::test]
async fn who_waits_for_a_connection_and_is_dropped_keeps_none_from_the_others() {
    let server = server_but(0, 0, ServerAction::Hang).await;
    let pool = limited_pool(&server, 1, 1);
    let mut first = Box::pin(send(&pool));
    let mut waits = Box::pin(send(&pool));
    while server.seen().is_empty() {
        assert!((&mut first).now_or_never().is_none());
        assert!((&mut waits).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    drop((first, waits));
    assert_eq!(send(&pool).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_tls_session_is_resumed() {
    let server = Server::start_tls(|_, _, _| ServerAction::AnswerAndClose).await;
    let pool = pool(&server);
    succeeds(&pool, 3).await;
    assert_eq!((server.connections(), server.resumed()), (3, 2));
}
