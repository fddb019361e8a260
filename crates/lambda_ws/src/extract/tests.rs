//! Tests of extractors and responses.

use crate::store::StoreError;
use crate::testing::{Client, Gateway};
use crate::{
    Accept, Authorizer, Close, Connection, ConnectionId, Context, Error, Json, Opening, Protocols,
    Query, Rooms, RouteKey, Router, Sender, Session, User,
};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    x: i32,
}

async fn answers<H, A>(handler: H, message: &str) -> Vec<String>
where
    H: crate::Handler<A, Future: Send>,
    H::Output: crate::IntoResponse<crate::Message>,
    H::Args: crate::FromEvent<crate::Message, ()> + Send + 'static,
{
    let connect = async |me: Opening| {
        me.user("ann")?;
        me.join("tea")?;
        me.save(&Point { x: 1 })?;
        Ok::<_, Error>(())
    };
    let router = Router::new().connect(connect).fallback(handler);
    let mut ann = Gateway::new(router).connect("/").await.unwrap();
    ann.send(message).await;
    ann.recv_all()
}

async fn status(gateway: &Gateway, uri: &str) -> u16 {
    let refused = gateway.connect(uri).await;
    refused.map_or_else(|refusal| refusal.status.as_u16(), |_: Client| 101)
}

#[tokio::test]
async fn a_message_is_text_or_bytes_or_json() {
    assert_eq!(answers(async |text: String| text, "hello").await, ["hello"]);
    let bytes = async |bytes: Bytes| bytes.len().to_string();
    assert_eq!(answers(bytes, "ü").await, ["2"]);
    let json = async |Json(point): Json<Point>| Json(Point { x: point.x + 1 });
    assert_eq!(answers(json, r#"{"x":1}"#).await, [r#"{"x":2}"#]);
}

#[tokio::test]
async fn an_invalid_message_gets_an_error_with_place_and_cause() {
    let json = async |Json(_): Json<Point>| ();
    let frame: Value = serde_json::from_str(&answers(json, r#"{"x":"1"}"#).await[0]).unwrap();
    assert_eq!(frame["error"]["code"], "bad_message");
    let message = frame["error"]["message"].as_str().unwrap();
    let expected = "the message is not valid for the route `$default`: invalid type: string";
    assert!(message.starts_with(expected), "{message}");
}

#[tokio::test]
async fn a_failed_extraction_can_be_answered_by_the_handler() {
    let json = async |point: Result<Json<Point>, Error>| match point {
        Ok(Json(point)) => point.x.to_string(),
        Err(error) => error.code().to_owned(),
    };
    assert_eq!(answers(json, r#"{"x":7}"#).await, ["7"]);
    assert_eq!(answers(json, "{}").await, ["bad_message"]);
}

#[tokio::test]
async fn every_kind_knows_its_connection_and_context() {
    async fn all(
        id: ConnectionId,
        context: Context,
        sender: Sender,
        RouteKey(key): RouteKey,
    ) -> String {
        assert_eq!(context.connection_id(), &id);
        assert_eq!(context.stage(), "test");
        assert_eq!(context.source_ip(), "192.0.2.1");
        assert_eq!(context.connected_at(), context.request_time());
        assert!(sender.url().ends_with("/test"));
        format!("{key} {}", context.request_id().len())
    }
    assert_eq!(answers(all, "hello").await, ["$default 16"]);
}

#[tokio::test]
async fn a_handler_may_ask_for_eight_things() {
    #[expect(clippy::too_many_arguments)]
    async fn eight(
        _: ConnectionId,
        _: Context,
        _: Sender,
        _: RouteKey,
        _: Connection,
        User(user): User,
        Rooms(rooms): Rooms,
        Session(session): Session<Point>,
    ) -> String {
        format!("{user} {rooms:?} {}", session.x)
    }
    assert_eq!(answers(eight, "hello").await, [r#"ann ["tea"] 1"#]);
}

#[tokio::test]
async fn the_session_is_what_was_saved_last() {
    async fn save(me: Connection, Session(was): Session<Point>) -> Result<String, Error> {
        me.save(&Point { x: was.x + 1 }).await?;
        // This save replaces the version that it read, which is outdated.
        me.save(&Point { x: was.x + 2 }).await?;
        Ok(was.x.to_string())
    }
    let connect = async |me: Opening| me.save(&Point { x: 1 }).map_err(Error::from);
    let router = Router::new().connect(connect).fallback(save);
    let mut ann = Gateway::new(router).connect("/").await.unwrap();
    ann.send("one").await;
    ann.send("two").await;
    assert_eq!(ann.recv_all(), ["1", "3"]);
}

#[tokio::test]
async fn a_missing_value_is_none_or_an_internal_error() {
    async fn optional(
        session: Option<Session<Point>>,
        user: Option<User>,
        Rooms(rooms): Rooms,
        authorizer: Option<Authorizer<Point>>,
    ) -> String {
        format!(
            "{} {} {rooms:?} {}",
            session.is_some(),
            user.is_some(),
            authorizer.is_some()
        )
    }
    let router = Router::new()
        .route("optional", optional)
        .route("session", async |_: Session<Point>| ())
        .route("user", async |_: User| ())
        .route("authorizer", async |_: Authorizer<Value>| ());
    let gateway = Gateway::new(router);
    let mut ann = gateway.connect("/").await.unwrap();
    ann.send(r#"{"action":"optional"}"#).await;
    assert_eq!(ann.recv().await, "false false [] false");
    for action in ["session", "user", "authorizer"] {
        ann.send(Json(json!({ "action": action }))).await;
        let frame: Value = ann.recv_json().await;
        assert_eq!(frame["error"]["message"], "internal error", "{action}");
    }
}

#[tokio::test]
async fn a_session_or_authorizer_of_another_type_is_an_error_even_if_optional() {
    let connect = async |me: Opening| me.save(&"text").map_err(Error::from);
    let router = Router::new().connect(connect);
    let router = router.route("session", async |_: Option<Session<Point>>| "there");
    let router = router.route("authorizer", async |_: Option<Authorizer<Point>>| "there");
    let gateway = Gateway::new(router);
    let request = gateway
        .request("/")
        .authorizer(json!({"principalId": "ann"}));
    let mut ann = request.connect().await.unwrap();
    for action in ["session", "authorizer"] {
        ann.send(Json(json!({ "action": action }))).await;
        assert!(ann.recv().await.contains("internal error"), "{action}");
    }
}

#[tokio::test]
async fn an_invalid_query_string_is_rejected_with_400() {
    async fn connect(Query(point): Query<Point>) -> StatusCode {
        assert_eq!(point.x, -7);
        StatusCode::OK
    }
    let gateway = Gateway::new(Router::new().connect(connect));
    assert_eq!(status(&gateway, "/?x=-7&y=1").await, 101);
    for uri in ["/", "/?x=", "/?x=y", "/?y=1", "/?x=1&x=2"] {
        assert_eq!(status(&gateway, uri).await, 400, "{uri}");
    }
}

#[tokio::test]
async fn a_query_string_is_decoded() {
    async fn connect(Query(pairs): Query<Vec<(String, String)>>) -> StatusCode {
        let pairs = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        let pairs: Vec<_> = pairs.collect();
        assert_eq!(pairs, [("a b", "&=?#"), ("ü", "+"), ("n", "1"), ("n", "2")]);
        StatusCode::OK
    }
    let gateway = Gateway::new(Router::new().connect(connect));
    let uri = "/?a+b=%26%3D%3F%23&%C3%BC=%2B&n=1&n=2";
    assert_eq!(status(&gateway, uri).await, 101);
}

#[tokio::test]
async fn connect_handlers_may_return_whatever_accepts_or_refuses() {
    let router = |n: u8| -> Router {
        let router = Router::new();
        match n {
            0 => router.connect(async || ()),
            1 => router.connect(async || Accept::new()),
            2 => router.connect(async || StatusCode::NO_CONTENT),
            3 => router.connect(async || Ok::<Accept, StatusCode>(Accept::new())),
            4 => router.connect(async || Err::<(), _>(StatusCode::PAYMENT_REQUIRED)),
            5 => router.connect(async || Err::<(), _>(Error::client("no", "no"))),
            6 => router.connect(async || {
                let error = Error::client("no", "no").with_status(StatusCode::UNAUTHORIZED);
                Err::<(), _>(error)
            }),
            7 => router.connect(async || Err::<(), _>(Error::from("secret"))),
            8 => router.connect(async |me: Opening| me.user("").map_err(Error::from)),
            _ => router.connect(async || StatusCode::from_u16(999).unwrap()),
        }
    };
    for (n, expected) in [101, 101, 101, 101, 402, 400, 401, 500, 400, 500]
        .iter()
        .enumerate()
    {
        let gateway = Gateway::new(router(n as u8));
        assert_eq!(status(&gateway, "/").await, *expected, "{n}");
    }
}

#[tokio::test]
async fn an_opening_rejects_invalid_properties() {
    async fn connect(me: Opening) -> Result<(), Error> {
        for name in [String::new(), "x".repeat(257)] {
            assert!(matches!(me.user(&name), Err(StoreError::BadName(_))));
            assert!(matches!(me.join(&name), Err(StoreError::BadName(_))));
            assert!(me.announce(&name, "hello").is_err());
        }
        assert!(me.announce("tea", "x".repeat(200_000)).is_err());
        let large = me.save(&"x".repeat(33_000));
        let is_expected = matches!(large, Err(StoreError::SessionTooLarge(_)));
        assert!(is_expected, "{large:?}");
        for n in 0..100 {
            me.join(&n.to_string())?;
        }
        me.join("7")?;
        assert!(matches!(me.join("100"), Err(StoreError::TooManyRooms)));
        Ok(())
    }
    let gateway = Gateway::new(Router::new().connect(connect));
    assert_eq!(status(&gateway, "/").await, 101);
}

#[tokio::test]
async fn b8_protocols_are_read_from_all_headers_and_the_programs_order_decides() {
    async fn connect(offered: Protocols, headers: HeaderMap) -> Accept {
        assert_eq!(headers.get_all("sec-websocket-protocol").iter().count(), 2);
        assert_eq!(offered.0, ["a", "b", "c"]);
        offered.choose(&["x", "c", "a"]).unwrap_or_default()
    }
    let gateway = Gateway::new(Router::new().connect(connect));
    let request = gateway
        .request("/")
        .header("Sec-WebSocket-Protocol", "a , b,,");
    let ann = request.protocol("c").connect().await.unwrap();
    assert_eq!(ann.protocol(), Some("c"));
}

#[tokio::test]
async fn a_protocol_that_is_not_a_valid_header_is_ignored() {
    for protocol in ["a\nb", "ü", ""] {
        let connect = async move || Accept::new().protocol(protocol);
        let gateway = Gateway::new(Router::new().connect(connect));
        let ann = gateway.connect("/").await.unwrap();
        assert_eq!(ann.protocol().unwrap_or_default(), "", "{protocol:?}");
    }
}

#[tokio::test]
async fn message_handlers_may_return_a_message_or_unit() {
    let none = Vec::<String>::new();
    assert_eq!(answers(async || (), "").await, none);
    assert_eq!(answers(async || "text", "").await, ["text"]);
    assert_eq!(answers(async || None::<String>, "").await, none);
    assert_eq!(answers(async || Some(Json(1)), "").await, ["1"]);
    assert_eq!(answers(async || Ok::<_, Error>(Some("x")), "").await, ["x"]);
    let no_json = async || Json(std::collections::BTreeMap::from([((1, 2), 3)]));
    let answers = answers(no_json, "").await;
    assert!(answers[0].contains("internal error"), "{answers:?}");
}

#[tokio::test]
async fn a_failed_disconnect_handler_has_no_effect() {
    async fn disconnect(close: Close, user: User) -> Result<(), Error> {
        assert_eq!((close.code, user.0.as_str()), (Some(1005), "ann"));
        Err("secret".into())
    }
    let connect = async |me: Opening| me.user("ann").map_err(Error::from);
    let gateway = Gateway::new(Router::new().connect(connect).disconnect(disconnect));
    gateway.connect("/").await.unwrap().close().await;
    assert_eq!(gateway.events().len(), 2);
}
