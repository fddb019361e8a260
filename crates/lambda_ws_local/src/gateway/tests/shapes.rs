//! The forms of events, frames and answers, line by line: conformance A3, B4, B7, C1, D1 to D5, E4, E7, F9, G7, J.

mod own_connect;

use crate::gateway::testing::{HANDSHAKE, OK, Reply, Setup, echo, head, held, millis, ok};
use crate::gateway::{EventShape, IntegrationError};
use lambda_ws_protocol::Timestamp;
use serde_json::Value;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;

#[tokio::test]
async fn a3_a_426_names_the_protocol_to_upgrade_to_and_has_no_body() {
    let local = Setup::new().start().await;
    let reply = local.http("GET", "/dev/x", b"").await;
    assert_eq!((reply.status, reply.body.as_str()), (426, ""));
    for line in ["upgrade: websocket", "content-length: 0"] {
        assert!(
            reply.head.lines().any(|other| other == line),
            "{}",
            reply.head
        );
    }
}

#[tokio::test]
async fn b4_every_2xx_accepts_and_every_other_status_is_the_client_s() {
    for (status, seen) in [
        ("200", 101),
        ("204", 101),
        ("299", 101),
        ("\"201\"", 101),
        ("300", 300),
        ("302", 302),
        ("307", 307),
        ("308", 308),
        ("403", 403),
        ("404", 404),
        ("418", 418),
        ("429", 429),
        ("500", 500),
        ("503", 503),
        ("599", 599),
        ("100", 502),
        ("\"+200\"", 502),
        ("600", 502),
        ("200.5", 502),
    ] {
        let returned = format!(r#"{{"statusCode":{status}}}"#);
        let answer = move |_| {
            let returned = returned.clone();
            async move { Ok(returned) }
        };
        let local = Setup::new().route("$connect", answer).start().await;
        assert_eq!(local.status().await, seen, "{status}");
    }
}

#[tokio::test]
async fn b7_the_101_begins_with_its_date_and_a_refusal_has_one_too() {
    let local = Setup::new().start().await;
    let mut stream = local.raw().await;
    stream.write_all(HANDSHAKE).await.unwrap();
    let accepted = head(&mut stream).await;
    let date = accepted.lines().nth(1).unwrap().strip_prefix("Date: ");
    httpdate::parse_http_date(date.unwrap()).unwrap();
    let mut stream = local.raw().await;
    let elsewhere = String::from_utf8_lossy(HANDSHAKE).replace("/dev", "/prod");
    stream.write_all(elsewhere.as_bytes()).await.unwrap();
    let refused = head(&mut stream).await;
    let date = refused.lines().find_map(|line| line.strip_prefix("Date: "));
    httpdate::parse_http_date(date.unwrap()).unwrap();
    assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
}

#[tokio::test]
async fn c1_events_of_2019_have_twelve_members_of_identity_and_a_message_id() {
    let setup = Setup::new().route("$connect", ok).route("$default", ok);
    let setup = setup.route("$disconnect", ok).options(|options| {
        options.event_shape = EventShape::Y2019;
        options.clock = Arc::new(|| Timestamp::from_millis(1_557_230_720_092));
    });
    let local = setup.start().await;
    let mut stream = local.raw().await;
    stream.write_all(HANDSHAKE).await.unwrap();
    head(&mut stream).await;
    let connect = local.expect("CONNECT").await;
    stream
        .write_all(&crate::gateway::testing::frame(0x81, b"x"))
        .await
        .unwrap();
    let message = local.expect("MESSAGE").await;
    drop(stream);
    let disconnect = local.expect("DISCONNECT").await;
    // The ids come from a seed; the port and the trace do not matter here.
    let contexts = [connect, message, disconnect].map(|event| event["requestContext"].to_string());
    insta::assert_snapshot!(contexts.join("\n"));
}

#[tokio::test]
async fn fault_f25_a_disconnect_of_2019_has_no_close_code_and_one_of_today_has() {
    for (shape, has) in [(EventShape::Y2019, false), (EventShape::Current, true)] {
        let setup = Setup::new().route("$connect", ok).route("$disconnect", ok);
        let setup = setup.options(|options| options.event_shape = shape);
        let local = setup.start().await;
        drop(local.connect().await);
        local.expect("CONNECT").await;
        let event = local.expect("DISCONNECT").await;
        for name in ["disconnectStatusCode", "disconnectReason"] {
            let found = event["requestContext"].get(name);
            assert_eq!(found.is_some(), has, "{name} {shape:?}");
        }
    }
}

#[tokio::test]
async fn c1_header_names_keep_their_case_and_order_and_the_last_value_wins() {
    let local = Setup::new().route("$connect", ok).start().await;
    let mut stream = local.raw().await;
    let to = "zeta: 1\r\nHost: localhost\r\nAuth123: a\r\nALPHA: 2\r\nAuth123: b\r\n";
    let request = String::from_utf8_lossy(HANDSHAKE).replace("Host: localhost\r\n", to);
    stream.write_all(request.as_bytes()).await.unwrap();
    head(&mut stream).await;
    let event = local.event().await;
    let names: Vec<_> = event["headers"].as_object().unwrap().keys().collect();
    let expected = [
        "zeta",
        "Host",
        "Auth123",
        "ALPHA",
        "Sec-WebSocket-Key",
        "Sec-WebSocket-Version",
        "X-Amzn-Trace-Id",
        "X-Forwarded-For",
        "X-Forwarded-Port",
        "X-Forwarded-Proto",
    ];
    assert_eq!(names, expected);
    assert_eq!(event["headers"]["Auth123"], "b");
    assert_eq!(event["multiValueHeaders"]["Auth123"][0], "a");
    assert!(
        event["requestContext"]["identity"]
            .get("userAgent")
            .is_none()
    );
}

#[tokio::test]
async fn d1_every_documented_expression_selects_its_route() {
    const BODY: &str = r#"{"service":{"do":"x"},"area":"chat","action":"join","list":["a","b"]}"#;
    for (expression, body, key) in [
        ("$request.body.action", BODY, "join"),
        ("${request.body.action}", BODY, "join"),
        (
            "${request.body.area}/${request.body.action}",
            BODY,
            "chat/join",
        ),
        (
            "${request.body.action}-${request.body.invalidPath}",
            BODY,
            "join-",
        ),
        ("action", BODY, "action"),
        (r"\$default", BODY, "$default"),
        ("$request.body.service.do", BODY, "x"),
        ("$request.body.list", BODY, "[a, b]"),
        ("$request.body.list[1]", BODY, "b"),
        // D3, the lenient parser.
        (
            "$request.body.action",
            r#"{"action":"join", body:"hello"}"#,
            "join",
        ),
        // D5.
        ("$request.body.action", r#"{"action":42}"#, "42"),
        ("$request.body.action", r#"{"action":true}"#, "true"),
        ("$request.body.action", r#"{"action":1.5}"#, "1.5"),
        // D2, D3, D6: to the fallback.
        ("$request.body.action", r#"{"action":"Join"}"#, "$default"),
        ("$request.body.action", r#"{"action":null}"#, "$default"),
        ("$request.body.action", "{}", "$default"),
        ("$request.body.action", "[]", "$default"),
        (
            "$request.body.action",
            r#"{"action":"$disconnect"}"#,
            "$default",
        ),
    ] {
        let mut setup = Setup::new().route("$default", ok).route("$disconnect", ok);
        if key != "$default" {
            setup = setup.route(key, ok);
        }
        setup.api.expression = expression.parse().unwrap();
        let local = setup.start().await;
        let mut client = local.connect().await;
        client.send(body).await;
        let event = local.expect("MESSAGE").await;
        let selected = &event["requestContext"]["routeKey"];
        assert_eq!(selected, key, "{expression} of {body}");
    }
}

#[tokio::test]
async fn e4_e7_no_response_that_is_malformed_and_no_function_that_is_away_is_a_success() {
    let answer = |event: Value| async move {
        match event["body"].as_str().unwrap() {
            "away" => Err(IntegrationError::Unavailable("no program".to_owned())),
            response => Ok(response.to_owned()),
        }
    };
    let local = Setup::new().route("$default", answer).start().await;
    let mut client = local.connect().await;
    for response in [
        "away",
        "null",
        "{}",
        "[]",
        "\"ok\"",
        "",
        r#"{"ConnectionId":"x","Data":"y","statusCode":200}"#,
        r#"{"statusCode":200,"body":1}"#,
        r#"{"statusCode":200,"body":["a"]}"#,
        r#"{"statusCode":"+200"}"#,
        r#"{"statusCode":200,"headers":1}"#,
        r#"{"statusCode":200,"isBase64Encoded":"no"}"#,
    ] {
        client.send(response).await;
        let event = local.event().await;
        let context = &event["requestContext"];
        let expected = format!(
            r#"{{"message": "Internal server error", "connectionId":{}, "requestId":{}}}"#,
            context["connectionId"], context["requestId"]
        );
        assert_eq!(client.text().await, expected, "{response}");
    }
}

#[tokio::test]
async fn f9_an_answer_that_comes_after_the_client_s_close_goes_nowhere() {
    let release = Arc::new(Notify::new());
    let setup = Setup::new().route("$disconnect", ok);
    let setup = setup.two_way("$default", held(&release, echo));
    let local = setup.start().await;
    let mut client = local.connect().await;
    client.send("late").await;
    local.expect("MESSAGE").await;
    client.0.close(None).await.unwrap();
    local.expect("DISCONNECT").await;
    release.notify_one();
    // Only the gateway's close frame comes.
    while let Some(Ok(message)) = futures_util::StreamExt::next(&mut client.0).await {
        assert!(message.is_close(), "{message:?}");
    }
}

#[tokio::test]
async fn j1_clients_and_functions_may_come_over_ipv6() {
    let setup = Setup::new().route("$connect", ok).two_way("$default", echo);
    let local = setup.start_on("[::1]:0").await;
    let port = local.address.port();
    let url = local.gateway.url(local.address);
    assert_eq!(url, format!("ws://[::1]:{port}/dev"));
    let mut client = local.connect().await;
    let event = local.expect("CONNECT").await;
    assert_eq!(event["requestContext"]["identity"]["sourceIp"], "::1");
    assert_eq!(event["headers"]["X-Forwarded-For"], "::1");
    let domain = &event["requestContext"]["domainName"];
    assert_eq!(domain, &format!("[::1]:{port}"));
    client.send("six").await;
    assert_eq!(client.text().await, "six");
    let id = event["requestContext"]["connectionId"].as_str().unwrap();
    let path = format!("/dev/@connections/{id}");
    let host = format!("Host: [::1]:{port}\r\n");
    let reply: Reply = local.http_with("GET", &path, &host, b"").await;
    assert!(reply.body.contains(r#""sourceIp":"::1""#), "{}", reply.body);
    let foreign = "Host: [2001:db8::1]:80\r\n";
    let found = local.http_with("GET", &path, foreign, b"").await.status;
    assert_eq!(found, 403);
}
