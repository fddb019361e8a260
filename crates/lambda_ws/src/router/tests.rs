//! Tests of the selection of handlers.

use crate::testing::{Client, Gateway};
use crate::{AnyEvent, ConnectionId, Extension, FromRef, RouteKey, Router, State};
use http::StatusCode;
use serde_json::{Value, json};
use tower::layer::layer_fn;
use tower::util::MapRequestLayer;

async fn key(RouteKey(key): RouteKey) -> String {
    key
}

async fn client(router: Router, keys: &[&'static str]) -> Client {
    let gateway = Gateway::new(router).route_keys(keys.iter().copied());
    gateway.connect("/").await.unwrap()
}

async fn answer(client: &mut Client, message: &str) -> String {
    client.send(message).await;
    client.recv().await
}

async fn error(client: &mut Client, message: &str) -> (String, String) {
    let frame: Value = serde_json::from_str(&answer(client, message).await).unwrap();
    let text = |name: &str| frame["error"][name].as_str().unwrap().to_owned();
    (text("code"), text("message"))
}

#[tokio::test]
async fn a_route_is_found_by_the_apis_key_or_by_the_messages_action() {
    for keys in [&["say"][..], &[]] {
        let router = Router::new().route("say", key).route("ask", key);
        let mut ann = client(router, keys).await;
        assert_eq!(answer(&mut ann, r#"{"action":"say"}"#).await, "say");
        let asked = answer(&mut ann, r#"{"action":"ask","x":[{}]}"#).await;
        assert_eq!(asked, "ask");
    }
}

#[tokio::test]
async fn d5_a_number_is_a_key_too() {
    let mut ann = client(Router::new().route("42", key), &[]).await;
    assert_eq!(answer(&mut ann, r#"{"action":42}"#).await, "42");
}

#[tokio::test]
async fn the_member_that_routes_are_selected_on_can_be_another() {
    let router = Router::new().route("say", key).select_on("type");
    let mut ann = client(router, &[]).await;
    assert_eq!(answer(&mut ann, r#"{"type":"say"}"#).await, "say");
    let (code, message) = error(&mut ann, r#"{"action":"say"}"#).await;
    assert_eq!(code, "bad_message");
    assert_eq!(message, "`type` is missing: expected one of `say`");
}

#[tokio::test]
async fn unmatched_messages_go_to_the_fallback() {
    let router = Router::new().route("say", key);
    let router = router.fallback(async |text: String| format!("? {text}"));
    let mut ann = client(router, &[]).await;
    for message in [
        "hello",
        "",
        r#"{"action":"dance"}"#,
        r#"{"action":null}"#,
        "[1]",
    ] {
        assert_eq!(answer(&mut ann, message).await, format!("? {message}"));
    }
    assert_eq!(answer(&mut ann, r#"{"action":"say"}"#).await, "say");
}

#[tokio::test]
async fn without_a_fallback_unmatched_messages_get_an_error() {
    let mut ann = client(Router::new().route("say", key).route("ask", key), &[]).await;
    let error_text = async |ann: &mut Client, message: &str| {
        let (code, message) = error(ann, message).await;
        format!("{code}: {message}")
    };
    let unknown = "unknown_action: `dance` is not a valid action: expected one of `ask`, `say`";
    let missing = "bad_message: `action` is missing: expected one of `ask`, `say`";
    let no_object =
        "bad_message: the message is not a JSON object: expected `action` with one of `ask`, `say`";
    for (message, expected) in [
        (r#"{"action":"dance"}"#, unknown),
        ("{}", missing),
        (r#"{"action":null}"#, missing),
        ("hello", no_object),
        ("[]", no_object),
    ] {
        assert_eq!(error_text(&mut ann, message).await, expected);
    }
    let long = json!({"action": "ü".repeat(1000)}).to_string();
    let (_, message) = error(&mut ann, &long).await;
    let expected = format!("`{}` is not a valid action", "ü".repeat(64));
    assert!(message.starts_with(&expected), "{message}");

    let mut nobody = client(Router::new(), &[]).await;
    assert_eq!(error(&mut nobody, "hello").await.0, "unknown_action");
}

#[tokio::test]
async fn a_key_of_the_api_without_a_handler_is_routed_like_any_other_message() {
    let router = Router::new().select_on("type").route("say", key);
    let mut ann = client(router, &["dance"]).await;
    let message = r#"{"action":"dance","type":"say"}"#;
    assert_eq!(answer(&mut ann, message).await, "say");
}

#[derive(Clone)]
struct Whole {
    number: u32,
    word: &'static str,
}

impl FromRef<Whole> for u32 {
    fn from_ref(whole: &Whole) -> Self {
        whole.number
    }
}

#[tokio::test]
async fn state_reaches_every_handler_whole_or_in_part() {
    async fn connect(State(number): State<u32>) -> StatusCode {
        assert_eq!(number, 42);
        StatusCode::OK
    }
    async fn whole(State(whole): State<Whole>) -> &'static str {
        whole.word
    }
    async fn part(State(number): State<u32>) -> String {
        number.to_string()
    }
    let router = Router::new()
        .connect(connect)
        .disconnect(async |State(_): State<Whole>| ());
    let router = router.route("whole", whole).two_way("part", part);
    let router = router.fallback(part);
    let router = router.with_state(Whole {
        number: 42,
        word: "tea",
    });
    let mut ann = client(router, &["whole"]).await;
    assert_eq!(answer(&mut ann, r#"{"action":"whole"}"#).await, "tea");
    assert_eq!(answer(&mut ann, r#"{"action":"part"}"#).await, "42");
    assert_eq!(answer(&mut ann, "else").await, "42");
    ann.close().await;
}

#[tokio::test]
async fn a_merged_router_has_the_routes_of_both() {
    let tea = Router::<u32>::new().route("tea", async |State(n): State<u32>| format!("tea {n}"));
    let tea = tea.connect(async || StatusCode::OK).select_on("type");
    let coffee = Router::new()
        .route("coffee", key)
        .fallback(async || "fallback");
    let coffee = coffee.disconnect(async || ()).select_on("kind");
    let mut ann = client(tea.merge(coffee).with_state(7), &[]).await;
    assert_eq!(answer(&mut ann, r#"{"type":"tea"}"#).await, "tea 7");
    assert_eq!(answer(&mut ann, r#"{"type":"coffee"}"#).await, "coffee");
    assert_eq!(answer(&mut ann, r#"{"kind":"coffee"}"#).await, "fallback");
}

#[tokio::test]
async fn layers_see_every_event_and_may_add_to_it() {
    #[derive(Clone)]
    struct Tenant(String);

    async fn tenant(Extension(Tenant(name)): Extension<Tenant>) -> String {
        name
    }
    async fn none(tenant: Option<Extension<Tenant>>, missing: Option<Extension<u8>>) -> String {
        format!("{} {}", tenant.is_some(), missing.is_some())
    }
    async fn connect(Extension(Tenant(name)): Extension<Tenant>, id: ConnectionId) -> StatusCode {
        assert_eq!(name, format!("tenant of {id}"));
        StatusCode::CREATED
    }
    let router = Router::new().connect(connect).route("tenant", tenant);
    let router = router.route("none", none);
    let router = router.route("missing", async |_: Extension<u8>| ());
    let router = router.layer(MapRequestLayer::new(|mut event: AnyEvent| {
        let name = format!("tenant of {}", event.context().connection_id());
        event.extensions.insert(Tenant(name));
        event
    }));
    let gateway = Gateway::new(router);
    let mut ann = gateway.connect("/").await.unwrap();
    let name = format!("tenant of {}", ann.id());
    assert_eq!(answer(&mut ann, r#"{"action":"tenant"}"#).await, name);
    assert_eq!(answer(&mut ann, r#"{"action":"none"}"#).await, "true false");
    let (code, _) = error(&mut ann, r#"{"action":"missing"}"#).await;
    assert_eq!(code, "internal");
}

#[tokio::test]
async fn a_layer_that_fails_is_an_internal_error() {
    let fails = layer_fn(|_| {
        tower::service_fn(async |_: AnyEvent| Err::<crate::Response, _>("overloaded"))
    });
    let gateway = Gateway::new(Router::new().layer(fails));
    assert_eq!(gateway.connect("/").await.unwrap_err().status, 500);
}

#[tokio::test]
async fn the_last_layer_sees_an_event_first_and_wraps_handlers_that_are_added_later() {
    let append = |number: u8| {
        MapRequestLayer::new(move |mut event: AnyEvent| {
            let mut seen: Vec<u8> = event.extensions.remove().unwrap_or_default();
            seen.push(number);
            event.extensions.insert(seen);
            event
        })
    };
    let other = Router::new().layer(append(3));
    let router = Router::new().layer(append(1)).layer(append(2));
    let router = router
        .merge(other)
        .fallback(async |Extension(seen): Extension<Vec<u8>>| format!("{seen:?}"));
    let mut ann = client(router, &[]).await;
    assert_eq!(answer(&mut ann, "hello").await, "[3, 2, 1]");
}

#[test]
#[should_panic(expected = "route `say` is defined twice")]
fn a_route_is_defined_once() {
    let _: Router = Router::new().route("say", key).route("say", key);
}

#[test]
#[should_panic(expected = "route `say` is defined twice")]
fn a_two_way_route_is_a_route() {
    let _: Router = Router::new().route("say", key).two_way("say", key);
}

#[test]
#[should_panic(
    expected = "`$default` is not a custom route: use `connect`, `disconnect` or `fallback`"
)]
fn names_with_a_dollar_sign_are_api_gateways() {
    let _: Router = Router::new().route("$default", key);
}

#[test]
#[should_panic(expected = "`connect` is defined twice")]
fn connect_is_defined_once() {
    let _: Router = Router::new().connect(async || ()).connect(async || ());
}

#[test]
#[should_panic(expected = "`disconnect` is defined twice")]
fn disconnect_is_defined_once() {
    let _: Router = Router::new()
        .disconnect(async || ())
        .disconnect(async || ());
}

#[test]
#[should_panic(expected = "`fallback` is defined twice")]
fn fallback_is_defined_once() {
    let _: Router = Router::new().fallback(key).fallback(key);
}

#[test]
#[should_panic(expected = "route `say` is defined twice")]
fn merged_routes_are_defined_once() {
    let _: Router = Router::new()
        .route("say", key)
        .merge(Router::new().route("say", key));
}

#[test]
#[should_panic(expected = "`fallback` is defined twice")]
fn merged_fallbacks_are_defined_once() {
    let _: Router = Router::new()
        .fallback(key)
        .merge(Router::new().fallback(key));
}
