//! Many clients, and clients that talk nonsense.

use crate::gateway::testing::{HANDSHAKE, Setup, echo, frame, ok};
use crate::gateway::{Gateway, accept, testing};
use proptest::prelude::*;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[tokio::test]
async fn a_thousand_clients_come_echo_and_leave_and_nothing_is_left() {
    let setup = Setup::new().route("$connect", ok).route("$disconnect", ok);
    let local = Arc::new(setup.two_way("$default", echo).start().await);
    let clients = (0..1000).map(|number| {
        let local = Arc::clone(&local);
        tokio::spawn(async move {
            let mut client = local.connect().await;
            let text = number.to_string();
            client.send(&text).await;
            assert_eq!(client.text().await, text);
            if number % 2 == 0 {
                client.0.close(None).await.unwrap();
                client.closed_quietly().await;
            }
        })
    });
    for client in clients.collect::<Vec<_>>() {
        client.await.unwrap();
    }
    local.until(0).await;
    let local = Arc::into_inner(local).unwrap();
    let mut events = local.shut_down().await;
    let mut kinds = std::collections::HashMap::new();
    while let Ok(event) = events.try_recv() {
        let kind = event["requestContext"]["eventType"].to_string();
        *kinds.entry(kind).or_insert(0) += 1;
    }
    for kind in ["\"CONNECT\"", "\"MESSAGE\"", "\"DISCONNECT\""] {
        assert_eq!(kinds[kind], 1000, "{kind}");
    }
}

impl testing::Client {
    async fn closed_quietly(&mut self) {
        while let Some(Ok(_)) = futures_util::StreamExt::next(&mut self.0).await {}
    }
}

/// Has the gateway serve these bytes on its own task, so that a panic is the test's.
fn serve(bytes: &[u8]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let result = TcpStream::connect(listener.local_addr().unwrap()).await;
        let mut client = result.unwrap();
        let (stream, peer) = listener.accept().await.unwrap();
        let setup = Setup::new()
            .two_way("$default", echo)
            .route("$disconnect", ok);
        let gateway = Gateway::new(setup.api, setup.options);
        let serving = accept::serve(gateway.clone(), stream, peer);
        let talking = async {
            // The gateway may well hang up in the middle.
            let _ = client.write_all(bytes).await;
            let _ = client.shutdown().await;
            let _ = client.read_to_end(&mut Vec::new()).await;
        };
        tokio::join!(serving, talking);
        assert_eq!(gateway.connections(), 0);
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn random_bytes_never_panic_the_gateway(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        serve(&bytes);
    }

    #[test]
    fn random_bytes_behind_a_handshake_never_panic_the_gateway(
        bytes in proptest::collection::vec(any::<u8>(), 0..300)
    ) {
        serve(&[HANDSHAKE, &bytes].concat());
    }

    #[test]
    fn random_frames_never_panic_the_gateway(
        frames in proptest::collection::vec(
            (any::<u8>(), proptest::collection::vec(any::<u8>(), 0..200)), 0..8
        )
    ) {
        let mut bytes = HANDSHAKE.to_vec();
        for (first, payload) in frames {
            // Mostly without reserved bits, which end it at once.
            bytes.extend(frame(first & 0x8f, &payload));
        }
        serve(&bytes);
    }

    #[test]
    fn random_requests_never_panic_the_gateway(target in "/(dev)?(/(@|%40)connections/)?\\PC{0,20}",
        method in "GET|POST|PUT|DELETE", header in "[ -~]{0,30}") {
        let request = format!("{method} {target} HTTP/1.1\r\nHost: localhost\r\n{header}\r\n\r\n");
        serve(request.as_bytes());
    }
}
