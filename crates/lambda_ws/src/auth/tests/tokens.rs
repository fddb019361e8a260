//! Tests of tokens in all places.

use super::{gateway, refusal};
use crate::auth::{Cookies, Origins, Token};
use crate::testing::{Gateway, Request};
use crate::{Accept, AnyEvent, Error, Opening, Protocols, Router};
use http::StatusCode;
use std::sync::{Arc, Mutex};
use tower::util::MapRequestLayer;

const ORIGIN: &str = "https://app.example.com";

async fn connect(me: Opening, token: Token) -> Result<(), Error> {
    let user = match token.as_str() {
        "s3cret" => "ann",
        "other" => "bob",
        _ => return Err(Error::unauthorized("the token is unknown")),
    };
    Ok(me.user(user)?)
}

/// A gateway that requires the token `s3cret`.
fn guarded() -> Gateway {
    gateway(Router::new().connect(connect))
}

async fn user(gateway: &Gateway, request: Request) -> Option<String> {
    let client = request.connect().await.expect("accepted");
    let record = crate::store::Store::record(gateway.store(), client.id(), gateway.now()).await;
    record.unwrap().unwrap().user
}

#[tokio::test]
async fn a_token_is_found_wherever_a_client_can_put_it() {
    let gateway = guarded();
    let header = gateway.request("/");
    let header = header.header("Authorization", "bearer  s3cret");
    let query = gateway.request("/?a=b&token=s3cret");
    let protocol = gateway.request("/").protocol("bearer").protocol("s3cret");
    for request in [header, query, protocol] {
        assert_eq!(user(&gateway, request).await.as_deref(), Some("ann"));
    }
}

#[tokio::test]
async fn the_header_counts_before_the_query_and_the_query_before_the_protocol() {
    let gateway = guarded();
    let both = gateway.request("/?token=other");
    let both = both.protocol("bearer").protocol("s3cret");
    assert_eq!(user(&gateway, both).await.as_deref(), Some("bob"));
    let both = gateway.request("/?token=other");
    let both = both.header("Authorization", "Bearer s3cret");
    assert_eq!(user(&gateway, both).await.as_deref(), Some("ann"));
}

#[tokio::test]
async fn a_missing_or_wrong_token_is_rejected_with_401() {
    let gateway = guarded();
    for request in [
        gateway.request("/"),
        gateway.request("/?token="),
        gateway.request("/?token=guess"),
        gateway.request("/?Token=s3cret"),
        gateway.request("/").header("Authorization", "Basic s3cret"),
        gateway.request("/").header("Authorization", "Bearer "),
        gateway.request("/").header("Authorization", "s3cret"),
        gateway.request("/").protocol("s3cret"),
        gateway.request("/").protocol("bearer"),
        gateway.request("/").header("Cookie", "token=s3cret"),
    ] {
        let shown = format!("{request:?}");
        let expected = Some(StatusCode::UNAUTHORIZED);
        assert_eq!(refusal(request).await, expected, "{shown}");
    }
}

#[tokio::test]
async fn a_handler_may_do_without_a_token() {
    let router = Router::new().connect(async |token: Option<Token>| match token {
        None => StatusCode::OK,
        Some(_) => StatusCode::CREATED,
    });
    assert!(gateway(router).connect("/").await.is_ok());
}

#[tokio::test]
async fn b8_a_client_that_brings_a_token_as_protocol_gets_one_protocol_and_never_the_token() {
    async fn chooses(_: Token, offered: Protocols) -> Accept {
        assert!(!format!("{offered:?}").contains("s3cret"));
        assert!(offered.choose(&["s3cret"]).is_none());
        offered.choose(&["chat.v1"]).unwrap_or_default()
    }
    let checks = || Router::new().connect(connect);
    let chooses = || Router::new().connect(chooses);
    for (router, offered, expected) in [
        (checks(), &["bearer", "s3cret"][..], "bearer"),
        (Router::new(), &["bearer", "s3cret"], "bearer"),
        (checks(), &["chat.v1", "bearer", "s3cret"], "bearer"),
        (chooses(), &["bearer", "s3cret", "chat.v1"], "chat.v1"),
        (chooses(), &["bearer", "s3cret", "chat.v2"], "bearer"),
    ] {
        let gateway = gateway(router);
        let mut request = gateway.request("/");
        for protocol in offered {
            request = request.protocol(protocol);
        }
        let client = request.connect().await.expect("accepted");
        assert_eq!(client.protocol(), Some(expected), "{offered:?}");
    }
}

