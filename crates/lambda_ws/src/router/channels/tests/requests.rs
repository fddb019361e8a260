//! Messages with `$id`.

use super::*;
use crate::RouteKey;

fn router() -> Router {
    Router::new()
        .route("nothing", async || {})
        .route("text", async || "7")
        .route("json", async || Json(json!({"a": 7})))
        .route("refuse", async || {
            Err::<(), _>(Error::client("full", "the room is full"))
        })
        .route("fail", async || Err::<(), _>(Error::from("a secret")))
        .route("large", async || "x".repeat(crate::limits::MESSAGE_BYTES))
        .two_way("both", async || "9")
        .fallback(async |RouteKey(key): RouteKey| key)
        .channels(channels())
}

#[tokio::test]
async fn a_request_has_one_answer_with_its_id() {
    let gateway = Gateway::new(router()).two_way(["both"]);
    let mut ann = gateway.connect("/").await.unwrap();
    for (action, data) in [
        ("nothing", Value::Null),
        ("text", json!("7")),
        ("json", json!({"a": 7})),
        ("both", json!("9")),
        ("other", json!("$default")),
    ] {
        for id in [json!(7), json!("a\"b"), json!(-1.5)] {
            let answer = ask(&mut ann, json!({"action": action, "$id": id})).await;
            assert_eq!(
                answer,
                json!({"$": "reply", "id": id, "data": data}),
                "{action}"
            );
        }
    }
    for (action, code, message) in [
        ("refuse", "full", "the room is full"),
        ("fail", "internal", "internal error"),
        (
            "large",
            "too_large",
            "the message is too large: expected at most 131072 bytes",
        ),
    ] {
        let answer = ask(&mut ann, json!({"action": action, "$id": 1})).await;
        assert_eq!((&answer["$"], &answer["id"]), (&json!("error"), &json!(1)));
        assert_eq!(answer["error"]["code"], code);
        assert_eq!(answer["error"]["message"], message);
        assert!(answer["error"]["requestId"].is_string() && answer.get("room").is_none());
    }
}

#[tokio::test]
async fn a_message_without_an_id_is_answered_as_without_channels() {
    let gateway = Gateway::new(router());
    let mut ann = gateway.connect("/").await.unwrap();
    for (message, answers) in [
        (r#"{"action":"nothing"}"#, &[][..]),
        (r#"{"action":"text","$id":null}"#, &["7"]),
        (r#"{"action":"json","price":"$7"}"#, &[r#"{"a":7}"#]),
        (r#"not JSON, and "$id""#, &["$default"]),
        (r#"[{"$id":7}]"#, &["$default"]),
    ] {
        ann.send(message).await;
        assert_eq!(ann.recv_all(), answers, "{message}");
    }
}
