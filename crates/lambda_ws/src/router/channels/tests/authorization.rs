//! Which clients may subscribe.

use super::*;
use crate::auth::RoomTokens;
use crate::{State, Subscribe, User};

const SECRET: &str = "a secret of at least 32 random bytes";

async fn subscribe(client: &mut Client, room: &str, token: Option<&str>) -> Value {
    let frame = json!({"action": "$subscribe", "room": room, "token": token, "$id": 1});
    ask(client, frame).await
}

fn code(answer: &Value) -> Option<&str> {
    assert!(answer["$"] == "subscribed" || answer["id"] == 1, "{answer}");
    answer["error"]["code"].as_str()
}

#[tokio::test]
async fn nothing_is_allowed_unless_something_allows_it() {
    let gateway = gateway(Channels::new().history("*", HISTORY));
    let mut ann = gateway.connect("/").await.unwrap();
    let answer = subscribe(&mut ann, "tea", Some("token")).await;
    assert_eq!(code(&answer), Some("forbidden"));
    assert_eq!(
        (&answer["$"], &answer["room"]),
        (&json!("error"), &json!("tea"))
    );
    assert!(answer["error"]["requestId"].is_string(), "{answer}");
    ann.send(said("tea", "secret")).await;
    assert_eq!(received(&mut ann), [Value::Null; 0], "it is not a member");
    let pong = ask(
        &mut ann,
        json!({"action": "$ping", "rooms": {"tea": ["000000000", 0]}}),
    )
    .await;
    assert_eq!(
        pong,
        json!({"$": "pong", "left": ["tea"]}),
        "a ping reads no other room"
    );
}

#[tokio::test]
async fn a_room_token_allows_its_rooms_to_its_user() {
    let tokens = RoomTokens::new(SECRET);
    let gateway = gateway(Channels::new().tokens(tokens.clone()).public("lobby"));
    let mut ann = gateway.connect("/?user=ann").await.unwrap();
    let ttl = Duration::from_secs(60);
    let tea = tokens.issue("tea", ttl).unwrap();
    let bobs = tokens.issue_to("bob", "*", ttl).unwrap();
    let anns = tokens.issue_to("ann", "chat/*", ttl).unwrap();
    let forged = RoomTokens::new(SECRET.to_uppercase())
        .issue("*", ttl)
        .unwrap();
    for (room, token, expected) in [
        ("tea", Some(&*tea), None),
        ("milk", Some(&*tea), Some("forbidden")),
        ("tea", Some(&*bobs), Some("forbidden")),
        ("chat/1", Some(&*anns), None),
        ("tea", Some(&*forged), Some("forbidden")),
        ("tea", Some("x"), Some("forbidden")),
        ("tea", None, Some("forbidden")),
        ("lobby", None, None),
        ("lobby", Some("x"), None),
    ] {
        let answer = subscribe(&mut ann, room, token).await;
        assert_eq!(code(&answer), expected, "{room} {token:?}");
    }
    // The gateway's clock is ahead of the one that issues tokens.
    gateway
        .advance(Duration::from_secs(20 * 365 * 24 * 3600))
        .await;
    let mut late = gateway.connect("/").await.unwrap();
    let answer = subscribe(&mut late, "tea", Some(&tea)).await;
    assert_eq!(code(&answer), Some("token_expired"));
}

#[tokio::test]
async fn a_handler_with_extractors_decides() {
    let authorize = async |Subscribe { room, token, .. }: Subscribe,
                           user: Option<User>,
                           State(password): State<&'static str>| {
        match (&*room, user) {
            ("full", _) => Err(Error::client("full", "this room is full")),
            ("broken", _) => Err("a secret reason".into()),
            ("users", None) => Err(Error::forbidden("log in first")),
            ("locked", _) if token.as_deref() != Some(password) => Err(Error::forbidden("no")),
            _ => Ok(()),
        }
    };
    let router = Router::new()
        .connect(connect)
        .channels(Channels::new().authorize(authorize))
        .with_state("s3cret");
    let gateway = Gateway::new(router);
    let mut ann = gateway.connect("/?user=ann").await.unwrap();
    let mut eve = gateway.connect("/").await.unwrap();
    for (room, token, expected) in [
        ("full", None, Some("full")),
        ("broken", None, Some("internal")),
        ("users", None, None),
        ("locked", Some("s3cret"), None),
        ("locked", Some("guess"), Some("forbidden")),
    ] {
        let answer = subscribe(&mut ann, room, token).await;
        assert_eq!(code(&answer), expected, "{room}");
        assert!(!answer.to_string().contains("secret reason"));
    }
    let answer = subscribe(&mut eve, "users", None).await;
    assert_eq!(answer["error"]["message"], "log in first");
}
