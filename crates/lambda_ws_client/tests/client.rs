//! The client against a server on real sockets.

use futures_util::{SinkExt, StreamExt};
use lambda_ws_client::{Client, Handshake, Position, RoomEvent, State, Subscription};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_async, accept_hdr_async};

const PATIENCE: Duration = Duration::from_secs(10);

/// A server that a test scripts.
struct Server(TcpListener);

struct Peer(WebSocketStream<TcpStream>);

impl Server {
    async fn start() -> (Self, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("ws://{}/dev", listener.local_addr().expect("an address"));
        (Self(listener), url)
    }

    async fn tcp(&self) -> TcpStream {
        let accepted = timeout(PATIENCE, self.0.accept()).await;
        accepted.expect("a client connects").expect("a socket").0
    }

    async fn accept(&self) -> Peer {
        Peer(accept_async(self.tcp().await).await.expect("a handshake"))
    }
}

impl Peer {
    /// Waits for a frame.
    async fn frame(&mut self) -> Value {
        let next = timeout(PATIENCE, self.0.next()).await;
        let message = next
            .expect("a frame")
            .expect("an open socket")
            .expect("a message");
        serde_json::from_str(message.to_text().expect("text")).expect("JSON")
    }

    async fn send(&mut self, frame: Value) {
        let sent = self.0.send(Message::text(frame.to_string())).await;
        sent.expect("an open socket");
    }

    /// Answers a subscription with messages after its position.
    async fn subscribed(&mut self, seq: u64, messages: Value) -> Value {
        let frame = self.frame().await;
        assert_eq!(frame["action"], "$subscribe", "{frame}");
        let (room, id) = (&frame["room"], &frame["$id"]);
        let answer = json!({
            "$": "subscribed", "room": room, "id": id, "epoch": "k3f9x0a2b", "seq": seq, "recovered": true,
            "messages": messages,
        });
        self.send(answer).await;
        frame
    }
}

async fn message(room: &mut Subscription) -> String {
    let message = timeout(PATIENCE, room.next_message()).await;
    let message = message.expect("a message").expect("the room is open");
    message.json().expect("a text")
}

fn live(seq: u64, data: &str) -> Value {
    json!({ "$": "message", "room": "tea", "epoch": "k3f9x0a2b", "seq": seq, "data": data })
}

#[tokio::test]
async fn a_room_continues_where_a_cut_connection_ended() {
    let (server, url) = Server::start().await;
    let builder = Client::builder(url).backoff(Duration::from_millis(1), Duration::from_millis(20));
    let client = builder.connect();
    let mut room = client.room("tea").subscribe();

    let mut peer = server.accept().await;
    peer.subscribed(7, json!([])).await;
    peer.send(live(8, "one")).await;
    assert_eq!(message(&mut room).await, "one");
    // The socket closes without a close frame.
    drop(peer);

    let mut peer = server.accept().await;
    let frame = peer
        .subscribed(10, json!([[9, "two"], [10, "three"]]))
        .await;
    assert_eq!(frame["since"], json!(["k3f9x0a2b", 8]));
    peer.send(live(10, "three")).await;
    peer.send(live(11, "four")).await;
    for expected in ["two", "three", "four"] {
        assert_eq!(message(&mut room).await, expected);
    }
    assert_eq!(room.position(), Some(&Position::new("k3f9x0a2b", 11)));
    assert_eq!(client.status().last_error.expect("an error").code(), "lost");
}

#[tokio::test]
async fn a_request_returns_the_reply_or_the_error_of_its_handler() {
    let (server, url) = Server::start().await;
    let client = Client::connect(url);
    let requests = async {
        let message = json!({ "action": "add", "by": 2 });
        let reply: u64 = client.request(&message).send().await.expect("a reply");
        let error = client.request(&message).send::<u64>().await;
        let decode = client.request(&message).send::<u64>().await;
        (
            reply,
            error.expect_err("an error"),
            decode.expect_err("text"),
        )
    };
    let serve = async {
        let mut peer = server.accept().await;
        let frame = peer.frame().await;
        assert_eq!((&frame["action"], &frame["by"]), (&json!("add"), &json!(2)));
        peer.send(json!({ "$": "reply", "id": frame["$id"], "data": 44 }))
            .await;
        let id = peer.frame().await["$id"].clone();
        let error = json!({ "code": "full", "message": "the pot is full", "requestId": "r1" });
        peer.send(json!({ "$": "error", "id": id, "error": error }))
            .await;
        let id = peer.frame().await["$id"].clone();
        peer.send(json!({ "$": "reply", "id": id, "data": "text" }))
            .await;
        peer
    };
    let ((reply, error, decode), _peer) = tokio::join!(requests, serve);
    assert_eq!(reply, 44);
    assert_eq!((error.code(), error.request_id()), ("full", Some("r1")));
    assert_eq!(error.to_string(), "the pot is full");
    assert_eq!(decode.code(), "decode");

    let reserved = client.send(&json!({ "action": "$ping" })).await;
    assert_eq!(reserved.expect_err("reserved").code(), "encode");
    let long = client.send(&"x".repeat(40_000)).await;
    assert_eq!(long.expect_err("long").code(), "too_long");
}

