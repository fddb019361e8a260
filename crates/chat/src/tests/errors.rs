//! What happens to those who do something unexpected.

use super::*;

/// The one thing a client hears: an error, with the id of the event that failed.
fn failed(gateway: &Gateway, client: &mut Client) -> (String, String) {
    let heard = heard(client);
    let [told] = heard.as_slice() else {
        panic!("one error is expected: {heard:?}");
    };
    let error = told["error"].as_object().expect("an error");
    let members: Vec<_> = error.keys().map(String::as_str).collect();
    assert_eq!(members, ["code", "message", "requestId"]);
    let last = gateway.events().pop().expect("an event");
    assert_eq!(error["requestId"], last.request_id);
    let text = |name: &str| error[name].as_str().expect("text").to_owned();
    (text("code"), text("message"))
}

#[tokio::test]
async fn who_has_no_proper_user_is_refused_with_401() {
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
        let refused = gateway.connect(uri).await.expect_err(uri);
        assert_eq!(refused.status, 401, "{uri}");
    }
    let longest = "/?user=abcdefghijklmnopqrstuvwxyz_-0123";
    assert!(gateway.connect(longest).await.is_ok());
}

#[tokio::test]
async fn who_has_no_proper_room_is_refused_with_400_and_not_announced() {
    let gateway = chat();
    let mut bob = enters(&gateway, "bob", "lobby").await;
    for uri in [
        "/?user=ann&room=",
        "/?user=ann&room=a/b",
        "/?user=ann&room=%00",
    ] {
        let refused = gateway.connect(uri).await.expect_err(uri);
        assert_eq!(refused.status, 400, "{uri}");
    }
    assert_eq!(heard(&mut bob), nothing());
}

#[tokio::test]
async fn an_unknown_action_is_answered_with_those_that_are_known() {
    let gateway = chat();
    let mut ann = enters(&gateway, "ann", "tea").await;
    ann.send(r#"{"action":"dance"}"#).await;
    let (code, message) = failed(&gateway, &mut ann);
    assert_eq!(code, "unknown_action");
    assert_eq!(
        message,
        "`dance` is no action: expected one of `direct`, `join`, `say`, `who`"
    );
}

#[tokio::test]
async fn a_bad_message_is_answered_with_what_was_expected() {
    let gateway = chat();
    let mut ann = enters(&gateway, "ann", "tea").await;
    for (message, expected) in [
        ("hello", "expected a JSON object with `action`"),
        ("", "expected a JSON object with `action`"),
        ("[]", "expected a JSON object with `action`"),
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
        let (code, told) = failed(&gateway, &mut ann);
        assert_eq!(code, "bad_message", "{message}");
        assert!(told.contains(expected), "{message}: {told}");
    }
    assert_eq!(
        who(&mut ann).await,
        members("tea", &["ann"]),
        "she is still there"
    );
}

#[tokio::test]
async fn a_text_over_four_thousand_characters_is_too_large_and_nobody_hears_it() {
    let gateway = chat();
    let mut ann = enters(&gateway, "ann", "tea").await;
    let mut bob = enters(&gateway, "bob", "tea").await;
    heard(&mut ann);
    say(&ann, &"x".repeat(4001)).await;
    assert_eq!(failed(&gateway, &mut ann).0, "too_large");
    direct(&ann, "bob", &"x".repeat(4001)).await;
    assert_eq!(failed(&gateway, &mut ann).0, "too_large");
    assert_eq!(heard(&mut bob), nothing());
}

#[tokio::test]
async fn a_direct_message_to_nobody_is_no_such_user() {
    let gateway = chat();
    let mut ann = enters(&gateway, "ann", "tea").await;
    direct(&ann, "bob", "psst").await;
    let (code, message) = failed(&gateway, &mut ann);
    assert_eq!((&*code, &*message), ("no_such_user", "`bob` is not here"));

    enters(&gateway, "bob", "coffee").await.close().await;
    direct(&ann, "bob", "psst").await;
    assert_eq!(failed(&gateway, &mut ann).0, "no_such_user");

    enters(&gateway, "eve", "coffee").await.drop_silently();
    direct(&ann, "eve", "psst").await;
    assert_eq!(failed(&gateway, &mut ann).0, "no_such_user", "all are gone");

    // A room is not a user.
    direct(&ann, "tea", "psst").await;
    assert_eq!(failed(&gateway, &mut ann).0, "no_such_user");
}
