//! Clients that do not read.

use crate::deadline::until;
use crate::gateway::{Gateway, sdk_config};
use crate::handshake::Endpoint;
use lambda_ws::store::{Scope, Store};
use lambda_ws::transport::{ApiGateway, Transport};
use lambda_ws::{ConnectionId, IntoPayload, SendError, Timestamp};
use std::collections::HashSet;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// The receive buffer of a client, in bytes.
const BUFFER: u32 = 2048;

/// The messages that fill the gateway's buffer, in bytes: large ones first.
const SIZES: [usize; 7] = [120_000, 20_000, 4_000, 800, 100, 10, 1];

/// How often the buffer is full before nothing more fits: the system takes some bytes later.
const FULL: usize = 3;

/// Clients that do not read: posts to them are throttled (conformance G6). They disconnect when this is
/// dropped.
#[derive(Debug)]
pub struct SlowClients {
    /// Their connections.
    pub ids: Vec<ConnectionId>,
    _streams: Vec<TcpStream>,
}

impl SlowClients {
    /// Connects so many with this query string, and fills their buffers.
    ///
    /// # Panics
    ///
    /// If one of them cannot connect, or can still be sent to.
    pub async fn connect(gateway: &Gateway, query: &str, count: usize) -> Self {
        let before = connections(gateway).await;
        let mut streams = Vec::new();
        for _ in 0..count {
            streams.push(shake_hands(gateway, query).await);
        }
        let ids = until("the records of all slow clients", async || {
            let now = connections(gateway).await;
            let new: Vec<_> = now.difference(&before).cloned().collect();
            (new.len() == count).then_some(new)
        });
        let ids = ids.await;
        let lines = gateway.program.stdout.now();
        let line = lines
            .iter()
            .find_map(|line| line.strip_prefix("credentials"));
        let pair = line.and_then(|line| line.trim().split_once('/'));
        let (key, secret) = pair.expect("the gateway prints its credentials");
        let url = gateway.management.split("/@connections").next();
        let api = ApiGateway::new(&sdk_config(key, secret), url.expect("the part before"));
        for id in &ids {
            fill(&api, id).await;
        }
        Self {
            ids,
            _streams: streams,
        }
    }
}

/// All connections in the table.
async fn connections(gateway: &Gateway) -> HashSet<ConnectionId> {
    let (store, now) = (gateway.table().await.store(), Timestamp::now());
    let mut all = HashSet::new();
    for slice in Scope::Everyone.slices() {
        let page = store.page(&Scope::Everyone, slice, None, now).await;
        let page = page.expect("the table can be read");
        assert!(page.next.is_none(), "a page has room for all of a test");
        all.extend(page.ids);
    }
    all
}

async fn shake_hands(gateway: &Gateway, query: &str) -> TcpStream {
    let endpoint = Endpoint::of(&gateway.at(query));
    let socket = TcpSocket::new_v4().expect("a socket");
    let sized = socket.set_recv_buffer_size(BUFFER);
    sized.expect("a size that the system rounds up");
    let mut stream = socket.connect(endpoint.address).await.expect("it listens");
    let sent = stream.write_all(endpoint.handshake().as_bytes()).await;
    sent.expect("it reads");
    let mut status = [0; 13];
    let read = stream.read_exact(&mut status).await;
    read.expect("it answers");
    assert_eq!(&status, b"HTTP/1.1 101 ");
    // The rest, and all messages, stay unread.
    stream
}

async fn fill(api: &ApiGateway, id: &ConnectionId) {
    let mut full = 0;
    while full < FULL {
        let mut posted = 0;
        for size in SIZES {
            loop {
                let filler = "x".repeat(size).into_payload().expect("text");
                match api.post(id, &filler).await {
                    Ok(()) => posted += 1,
                    Err(SendError::Throttled) => break,
                    Err(error) => panic!("{id} cannot be filled: {error}"),
                }
                assert!(posted < 1000, "{id} reads its messages");
            }
        }
        full = if posted == 0 { full + 1 } else { 0 };
    }
}
