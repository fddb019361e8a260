//! The gateway in memory, held to the conformance list.

use super::{Client, Gateway};
use crate::limits::{CONNECTION_DURATION, FRAME_BYTES, IDLE_TIMEOUT};
use crate::store::{Record, Scope, Slice, Store};
use crate::{
    Accept, Authorizer, Close, Connection, ConnectionId, Context, Error, Json, Opening, Protocols,
    Query, Router, SendError, Sender, State,
};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Deserialize)]
struct Who {
    user: Option<String>,
    status: Option<u16>,
}

async fn connect(me: Opening, Query(who): Query<Who>) -> Result<StatusCode, Error> {
    me.join("all")?;
    if let Some(user) = who.user {
        me.user(&user)?;
        me.announce("all", format!("{user} is here"))?;
    }
    let status = StatusCode::from_u16(who.status.unwrap_or(200))?;
    Ok(status)
}

async fn echo(text: String) -> String {
    text
}

async fn fails() {
    panic!("on purpose");
}

type Ends = Arc<Mutex<Vec<(ConnectionId, Close)>>>;

/// A router that notes whose connection ended how.
fn noting() -> (Router, Ends) {
    let ends = Ends::default();
    let router = Router::new()
        .connect(connect)
        .disconnect(
            async |State(ends): State<Ends>, id: ConnectionId, close: Close, sender: Sender| {
                let everyone = sender.everyone().send("somebody left").await;
                ends.lock().unwrap().push((id, close));
                everyone.map(drop).map_err(Error::from)
            },
        )
        .route("leave", async |me: Connection| {
            me.close().await.map_err(Error::from)
        })
        .fallback(echo)
        .with_state(ends.clone());
    (router, ends)
}

fn close(code: u16, reason: &str) -> Close {
    Close {
        code: Some(code),
        reason: Some(reason.to_owned()),
    }
}

async fn connected(gateway: &Gateway) -> Client {
    gateway.connect("/").await.expect("accepted")
}

async fn members(gateway: &Gateway, room: &str) -> Vec<ConnectionId> {
    let scope = Scope::Room(room.to_owned());
    let page = gateway
        .store()
        .page(&scope, Slice::ALL, None, gateway.now());
    page.await.unwrap().ids
}

async fn record(gateway: &Gateway, id: &ConnectionId) -> Option<Record> {
    gateway.store().record(id, gateway.now()).await.unwrap()
}

#[tokio::test]
async fn b4_the_status_of_connect_decides_and_a_refused_client_leaves_nothing() {
    let gateway = Gateway::new(noting().0);
    for status in [200, 201, 204] {
        let uri = format!("/?status={status}");
        assert!(gateway.connect(&uri).await.is_ok(), "{status}");
    }
    let mut watcher = connected(&gateway).await;
    for status in [301, 400, 401, 403, 501] {
        let uri = format!("/?user=eve&status={status}");
        let refused = gateway.connect(&uri).await.unwrap_err();
        assert_eq!(refused.status, status);
    }
    assert_eq!(members(&gateway, "all").await.len(), 4);
    assert_eq!(watcher.recv_all(), [""; 0], "the refused are not announced");
}

#[tokio::test]
async fn b2_without_a_connect_handler_every_client_is_accepted() {
    let gateway = Gateway::new(Router::new());
    assert!(gateway.connect("/").await.is_ok());
}

#[tokio::test]
async fn b4_a_connect_that_panics_is_a_502() {
    let gateway = Gateway::new(Router::new().connect(fails));
    assert_eq!(gateway.connect("/").await.unwrap_err().status, 502);
}

#[tokio::test]
async fn b6_b8_only_the_chosen_protocol_reaches_the_client() {
    async fn connect(offered: Protocols) -> Accept {
        offered.choose(&["v2", "v1"]).unwrap_or_default()
    }
    let gateway = Gateway::new(Router::new().connect(connect));
    let request = gateway.request("/").protocol("v1").protocol("v2");
    let ann = request.connect().await.unwrap();
    assert_eq!(ann.protocol(), Some("v2"));
    let bob = gateway.request("/").protocol("v9").connect().await.unwrap();
    assert_eq!(bob.protocol(), None);
}

#[tokio::test]
async fn c1_c2_c3_events_have_the_documented_form() {
    let gateway = Gateway::new(noting().0);
    let request = gateway.request("wss://x/?user=ann%20b&user=c&x=#y");
    let request = request.header("User-Agent", "test").header("hello", "1");
    let ann = request.source_ip("2001:db8::1").connect().await;
    let ann = ann.expect_err("the query names two users");
    assert_eq!(ann.status, 400);
    let bob = gateway.connect("/?user=bob").await.unwrap();
    bob.send("hello").await;
    bob.close().await;
    let events: Vec<_> = gateway
        .events()
        .into_iter()
        .map(|event| event.json)
        .collect();
    insta::assert_json_snapshot!(events);
}

