//! Clients that break the rules of the protocol.

use super::*;

/// Returns the code and the message of the only error that a client received.
fn error_of(gateway: &Gateway, client: &mut Client) -> (String, String) {
    let messages = received(client);
    let [message] = messages.as_slice() else {
        panic!("expected one error: {messages:?}");
    };
    let error = message["error"].as_object().expect("an error");
    let members: Vec<_> = error.keys().map(String::as_str).collect();
    assert_eq!(members, ["code", "message", "requestId"]);
    let last = gateway.events().pop().expect("an event");
    assert_eq!(error["requestId"], last.request_id);
    let text = |name: &str| error[name].as_str().expect("text").to_owned();
    (text("code"), text("message"))
}

#[tokio::test]
async fn a_client_without_a_valid_user_is_rejected_with_401() {
    let gateway = chat();
    for uri in [
        "/",
        "/?user=",
        "/?user=a%20b",
        "/?user=%C3%BC",
        "/?name=ann",
        "/?user=a.b&room=tea",
        "/?user=&room=%20",
        "/?user=abcdefghijklmnopqrstuvwxyz0123456",
    ] {
        let rejected = gateway.connect(uri).await.expect_err(uri);
        assert_eq!(rejected.status, 401, "{uri}");
    }
    let longest = "/?user=abcdefghijklmnopqrstuvwxyz_-0123";
    assert!(gateway.connect(longest).await.is_ok());
}

#[tokio::test]
async fn a_client_without_a_valid_room_is_rejected_with_400_and_not_announced() {
    let gateway = chat();
    let mut bob = enter(&gateway, "bob", "lobby").await;
    for uri in [
        "/?user=ann&room=",
        "/?user=ann&room=a/b",
        "/?user=ann&room=%00",
    ] {
        let rejected = gateway.connect(uri).await.expect_err(uri);
        assert_eq!(rejected.status, 400, "{uri}");
    }
    assert_eq!(received(&mut bob), nothing());
}

#[tokio::test]
async fn the_error_of_an_unknown_action_lists_the_known_actions() {
    let gateway = chat();
    let mut ann = enter(&gateway, "ann", "tea").await;
    ann.send(r#"{"action":"dance"}"#).await;
    let (code, message) = error_of(&gateway, &mut ann);
    assert_eq!(code, "unknown_action");
    assert_eq!(
        message,
        "`dance` is not a valid action: expected one of `direct`, `join`, `say`, `who`"
    );
}

#[tokio::test]
async fn the_error_of_a_bad_message_contains_the_expected_form() {
    let gateway = chat();
    let mut ann = enter(&gateway, "ann", "tea").await;
    for (message, expected) in [
        (
            "hello",
            "the message is not a JSON object: expected `action`",
        ),
        ("", "the message is not a JSON object: expected `action`"),
        ("[]", "the message is not a JSON object: expected `action`"),
        ("{}", "`action` is missing: expected one of `direct`, "),
        (r#"{"action":"say"}"#, "missing field `text`"),
        (r#"{"action":"say","text":7}"#, "expected a string"),
        (r#"{"action":"join"}"#, "missing field `room`"),
        (r#"{"action":"join","room":"a b"}"#, "A-Z a-z 0-9 _ -"),
        (r#"{"action":"direct","text":"x"}"#, "missing field `to`"),
        (
            r#"{"action":"direct","to":"","text":"x"}"#,
            "A-Z a-z 0-9 _ -",
        ),
    ] {
        ann.send(message).await;
        let (code, text) = error_of(&gateway, &mut ann);
        assert_eq!(code, "bad_message", "{message}");
        assert!(text.contains(expected), "{message}: {text}");
    }
    let found = who(&mut ann).await;
    assert_eq!(found, members("tea", &["ann"]), "ann is still in the room");
}

#[tokio::test]
async fn a_text_of_more_than_4000_characters_is_rejected_and_not_sent() {
    let gateway = chat();
    let mut ann = enter(&gateway, "ann", "tea").await;
    let mut bob = enter(&gateway, "bob", "tea").await;
    received(&mut ann);
    say(&ann, &"x".repeat(4001)).await;
    assert_eq!(error_of(&gateway, &mut ann).0, "too_large");
    direct(&ann, "bob", &"x".repeat(4001)).await;
    assert_eq!(error_of(&gateway, &mut ann).0, "too_large");
    assert_eq!(received(&mut bob), nothing());
}

#[tokio::test]
async fn a_direct_message_to_a_user_that_is_not_connected_gets_no_such_user() {
    let gateway = chat();
    let mut ann = enter(&gateway, "ann", "tea").await;
    direct(&ann, "bob", "psst").await;
    let (code, message) = error_of(&gateway, &mut ann);
    assert_eq!(&*code, "no_such_user");
    assert_eq!(&*message, "the user `bob` is not connected");

    enter(&gateway, "bob", "coffee").await.close().await;
    direct(&ann, "bob", "psst").await;
    assert_eq!(error_of(&gateway, &mut ann).0, "no_such_user");

    enter(&gateway, "eve", "coffee").await.drop_silently();
    direct(&ann, "eve", "psst").await;
    let found = error_of(&gateway, &mut ann).0;
    assert_eq!(found, "no_such_user", "every connection of eve is gone");

    // A room is not a user.
    direct(&ann, "tea", "psst").await;
    assert_eq!(error_of(&gateway, &mut ann).0, "no_such_user");
}
