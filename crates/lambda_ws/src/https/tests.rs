//! The client after a restore, and its errors.

use super::*;
use crate::tls::Roots;
use crate::transport::tests::server::{Server, ServerAction};
use rustls::RootCertStore;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Serves one answer after the other, and counts connections.
async fn server() -> (String, &'static AtomicU64) {
    let connections: &'static AtomicU64 = Box::leak(Box::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            connections.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(async move {
                let mut request = [0; 1024];
                while socket.read(&mut request).await.is_ok_and(|read| read > 0) {
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                    socket.write_all(answer).await.unwrap();
                }
            });
        }
    });
    (url, connections)
}

#[tokio::test]
async fn a_client_makes_new_connections_after_a_restore() {
    let (url, connections) = server().await;
    let restores: &'static AtomicU64 = Box::leak(Box::default());
    let https = Https::new(Connector::new(Tls::process()), restores);
    let get = async |https: &Https| {
        let request = Request::get(&url).body(Full::default()).unwrap();
        assert_eq!(https.request(request).await.unwrap().status(), 200);
        // The client takes the connection back on another task.
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    get(&https).await;
    get(&https.clone()).await;
    assert_eq!(connections.load(Ordering::Relaxed), 1);
    restores.fetch_add(1, Ordering::Relaxed);
    get(&https).await;
    get(&https.clone()).await;
    assert_eq!(connections.load(Ordering::Relaxed), 2);
}

/// Requests a URL with TLS that trusts no authority. Returns the error.
async fn error(url: &str) -> String {
    let tls = Tls::trusting(Roots::Bundle(Arc::new(RootCertStore::empty())));
    let request = Request::get(url).body(Full::default()).unwrap();
    let error = client(tls).request(request).await.unwrap_err();
    crate::error::chain(&error)
}

#[tokio::test]
async fn an_error_of_tls_names_the_fix() {
    // A host that supports none of the algorithms.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let read = socket.read(&mut [0; 1024]).await.unwrap();
        assert!(read > 0, "it says hello");
        let handshake_failure = [21, 3, 3, 0, 2, 2, 40];
        socket.write_all(&handshake_failure).await.unwrap();
        let _ = socket.read_to_end(&mut Vec::new()).await;
    });
    let error_of_host = error(&url).await;
    let expected = "HandshakeFailure; fix: configure the host for TLS 1.3";
    assert!(error_of_host.contains(expected), "{error_of_host}");

    let server = Server::start_tls(|_, _, _| ServerAction::Hang).await;
    let untrusted = error(&server.url).await;
    let expected = "UnknownIssuer; fix: set AWS_CA_BUNDLE";
    assert!(untrusted.contains(expected), "{untrusted}");
}