#[tokio::test]
async fn c1_what_the_authorizer_said_is_in_every_event() {
    #[derive(Deserialize)]
    struct Said {
        #[serde(rename = "principalId")]
        principal: String,
        level: String,
    }
    async fn whoami(Authorizer(said): Authorizer<Said>) -> String {
        format!("{} {}", said.principal, said.level)
    }
    let gateway = Gateway::new(Router::new().fallback(whoami));
    let request = gateway.request("/");
    let request = request.authorizer(json!({"principalId": "ann", "level": 7}));
    let mut ann = request.connect().await.unwrap();
    ann.send("whoami").await;
    assert_eq!(ann.recv().await, "ann 7");
    ann.close().await;
    let said = json!({"principalId": "ann", "level": "7"});
    let events = gateway.events();
    assert_eq!(events.len(), 3);
    assert!(
        events
            .iter()
            .all(|e| e.json["requestContext"]["authorizer"] == said)
    );
}

#[tokio::test]
async fn handshake_headers_and_the_address_reach_the_handler() {
    async fn connect(headers: HeaderMap, context: Context) -> StatusCode {
        assert_eq!(headers["cookie"], "a=b");
        assert_eq!(context.source_ip(), "192.0.2.9");
        assert_eq!(context.user_agent(), Some("me"));
        StatusCode::OK
    }
    let gateway = Gateway::new(Router::new().connect(connect));
    let request = gateway.request("/").header("Cookie", "a=b");
    let request = request.header("user-agent", "me").source_ip("192.0.2.9");
    assert!(request.connect().await.is_ok());
}