#[tokio::test]
async fn a_cookie_counts_only_from_an_allowed_origin() {
    async fn connect(cookies: Cookies) -> Result<(), Error> {
        match cookies.token("session")?.matches("s3cret") {
            true => Ok(()),
            false => Err(Error::unauthorized("the session is over")),
        }
    }
    let origins = Origins::new([ORIGIN, "http://localhost:5173"]);
    let gateway = gateway(Router::new().connect(connect).with_state(origins));
    let cookie = |value| gateway.request("/").header("Cookie", value);
    let good = || cookie("a=b; session=s3cret; c=d");

    assert_eq!(refusal(good().header("Origin", ORIGIN)).await, None);
    let found = refusal(good().header("Origin", "http://localhost:5173")).await;
    assert_eq!(found, None);
    let quoted = cookie("session=\"s3cret\"").header("Origin", ORIGIN);
    assert_eq!(refusal(quoted).await, None);

    for foreign in [
        "https://evil.example",
        "https://app.example.com.evil.example",
        "http://app.example.com",
        "https://app.example.com:8443",
        "http://localhost",
        "null",
        "",
    ] {
        let refused = refusal(good().header("Origin", foreign)).await;
        assert_eq!(refused, Some(StatusCode::FORBIDDEN), "{foreign}");
    }
    let expected = Some(StatusCode::FORBIDDEN);
    assert_eq!(refusal(good()).await, expected, "no page");
    let two = good().header("Origin", ORIGIN);
    let two = two.header("Origin", "https://evil.example");
    assert_eq!(refusal(two).await, Some(StatusCode::FORBIDDEN));

    for missing in [
        "a=b",
        "session=",
        "Session=s3cret",
        "xsession=s3cret",
        "session=guess",
    ] {
        let refused = refusal(cookie(missing).header("Origin", ORIGIN)).await;
        assert_eq!(refused, Some(StatusCode::UNAUTHORIZED), "{missing}");
    }
}

#[test]
fn an_invalid_origin_panics_at_start_up() {
    for wrong in [
        "app.example.com",
        "https://a.example/",
        "https://*.example",
        "*",
        "null",
        "",
    ] {
        let made = std::panic::catch_unwind(|| Origins::new([wrong]));
        assert!(made.is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn what_is_shown_of_a_handshake_has_no_secrets() {
    let shown = Arc::new(Mutex::new(String::new()));
    let seen = shown.clone();
    let layer = MapRequestLayer::new(move |event: AnyEvent| {
        seen.lock().unwrap().push_str(&format!("{event:?}"));
        event
    });
    let gateway = Gateway::new(Router::new().connect(connect).layer(layer));
    let request = gateway.request("/?token=s3cret");
    let request = request.header("Authorization", "Bearer s3cret");
    let request = request.header("Cookie", "session=s3cret");
    let request = request.protocol("bearer").protocol("s3cret");
    assert_eq!(refusal(request).await, None);
    let shown = shown.lock().unwrap();
    assert!(shown.contains("authorization"), "{shown}");
    assert!(!shown.contains("s3cret"), "{shown}");

    assert_eq!(format!("{:?}", Token::from("s3cret")), "Token(..)");
    let error = serde_json::from_str::<Token>("7").unwrap_err();
    assert!(!error.to_string().contains("s3cret"));
}

#[test]
fn a_token_matches_only_itself() {
    let token = Token::from("s3cret");
    assert!(token.matches("s3cret"));
    assert!(!token.matches("s3cre") && !token.matches("s3crets") && !token.matches(""));
}

#[tokio::test]
async fn a_user_is_thrown_out_of_every_device() {
    let gateway = guarded();
    let phone = gateway.connect("/?token=s3cret").await.expect("accepted");
    let laptop = gateway.connect("/?token=s3cret").await.expect("accepted");
    let bob = gateway.connect("/?token=other").await.expect("accepted");

    let delivery = gateway.sender().user("ann").close().await.expect("closed");
    assert_eq!(delivery.sent, 2);
    for device in [&phone, &laptop] {
        assert_eq!(device.closed(), Some((1000, "Connection Closed Normally")));
    }
    assert_eq!(bob.closed(), None);
    let again = gateway.sender().user("ann").close().await.expect("closed");
    assert_eq!(again.sent, 0, "nobody is left");
}