#[tokio::test]
async fn a_dropped_client_closes_its_connection() {
    let (server, url) = Server::start().await;
    let mut client = Client::connect(url);
    let mut peer = server.accept().await;
    assert_eq!(client.changed().await.state, State::Open);
    let room = client.room("tea").subscribe();
    drop(client);
    // The subscription is a handle as well.
    peer.subscribed(1, json!([])).await;
    drop(room);
    let end = async {
        while let Some(Ok(message)) = peer.0.next().await {
            if message.is_close() {
                return true;
            }
        }
        false
    };
    assert!(timeout(PATIENCE, end).await.expect("an end"));
}

#[tokio::test]
async fn a_closed_client_ends_its_rooms_and_fails_its_calls() {
    let (server, url) = Server::start().await;
    let client = Client::connect(url);
    let mut room = client.room("tea").subscribe();
    let _peer = server.accept().await;
    client.close().await;
    assert!(room.next().await.is_none());
    assert!(room.error().is_none(), "the application closed it");
    let error = client.send(&json!({ "action": "say" })).await;
    assert_eq!(error.expect_err("closed").code(), "closed");
    let mut late = client.room("tea").subscribe();
    assert!(late.next().await.is_none());
    assert_eq!(late.error().expect("an error").code(), "closed");
}

#[tokio::test]
#[allow(clippy::result_large_err, reason = "the type of the library")]
async fn each_attempt_asks_for_a_handshake_and_a_rejected_one_states_its_status() {
    let (server, url) = Server::start().await;
    let attempts = std::sync::atomic::AtomicU32::new(0);
    let handshake = move || {
        let attempt = 1 + attempts.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let handshake = Handshake::new(format!("{url}?ticket={attempt}")).protocol("tea");
        std::future::ready(Ok(handshake))
    };
    let builder = Client::builder("").handshake(handshake);
    let client = builder
        .backoff(Duration::from_millis(1), Duration::from_millis(1))
        .connect();
    let reject = |request: &Request, _: Response| {
        assert_eq!(request.uri().query(), Some("ticket=1"));
        assert_eq!(request.headers()["sec-websocket-protocol"], "tea");
        let mut response = ErrorResponse::new(None);
        *response.status_mut() = http::StatusCode::FORBIDDEN;
        Err(response)
    };
    assert!(accept_hdr_async(server.tcp().await, reject).await.is_err());
    let mut query = None;
    let accept = |request: &Request, mut response: Response| {
        query = request.uri().query().map(str::to_owned);
        let protocol = request.headers()["sec-websocket-protocol"].clone();
        response
            .headers_mut()
            .insert("sec-websocket-protocol", protocol);
        Ok(response)
    };
    let _socket = accept_hdr_async(server.tcp().await, accept)
        .await
        .expect("a handshake");
    assert_eq!(query.as_deref(), Some("ticket=2"));
    let error = client.status().last_error.expect("an error");
    assert_eq!((error.code(), error.status()), ("rejected", Some(403)));
}

#[tokio::test]
async fn a_room_that_is_read_too_slowly_ends_and_another_one_continues_it() {
    let (server, url) = Server::start().await;
    let client = Client::connect(url);
    let mut room = client.room("tea").subscribe();
    let mut peer = server.accept().await;
    peer.subscribed(0, json!([])).await;
    for seq in 1..=1_001 {
        peer.send(live(seq, "x")).await;
    }
    assert_eq!(peer.frame().await["action"], "$unsubscribe");
    let mut count = 0;
    while let Some(event) = room.next().await {
        count += u64::from(matches!(event, RoomEvent::Message(_)));
    }
    assert_eq!(room.error().expect("an error").code(), "overflow");
    let position = room.position().expect("a position").clone();
    assert_eq!(position.seq, count);

    peer.send(json!({ "$": "unsubscribed", "room": "tea", "id": 2 }))
        .await;
    let mut room = client.room("tea").since(position.clone()).subscribe();
    let frame = peer
        .subscribed(1_001, json!([[1_000, "y"], [1_001, "z"]]))
        .await;
    assert_eq!(frame["since"], json!(position));
    assert_eq!(message(&mut room).await, "y");
}

#[tokio::test]
async fn a_second_subscription_of_a_room_ends_at_once() {
    let (_server, url) = Server::start().await;
    let client = Client::connect(url);
    let _room = client.room("tea").subscribe();
    let mut second = client.room("tea").subscribe();
    assert!(second.next().await.is_none());
    assert_eq!(second.error().expect("an error").code(), "taken");
}
