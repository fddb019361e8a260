//! The function as the authorizer of its own API.

use super::{gateway, refusal};
use crate::auth::{Cookies, Origins, Policy, Token};
use crate::testing::Gateway;
use crate::{
    AnyEvent, Authorizer, ConnectionId, Context, Error, EventData, Opening, Protocols, Query,
    Router, Sender,
};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tower::util::MapRequestLayer;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Caller {
    principal_id: String,
    level: u8,
    admin: bool,
}

async fn authorize(token: Token) -> Result<Policy, Error> {
    match token.as_str() {
        "ann" => Ok(Policy::allow("ann")
            .context("level", 7)
            .context("admin", true)),
        "eve" => Ok(Policy::deny("eve")),
        "outage" => Err("the user database does not answer".into()),
        "foreign" => Err(Error::forbidden("not from there")),
        "large" => Ok(Policy::allow("ann").context("text", "x".repeat(9000))),
        "panic" => panic!("on purpose"),
        _ => Err(Error::unauthorized("the token is unknown")),
    }
}

async fn connect(me: Opening, Authorizer(caller): Authorizer<Caller>) -> Result<(), Error> {
    Ok(me.user(&caller.principal_id)?)
}

fn router() -> Router {
    Router::new()
        .authorize(authorize)
        .connect(connect)
        .route("whoami", async |Authorizer(caller): Authorizer<Caller>| {
            format!("{caller:?}")
        })
}

fn guarded() -> Gateway {
    gateway(router()).authorizer(["route.request.querystring.token"])
}

fn kinds(gateway: &Gateway) -> Vec<String> {
    let events = gateway.events().into_iter();
    events.map(|event| event.event_type).collect()
}

