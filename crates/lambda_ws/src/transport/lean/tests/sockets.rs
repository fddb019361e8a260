//! Connections that die, at whatever moment.

use super::server::{Deed, Server};
use crate::error::BoxError;
use crate::transport::lean::sockets::{Answer, Sockets};
use bytes::Bytes;
use http::Request;
use http_body_util::Full;

const OK: Deed = Deed::Answer(200, "");

async fn send(sockets: &Sockets, server: &Server) -> Result<Answer, BoxError> {
    let host = server.url.split('/').nth(2).unwrap().to_owned();
    let request = Request::post("/dev/@connections/a").header("host", host);
    let body = Full::new(Bytes::from_static(b"hello"));
    sockets.send(request.body(body).unwrap()).await
}

fn sockets(server: &Server) -> Sockets {
    Sockets::new(server.url.parse().unwrap()).unwrap()
}

#[tokio::test]
async fn one_connection_serves_request_after_request() {
    let server = Server::start(|_, _| OK).await;
    let sockets = sockets(&server);
    for _ in 0..20 {
        assert_eq!(send(&sockets, &server).await.unwrap().status, 200);
    }
    assert_eq!((server.seen().len(), server.connections()), (20, 1));
}

#[tokio::test]
async fn there_are_as_many_connections_as_requests_at_once() {
    let server = Server::start(|_, _| OK).await;
    let sockets = sockets(&server);
    for _ in 0..3 {
        let all = futures_util::future::join_all((0..10).map(|_| send(&sockets, &server))).await;
        assert!(all.into_iter().all(|answer| answer.is_ok()));
    }
    assert_eq!((server.seen().len(), server.connections()), (30, 10));
}

#[tokio::test]
async fn a_connection_that_was_closed_meanwhile_is_replaced() {
    let server = Server::start(|_, _| Deed::AnswerAndClose).await;
    let sockets = sockets(&server);
    for _ in 0..5 {
        assert_eq!(send(&sockets, &server).await.unwrap().status, 200);
    }
    assert_eq!((server.seen().len(), server.connections()), (5, 5));
}

#[tokio::test]
async fn a_kept_connection_that_closes_on_a_request_is_replaced() {
    let server = Server::start(|connection, request| match (connection, request) {
        (0, 1) => Deed::Close,
        _ => OK,
    })
    .await;
    let sockets = sockets(&server);
    for _ in 0..3 {
        assert_eq!(send(&sockets, &server).await.unwrap().status, 200);
    }
    assert_eq!((server.seen().len(), server.connections()), (4, 2));
}

#[tokio::test]
async fn a_kept_connection_that_never_answers_is_replaced_and_those_beside_it_too() {
    let server = Server::start(|connection, request| match (connection, request) {
        (0..5, 1) => Deed::Hang,
        _ => OK,
    })
    .await;
    let sockets = sockets(&server);
    let all = futures_util::future::join_all((0..5).map(|_| send(&sockets, &server))).await;
    assert!(all.into_iter().all(|answer| answer.is_ok()));
    assert_eq!(send(&sockets, &server).await.unwrap().status, 200);
    assert_eq!(send(&sockets, &server).await.unwrap().status, 200);
    // Only the first of the two has met a connection that hangs.
    assert_eq!((server.seen().len(), server.connections()), (8, 6));
}

#[tokio::test]
async fn a_host_that_never_answers_is_an_error_in_time() {
    let server = Server::start(|_, _| Deed::Hang).await;
    let error = send(&sockets(&server), &server).await.err().unwrap();
    assert_eq!(error.to_string(), "no answer within 1.5s");
}

#[tokio::test]
async fn a_host_that_hangs_up_is_an_error() {
    let server = Server::start(|_, _| Deed::Close).await;
    assert!(send(&sockets(&server), &server).await.is_err());
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_request_that_is_cut_off_leaves_no_connection_with_an_answer_to_come() {
    let server = Server::start(|connection, _| match connection {
        0 => Deed::Hang,
        _ => OK,
    })
    .await;
    let sockets = sockets(&server);
    let mut cut_off = Box::pin(send(&sockets, &server));
    while server.seen().is_empty() {
        futures_util::future::poll_fn(|cx| {
            assert!(cut_off.as_mut().poll(cx).is_pending());
            std::task::Poll::Ready(())
        })
        .await;
        tokio::task::yield_now().await;
    }
    drop(cut_off);
    assert_eq!(send(&sockets, &server).await.unwrap().status, 200);
    assert_eq!(server.connections(), 2);
}
