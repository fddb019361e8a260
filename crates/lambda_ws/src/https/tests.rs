//! The client after a restore.

use super::*;
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
