//! The chat's protocol, over real sockets.

use serde_json::json;
use std::time::Duration;
use tests::{Client, Gateway, Program, within, within_time};

/// The error a client hears, without its request id.
fn error_code(heard: &serde_json::Value) -> &str {
    let error = &heard["error"];
    assert!(
        error["message"].is_string() && error["requestId"].is_string(),
        "{heard}"
    );
    error["code"].as_str().expect("an error has a code")
}

/// Two users in the lobby, who have heard of each other.
async fn ann_and_bob(gateway: &Gateway) -> (Client, Client) {
    let mut ann = gateway.welcomed("user=ann").await;
    let bob = gateway.welcomed("user=bob").await;
    ann.expects(json!({"type": "joined", "users": ["bob"], "room": "lobby"}))
        .await;
    (ann, bob)
}

#[tokio::test]
async fn two_users_chat_and_leave_no_items() {
    let gateway = Gateway::chat().await;
    let table = gateway.table().await;
    let (mut ann, mut bob) = ann_and_bob(&gateway).await;
    table.has(2, 2, 2).await;

    ann.send(json!({"action": "say", "text": "hi, ä 🙂"})).await;
    let said = json!({"type": "said", "user": "ann", "room": "lobby", "text": "hi, ä 🙂"});
    ann.expects(said.clone()).await;
    bob.expects(said).await;

    bob.close().await;
    ann.expects(json!({"type": "left", "users": ["bob"], "room": "lobby"}))
        .await;
    table.has(1, 1, 1).await;
    ann.close().await;
    table.has(0, 0, 0).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_newcomer_is_welcomed_within_five_seconds() {
    let gateway = Gateway::chat().await;
    let _bob = gateway.welcomed("user=bob").await;
    let mut ann = gateway.client("user=ann").await;
    let welcome = within_time(Duration::from_secs(5), "a welcome", ann.json());
    let users = ["ann", "bob"];
    let expected = json!({"type": "welcome", "user": "ann", "room": "lobby", "users": users});
    assert_eq!(welcome.await, expected);
    gateway.stop().await;
}

#[tokio::test]
async fn a_client_without_a_valid_name_is_rejected() {
    let gateway = Gateway::chat().await;
    for query in [
        "",
        "user=",
        "user=no%20spaces",
        &format!("user={}", "x".repeat(33)),
    ] {
        let refused = gateway.try_client(query).await.expect_err(query);
        assert_eq!(refused.status, 401, "{query}");
        assert!(refused.body.contains("Unauthorized"), "{refused:?}");
    }
    let result = gateway.try_client("user=ann&room=a/b").await;
    let refused = result.expect_err("a bad room");
    assert_eq!(refused.status, 400);
    gateway.table().await.has(0, 0, 0).await;
    gateway.stop().await;
}

#[tokio::test]
async fn the_server_chooses_an_offered_sub_protocol() {
    let gateway = Gateway::chat().await;
    let offer = |protocols| {
        let url = gateway.at("user=ann");
        async move {
            let offer = [("Sec-WebSocket-Protocol", protocols)];
            Client::try_connect(&url, &offer)
                .await
                .expect("it is accepted")
                .protocol
        }
    };
    assert_eq!(offer("chat.v2, chat.v1").await.as_deref(), Some("chat.v1"));
    let plain = gateway.welcomed("user=bob").await;
    assert_eq!(plain.protocol, None);
    gateway.stop().await;
}

#[tokio::test]
async fn only_members_of_a_room_receive_its_messages() {
    let gateway = Gateway::chat().await;
    let (mut ann, mut bob) = ann_and_bob(&gateway).await;

    bob.send(json!({"action": "join", "room": "tea"})).await;
    bob.expects(json!({"type": "entered", "room": "tea"})).await;
    ann.expects(json!({"type": "left", "users": ["bob"], "room": "lobby"}))
        .await;
    let mut cat = gateway.welcomed("user=cat&room=tea").await;
    bob.expects(json!({"type": "joined", "users": ["cat"], "room": "tea"}))
        .await;

    bob.send(json!({"action": "say", "text": "milk?"})).await;
    let said = json!({"type": "said", "user": "bob", "room": "tea", "text": "milk?"});
    bob.expects(said.clone()).await;
    cat.expects(said).await;
    cat.send(json!({"action": "who"})).await;
    cat.expects(json!({"type": "members", "room": "tea", "users": ["bob", "cat"]}))
        .await;
    // Had the tea room reached the lobby, this would come second.
    ann.send(json!({"action": "who"})).await;
    ann.expects(json!({"type": "members", "room": "lobby", "users": ["ann"]}))
        .await;

    ann.send(json!({"action": "join", "room": "tea"})).await;
    ann.expects(json!({"type": "entered", "room": "tea"})).await;
    let joined = json!({"type": "joined", "users": ["ann"], "room": "tea"});
    bob.expects(joined.clone()).await;
    cat.expects(joined).await;
    // Again: nobody is told of what has not changed.
    ann.send(json!({"action": "join", "room": "tea"})).await;
    ann.expects(json!({"type": "entered", "room": "tea"})).await;
    ann.send(json!({"action": "say", "text": "here"})).await;
    let said = json!({"type": "said", "user": "ann", "room": "tea", "text": "here"});
    for client in [&mut ann, &mut bob, &mut cat] {
        client.expects(said.clone()).await;
    }
    gateway.table().await.has(3, 3, 3).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_direct_message_reaches_every_device_of_a_user() {
    let gateway = Gateway::chat().await;
    let table = gateway.table().await;
    let (mut ann, mut phone) = ann_and_bob(&gateway).await;
    let mut laptop = gateway.welcomed("user=bob&room=tea").await;
    table.has(3, 3, 3).await;

    ann.send(json!({"action": "direct", "to": "bob", "text": "psst"}))
        .await;
    let direct = json!({"type": "direct", "user": "ann", "text": "psst"});
    phone.expects(direct.clone()).await;
    laptop.expects(direct).await;

    laptop.close().await;
    table.has(2, 2, 2).await;
    ann.send(json!({"action": "direct", "to": "bob", "text": "still there?"}))
        .await;
    phone
        .expects(json!({"type": "direct", "user": "ann", "text": "still there?"}))
        .await;

    phone.close().await;
    ann.expects(json!({"type": "left", "users": ["bob"], "room": "lobby"}))
        .await;
    table.has(1, 1, 1).await;
    ann.send(json!({"action": "direct", "to": "bob", "text": "bye"}))
        .await;
    assert_eq!(error_code(&ann.json().await), "no_such_user");
    gateway.stop().await;
}

#[tokio::test]
async fn a_mistake_is_answered_with_an_error_and_the_client_stays_connected() {
    let gateway = Gateway::chat().await;
    let mut ann = gateway.welcomed("user=ann").await;
    for (said, code) in [
        (r#"{"action": "dance"}"#, "unknown_action"),
        (r#"{"text": "hi"}"#, "bad_message"),
        ("hello", "bad_message"),
        ("", "bad_message"),
        (r#"{"action": "say"}"#, "bad_message"),
        (r#"{"action": "say", "text": 1}"#, "bad_message"),
        (r#"{"action": "join", "room": "a b"}"#, "bad_message"),
        (
            r#"{"action": "direct", "to": "eve", "text": "x"}"#,
            "no_such_user",
        ),
    ] {
        ann.send_text(said).await;
        assert_eq!(error_code(&ann.json().await), code, "{said}");
    }
    ann.send(json!({"action": "say", "text": "x".repeat(4001)}))
        .await;
    assert_eq!(error_code(&ann.json().await), "too_large");
    let longest = "ä".repeat(4000);
    ann.send(json!({"action": "say", "text": longest})).await;
    ann.expects(json!({"type": "said", "user": "ann", "room": "lobby", "text": longest}))
        .await;
    gateway.stop().await;
}

#[tokio::test]
async fn two_joins_at_once_end_in_one_room() {
    let gateway = Gateway::chat().await;
    let table = gateway.table().await;
    let mut ann = gateway.welcomed("user=ann").await;
    for round in 0..10 {
        let rooms = [format!("a{round}"), format!("b{round}")];
        for room in &rooms {
            ann.send(json!({"action": "join", "room": room})).await;
        }
        // The first may be told of the second's `joined`; it hears nothing of itself.
        let entered = |room| json!({"type": "entered", "room": room});
        ann.expects_all([entered(&rooms[0]), entered(&rooms[1])])
            .await;
        table.has(1, 1, 1).await;
        ann.send(json!({"action": "who"})).await;
        let members = ann.json().await;
        assert!(
            rooms.iter().any(|room| members["room"] == **room),
            "{members}"
        );
        assert_eq!(members["users"], json!(["ann"]));
    }
    ann.close().await;
    table.has(0, 0, 0).await;
    gateway.stop().await;
}

#[tokio::test]
async fn the_gateway_prints_all_addresses_without_options() {
    let mut gateway = Program::start(
        &tests::gateway(),
        &tests::root(),
        ["--port", "0", "--", &tests::chat().to_string_lossy()],
    );
    let last = within(
        "the last line",
        gateway.stdout.find(|l| l.starts_with("cred")),
    );
    assert_eq!(last.await.as_deref(), Some("credentials test/test"));
    let lines = gateway.stdout.now();
    let start = [
        "websocket   ws://127.0.0.1:",
        "management  http://127.0.0.1:",
        "dynamodb    http://127.0.0.1:",
        "region      us-east-1",
        "page        http://127.0.0.1:",
        "console     http://127.0.0.1:",
        "credentials test/test",
    ];
    assert_eq!(lines.len(), start.len());
    for (line, start) in lines.iter().zip(start) {
        assert!(line.starts_with(start), "{line}");
    }
    gateway.signal(rustix::process::Signal::TERM);
    assert_eq!(gateway.ended().await.code, Some(0));
}