#[tokio::test]
async fn b3_the_authorizer_runs_once_and_its_context_is_in_every_event() {
    let gateway = guarded();
    let mut ann = gateway.connect("/?token=ann").await.expect("accepted");
    ann.send(r#"{"action":"whoami"}"#).await;
    let caller = r#"Caller { principal_id: "ann", level: 7, admin: true }"#;
    assert_eq!(ann.recv().await, caller);
    ann.close().await;

    let expected = ["REQUEST", "CONNECT", "MESSAGE", "DISCONNECT"];
    assert_eq!(kinds(&gateway), expected);
    let said = json!({"principalId": "ann", "level": "7", "admin": "true"});
    for event in &gateway.events()[1..] {
        assert_eq!(event.json["requestContext"]["authorizer"], said);
    }
}

#[tokio::test]
async fn b9_the_authorizer_determines_the_status_of_a_rejected_client() {
    let gateway = guarded();
    for (token, status) in [
        ("eve", 403),
        ("foreign", 403),
        ("guess", 401),
        ("outage", 500),
        ("large", 500),
        ("panic", 500),
    ] {
        let refused = refusal(gateway.request(&format!("/?token={token}"))).await;
        assert_eq!(refused.map(|s| s.as_u16()), Some(status), "{token}");
    }
    assert!(
        kinds(&gateway).iter().all(|kind| kind == "REQUEST"),
        "no $connect"
    );
}

#[tokio::test]
async fn b9_a_client_without_an_identity_source_is_rejected_before_the_authorizer() {
    let gateway = guarded();
    for uri in ["/", "/?token=", "/?Token=ann"] {
        let refused = refusal(gateway.request(uri)).await;
        assert_eq!(refused, Some(StatusCode::UNAUTHORIZED), "{uri}");
    }
    let header = gateway.clone().authorizer(["route.request.header.Auth"]);
    let expected = Some(StatusCode::UNAUTHORIZED);
    assert_eq!(refusal(header.request("/?token=ann")).await, expected);
    assert_eq!(kinds(&gateway), [""; 0]);
    let request = header.request("/?token=ann").header("auth", "x");
    assert_eq!(refusal(request).await, None);
}

#[tokio::test]
async fn a_test_may_set_the_authorizer_context() {
    let gateway = guarded();
    let said = json!({"principalId": "bob", "level": 1, "admin": false});
    let bob = gateway.request("/").authorizer(said).connect().await;
    assert!(bob.is_ok());
    assert_eq!(kinds(&gateway), ["CONNECT"]);
}

#[tokio::test]
async fn b9_a_router_without_an_authorize_handler_rejects_all_clients_with_500() {
    let gateway = gateway(Router::new()).authorizer([]);
    let refused = refusal(gateway.request("/")).await;
    assert_eq!(refused, Some(StatusCode::INTERNAL_SERVER_ERROR));
}

#[tokio::test]
async fn b10_c4_the_event_has_the_documented_form() {
    async fn authorize(
        id: ConnectionId,
        context: Context,
        headers: HeaderMap,
        Query(query): Query<Vec<(String, String)>>,
        Protocols(protocols): Protocols,
        _: Sender,
    ) -> Policy {
        assert_eq!(context.connection_id(), &id);
        assert_eq!(headers["upgrade"], "websocket");
        assert_eq!(query, [("a".to_owned(), "b".to_owned())]);
        assert_eq!(protocols, ["chat.v1"]);
        Policy::allow(context.source_ip())
    }
    let gateway = gateway(Router::new().authorize(authorize)).authorizer([]);
    let request = gateway.request("/?a=b").protocol("chat.v1");
    assert_eq!(refusal(request).await, None);
    let event = &gateway.events()[0].json;
    assert_eq!(event["type"], "REQUEST");
    assert!(event["methodArn"].as_str().unwrap().ends_with("/$connect"));
    assert_eq!(event["requestContext"]["routeKey"], "$connect");
    assert_eq!(event["headers"]["content-length"], "0");
    assert_eq!(event["stageVariables"], json!({}));
    assert_eq!(event.get("isBase64Encoded"), None);
    let empty = gateway.connect("/").await;
    drop(empty);
    let event = &gateway.events()[2].json;
    assert_eq!(event["queryStringParameters"], json!({}));
    assert_eq!(event["multiValueQueryStringParameters"], json!({}));
}

#[tokio::test]
async fn layers_see_the_authorizers_events_too() {
    let layer = MapRequestLayer::new(|mut event: AnyEvent| {
        if let EventData::Authorize(data) = &event.data {
            assert!(data.method_arn.ends_with("/$connect"));
        }
        event.extensions.insert(7_u8);
        event
    });
    let router =
        Router::new().authorize(
            async |crate::Extension(seven): crate::Extension<u8>| match seven {
                7 => Policy::allow("ann"),
                _ => Policy::deny("ann"),
            },
        );
    let gateway = Gateway::new(router.layer(layer)).authorizer([]);
    assert!(gateway.connect("/").await.is_ok());
}

#[tokio::test]
async fn an_authorizer_rejects_a_cookie_from_another_origin_with_403() {
    async fn authorize(cookies: Cookies) -> Result<Policy, Error> {
        cookies.token("session").map(|_| Policy::allow("ann"))
    }
    let origins = Origins::new(["https://app.example.com"]);
    let router = Router::new().authorize(authorize).with_state(origins);
    let gateway = gateway(router).authorizer([]);
    let from = |origin| gateway.request("/").header("Origin", origin);
    let foreign = from("https://evil.example").header("Cookie", "session=s");
    assert_eq!(refusal(foreign).await, Some(StatusCode::FORBIDDEN));
    let none = from("https://app.example.com");
    assert_eq!(refusal(none).await, Some(StatusCode::UNAUTHORIZED));
}

#[tokio::test]
async fn a_merged_router_brings_its_authorizer_and_two_panic_at_start_up() {
    let twice = std::panic::catch_unwind(|| router().merge(router()));
    assert!(twice.is_err());
    let merged = Router::new().connect(connect);
    let merged = merged.merge(Router::new().authorize(authorize));
    let gateway = gateway(merged).authorizer([]);
    assert!(gateway.connect("/?token=ann").await.is_ok());
}

#[tokio::test]
async fn without_an_authorizer_its_context_is_none() {
    async fn connect(said: Option<Authorizer<Value>>) -> StatusCode {
        match said {
            None => StatusCode::OK,
            Some(_) => StatusCode::IM_A_TEAPOT,
        }
    }
    assert!(
        gateway(Router::new().connect(connect))
            .connect("/")
            .await
            .is_ok()
    );
}