#[tokio::test]
async fn d2_d5_the_api_routes_what_it_knows_and_everything_else_by_default() {
    async fn which(context: Context) -> String {
        context.route_key().to_owned()
    }
    let router = Router::new().route("say", which).route("42", which);
    let gateway = Gateway::new(router.fallback(which)).route_keys(["say", "42"]);
    let mut ann = connected(&gateway).await;
    for (message, key) in [
        (r#"{"action":"say"}"#, "say"),
        (r#"{"action":"SAY"}"#, "$default"),
        (r#"{"action":42}"#, "42"),
        (r#"{action:"say"}"#, "say"),
        (r#"{"action":"$connect"}"#, "$default"),
        ("hello", "$default"),
        ("", "$default"),
    ] {
        ann.send(message).await;
        assert_eq!(ann.recv().await, key, "{message}");
    }
}

#[tokio::test]
async fn d1_the_expression_can_be_another() {
    let router = Router::new().route("chat/join", async || "joined");
    let gateway = Gateway::new(router)
        .route_keys(["chat/join"])
        .expression("${request.body.service}/${request.body.action}");
    let mut ann = connected(&gateway).await;
    ann.send(Json(json!({"service": "chat", "action": "join"})))
        .await;
    assert_eq!(ann.recv().await, "joined");
}

#[test]
#[should_panic(expected = "is no route selection expression")]
fn a_bad_expression_panics() {
    let _ = Gateway::new(Router::new()).expression("${");
}

#[tokio::test]
async fn e2_a_two_way_route_answers_with_the_body_of_its_response() {
    let router = Router::new()
        .two_way("ask", async || "answer")
        .two_way("fail", async || {
            Err::<&str, _>(Error::client("no", "not today"))
        })
        .two_way("huge", async || Response::huge());
    let gateway = Gateway::new(router.clone()).two_way(["ask", "fail", "huge"]);
    let mut ann = connected(&gateway).await;
    ann.send(r#"{"action":"ask"}"#).await;
    assert_eq!(ann.recv_all(), ["answer"]);
    ann.send(r#"{"action":"fail"}"#).await;
    let told: Value = ann.recv_json().await;
    assert_eq!(told["error"]["code"], "no");
    ann.send(r#"{"action":"huge"}"#).await;
    let told: Value = ann.recv_json().await;
    assert_eq!(told["error"]["code"], "too_large");

    // A route that the API does not know comes by `$default`, and is answered all the same.
    let mut bob = connected(&Gateway::new(router.clone())).await;
    bob.send(r#"{"action":"ask"}"#).await;
    assert_eq!(bob.recv_all(), ["answer"]);

    // E1: without a route response, the body of the response is ignored.
    let mut eve = connected(&Gateway::new(router).route_keys(["ask"])).await;
    eve.send(r#"{"action":"ask"}"#).await;
    assert_eq!(eve.recv_all(), [""; 0]);
}

struct Response;

impl Response {
    fn huge() -> String {
        "x".repeat(200_000)
    }
}

#[tokio::test]
async fn e3_a_handler_that_panics_is_an_error_frame_and_the_connection_stays_open() {
    let router = Router::new().route("panic", fails);
    let gateway = Gateway::new(router.fallback(echo));
    let mut ann = connected(&gateway).await;
    ann.send(r#"{"action":"panic"}"#).await;
    let (id, request) = (ann.id().clone(), gateway.events()[1].request_id.clone());
    assert_eq!(
        ann.recv().await,
        format!(
            r#"{{"message": "Internal server error", "connectionId":"{id}", "requestId":"{request}"}}"#
        )
    );
    ann.send("still here").await;
    assert_eq!(ann.recv().await, "still here");
}

#[tokio::test]
async fn f1_a_binary_message_closes_with_1003() {
    let (router, ends) = noting();
    let gateway = Gateway::new(router);
    let ann = connected(&gateway).await;
    ann.send_binary().await;
    assert_eq!(ann.closed().map(|c| c.0), Some(1003));
    assert_eq!(ends.lock().unwrap()[0].1.code, Some(1003));
}

#[tokio::test]
async fn f2_a_frame_over_32_kb_closes_with_1009() {
    let (router, ends) = noting();
    let gateway = Gateway::new(router);
    let mut ann = connected(&gateway).await;
    ann.send("x".repeat(FRAME_BYTES)).await;
    assert_eq!(ann.recv().await.len(), FRAME_BYTES);
    let bob = connected(&gateway).await;
    for (client, bytes) in [(&ann, FRAME_BYTES + 1), (&bob, 200_000)] {
        client.send("x".repeat(bytes)).await;
        assert_eq!(client.closed().map(|c| c.0), Some(1009));
    }
    assert_eq!(ends.lock().unwrap().len(), 2);
    assert_eq!(gateway.events().len(), 5, "nothing else was invoked");
}

#[tokio::test]
async fn f5_a_silent_connection_is_closed_after_ten_minutes() {
    let (router, ends) = noting();
    let gateway = Gateway::new(router);
    let mut ann = connected(&gateway).await;
    let bob = connected(&gateway).await;
    let eve = connected(&gateway).await;
    let minute = Duration::from_secs(60);
    gateway.advance(9 * minute).await;
    ann.send("hello").await;
    gateway.sender().send(bob.id(), "hello").await.unwrap();
    gateway.advance(minute).await;
    assert_eq!(eve.closed(), Some((1001, "Going away")));
    assert_eq!(
        (ann.closed(), bob.closed()),
        (None, None),
        "a message either way counts"
    );
    assert_eq!(
        *ends.lock().unwrap(),
        [(eve.id().clone(), close(1001, "Going away"))]
    );
    assert_eq!(ann.recv_all(), ["hello", "somebody left"]);

    // What the others are told when Eve goes counts as well.
    gateway.advance(9 * minute).await;
    assert_eq!(ann.closed(), None);
    let time = gateway.events().last().unwrap().json["requestContext"]["requestTimeEpoch"].clone();
    assert_eq!(
        time,
        gateway.now().millis() - (9 * minute).as_millis() as u64
    );
    gateway.advance(IDLE_TIMEOUT).await;
    let left: Vec<_> = ends
        .lock()
        .unwrap()
        .iter()
        .map(|end| end.0.clone())
        .collect();
    let ids = [eve.id(), ann.id(), bob.id()];
    assert_eq!(
        left.iter().collect::<Vec<_>>(),
        ids,
        "both at once, the elder first"
    );
}

#[tokio::test]
async fn f6_no_connection_lives_longer_than_two_hours() {
    let (router, ends) = noting();
    let gateway = Gateway::new(router);
    let ann = connected(&gateway).await;
    let mut minutes = 0;
    while ann.closed().is_none() {
        ann.send("hello").await;
        gateway.advance(Duration::from_secs(60)).await;
        minutes += 1;
    }
    assert_eq!(minutes, CONNECTION_DURATION.as_secs() / 60);
    assert_eq!(ends.lock().unwrap()[0].1, close(1001, "Going away"));
}

#[tokio::test]
async fn g7_nobody_can_send_to_a_connection_that_is_opening() {
    async fn connect(id: ConnectionId, sender: Sender) -> Result<(), Error> {
        let sent = sender.send(&id, "hello").await;
        assert!(matches!(sent, Err(SendError::NotOpen)), "{sent:?}");
        Ok(())
    }
    let gateway = Gateway::new(Router::new().connect(connect));
    let mut ann = connected(&gateway).await;
    assert_eq!(ann.try_recv(), None);
}

#[tokio::test]
async fn g9_the_server_closes_with_1000_and_disconnect_follows_the_handler() {
    let (router, ends) = noting();
    let gateway = Gateway::new(router);
    let ann = connected(&gateway).await;
    let bob = connected(&gateway).await;
    ann.send(r#"{"action":"leave"}"#).await;
    let normal = close(1000, "Connection Closed Normally");
    assert_eq!(*ends.lock().unwrap(), [(ann.id().clone(), normal)]);
    assert_eq!(ann.closed(), Some((1000, "Connection Closed Normally")));

    // From outside of an event too; a second time there is nobody to close.
    gateway.sender().close(bob.id()).await.unwrap();
    assert_eq!(ends.lock().unwrap().len(), 2);
    let again = gateway.sender().close(bob.id()).await;
    assert!(matches!(again, Err(SendError::Gone)));
    assert_eq!(record(&gateway, bob.id()).await, None);
}

#[tokio::test]
async fn c3_a_client_closes_with_its_own_code_or_none() {
    let (router, ends) = noting();
    let gateway = Gateway::new(router);
    connected(&gateway).await.close().await;
    connected(&gateway).await.close_with(4321, "bye").await;
    let ends: Vec<_> = ends
        .lock()
        .unwrap()
        .iter()
        .map(|end| end.1.clone())
        .collect();
    let none = close(1005, "Client-side close frame status not set");
    assert_eq!(ends, [none, close(4321, "bye")]);
}

#[tokio::test]
async fn k4_a_lost_connection_is_found_gone_and_marked() {
    let (router, ends) = noting();
    let gateway = Gateway::new(router);
    let ann = connected(&gateway).await;
    let mut bob = connected(&gateway).await;
    let id = ann.id().clone();
    ann.drop_silently();
    gateway.advance(Duration::from_secs(30)).await;
    assert_eq!(members(&gateway, "all").await.len(), 2);
    let delivery = gateway.sender().room("all").send("hello").await.unwrap();
    assert_eq!((delivery.sent, delivery.gone), (1, 1));
    assert_eq!(bob.recv().await, "hello");
    assert_eq!(members(&gateway, "all").await, [bob.id().clone()]);
    assert!(
        record(&gateway, &id).await.unwrap().gone,
        "$disconnect may still come"
    );
    assert!(ends.lock().unwrap().is_empty());
}

#[tokio::test]
async fn clients_may_act_at_the_same_time() {
    let gateway = Gateway::new(noting().0);
    let (ann, bob) = tokio::join!(gateway.connect("/?user=ann"), gateway.connect("/?user=bob"));
    let (mut ann, mut bob) = (ann.unwrap(), bob.unwrap());
    assert_eq!(
        members(&gateway, "all").await.len(),
        2,
        "nobody is taken for gone"
    );
    ann.recv_all();
    bob.recv_all();
    let (heard, ()) = tokio::join!(bob.recv(), async {
        gateway.sender().send(ann.id(), "x").await.unwrap();
        ann.send("y").await;
        gateway.connect("/?user=eve").await.unwrap();
    });
    assert_eq!(heard, "eve is here");
    assert_eq!(ann.recv_all(), ["x", "y", "eve is here"]);
}

#[tokio::test]
#[should_panic(
    expected = "has no message: all it ever got is [\n    \"hello\",\n]; it was closed with 1001"
)]
async fn a_message_that_never_comes_fails_at_once_and_says_what_came() {
    let gateway = Gateway::new(noting().0);
    let mut ann = connected(&gateway).await;
    ann.send("hello").await;
    ann.recv().await;
    gateway.advance(IDLE_TIMEOUT).await;
    ann.recv().await;
}

#[tokio::test]
#[should_panic(expected = "cannot send: it never got one; it was closed with 1000")]
async fn who_is_closed_cannot_send() {
    let gateway = Gateway::new(noting().0);
    let ann = connected(&gateway).await;
    gateway.sender().close(ann.id()).await.unwrap();
    ann.send("hello").await;
}

#[tokio::test]
async fn a_router_in_layers_is_served_too() {
    use tower::ServiceBuilder;
    let counted = Arc::new(Mutex::new(0));
    let counter = counted.clone();
    let service = ServiceBuilder::new()
        .map_request(move |event: crate::AnyEvent| {
            *counter.lock().unwrap() += 1;
            event
        })
        .service(Router::new().fallback(echo));
    let mut ann = connected(&Gateway::new(service)).await;
    ann.send("hello").await;
    assert_eq!(ann.recv().await, "hello");
    assert_eq!(*counted.lock().unwrap(), 2);
}
