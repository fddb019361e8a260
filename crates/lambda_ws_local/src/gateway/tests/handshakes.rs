//! Conformance A, B and C1.

use crate::gateway::testing::{Reply, Setup, fails, head, held, millis, ok};
use lambda_ws_protocol::Timestamp;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::sync::Notify;

#[tokio::test]
async fn a1_a_client_connects_to_the_stage_with_or_without_a_slash() {
    let local = Setup::new().start().await;
    for target in ["/dev", "/dev/", "/dev?a=1", "/dev/?a=1"] {
        assert!(local.handshake(target, &[]).await.is_ok(), "{target}");
    }
}

#[tokio::test]
async fn a1_a4_another_stage_or_path_is_forbidden() {
    let local = Setup::new().start().await;
    for target in ["/", "/prod", "/dev/more", "/dev/@connections/x"] {
        let refused = local.handshake(target, &[]).await.err().unwrap();
        assert_eq!(refused.status(), 403, "{target}");
        assert_eq!(refused.headers()["x-amzn-errortype"], "ForbiddenException");
        let expected = Some(&br#"{"message":"Forbidden"}"#[..]);
        assert_eq!(refused.body().as_deref(), expected);
    }
    let reply = local.http("GET", "/prod", b"").await;
    assert_eq!((reply.status, reply.kind()), (403, "forbiddenexception"));
}

#[tokio::test]
async fn a2_a_url_over_4096_characters_is_too_long() {
    let local = Setup::new().start().await;
    let target = format!("/dev?{}", "x".repeat(4096));
    let refused = local.handshake(&target, &[]).await.err().unwrap();
    assert_eq!(refused.status(), 414);
}

#[tokio::test]
async fn a3_a_plain_get_is_told_to_upgrade_without_a_body() {
    let local = Setup::new().start().await;
    for path in ["/dev", "/dev/", "/dev/anything?a=1"] {
        let reply = local.http("GET", path, b"").await;
        assert_eq!((reply.status, reply.body.as_str()), (426, ""), "{path}");
    }
    assert_eq!(local.http("POST", "/dev", b"x").await.status, 403);
}

#[tokio::test]
async fn b1_the_101_waits_for_connect() {
    let release = Arc::new(Notify::new());
    let setup = Setup::new().route("$connect", held(&release, ok));
    let local = Arc::new(setup.start().await);
    let connecting = tokio::spawn({
        let local = Arc::clone(&local);
        async move { local.connect().await }
    });
    local.expect("CONNECT").await;
    assert!(!connecting.is_finished());
    assert_eq!(local.gateway.connections(), 0);
    release.notify_one();
    connecting.await.unwrap();
    assert_eq!(local.gateway.connections(), 1);
}

#[tokio::test]
async fn b2_without_a_connect_route_everyone_may_come_in_and_default_is_not_asked() {
    let local = Setup::new().route("$default", ok).start().await;
    let mut client = local.connect().await;
    client.send("hello").await;
    local.expect("MESSAGE").await;
}

#[tokio::test]
async fn b4_the_status_of_connect_decides() {
    for (returned, status) in [
        (r#"{"statusCode":200}"#, 101),
        (r#"{"statusCode":201,"body":"ignored"}"#, 101),
        (r#"{"statusCode":301}"#, 301),
        (r#"{"statusCode":304}"#, 304),
        (r#"{"statusCode":400}"#, 400),
        (r#"{"statusCode":401}"#, 401),
        (r#"{"statusCode":501}"#, 501),
        (r#"{"statusCode":101}"#, 502),
        ("null", 502),
        (r#"{"statusCode":200,"Extra":1}"#, 502),
    ] {
        let answer = move |_| async move { Ok(returned.to_owned()) };
        let local = Setup::new().route("$connect", answer).start().await;
        assert_eq!(local.status().await, status, "{returned}");
    }
}

#[tokio::test]
async fn b4_a_failing_connect_is_a_502_and_a_slow_one_a_504() {
    let local = Setup::new().route("$connect", fails).start().await;
    assert_eq!(local.status().await, 502);
    let never = |_| std::future::pending();
    let slow = Setup::new().with("$connect", never, |route| route.timeout = millis(20));
    assert_eq!(slow.start().await.status().await, 504);
}

#[tokio::test]
async fn b5_a_refusal_has_a_body_of_its_own_and_no_header_of_the_function() {
    let answer = |_| async {
        let response = r#"{"statusCode":401,"headers":{"X-Mine":"1"},"body":"secret"}"#;
        Ok(response.to_owned())
    };
    let local = Setup::new().route("$connect", answer).start().await;
    let refused = local.handshake("/dev", &[]).await.err().unwrap();
    let event = local.expect("CONNECT").await;
    let context = &event["requestContext"];
    assert_eq!(
        refused.headers()["x-amzn-errortype"],
        "UnauthorizedException"
    );
    assert!(!refused.headers().contains_key("x-mine"));
    let expected = format!(
        r#"{{"message": "Unauthorized", "connectionId":{}, "requestId":{}}}"#,
        context["connectionId"], context["requestId"]
    );
    let body = String::from_utf8(refused.into_body().unwrap()).unwrap();
    assert_eq!(body, expected);
}

#[tokio::test]
async fn b6_b7_b8_only_the_sub_protocol_of_the_function_is_in_the_101() {
    let answer = |_| async {
        let response =
            r#"{"statusCode":200,"headers":{"sec-websocket-protocol":"b","X-Mine":"1"}}"#;
        Ok(response.to_owned())
    };
    let local = Setup::new().route("$connect", answer).start().await;
    let mut stream = local.raw().await;
    stream.write_all(REQUEST.as_bytes()).await.unwrap();
    let head = head(&mut stream).await;
    let expected = "\r\nConnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: ";
    assert!(head.contains(expected));
    assert!(head.contains("\r\nsec-websocket-protocol: b\r\n"), "{head}");
    assert!(!head.contains("Mine"), "{head}");
}

#[tokio::test]
async fn b8_without_one_the_handshake_completes_without_the_header() {
    let local = Setup::new().route("$connect", ok).start().await;
    let mut stream = local.raw().await;
    stream.write_all(REQUEST.as_bytes()).await.unwrap();
    let head = head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    assert!(!head.to_lowercase().contains("protocol:"), "{head}");
}

#[tokio::test]
async fn b8_a_sub_protocol_cannot_smuggle_a_header() {
    let answer = |_| async {
        let response = r#"{"statusCode":200,"headers":{"Sec-WebSocket-Protocol":"a\r\nX: y"}}"#;
        Ok(response.to_owned())
    };
    let local = Setup::new().route("$connect", answer).start().await;
    assert_eq!(local.status().await, 502);
}

const REQUEST: &str = "GET /dev?token=abc&token=d%20e HTTP/1.1\r\nHost: abcd1234.example:3001\r\n\
    uPgrade: websocket\r\nhello: 1\r\nconnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    content-length: 0\r\nSEC-WEBSOCKET-VERSION: 13\r\nUser-Agent: wscat\r\nx-forwarded-for: 192.0.2.1\r\n\
    Sec-WebSocket-Protocol: a, b\r\nhello: 2\r\n\r\n";

#[tokio::test]
async fn c1_the_connect_event_is_that_of_aws() {
    let setup = Setup::new().route("$connect", ok).options(|options| {
        options.clock = Arc::new(|| Timestamp::from_millis(1_701_245_041_796));
    });
    let local = setup.start().await;
    let mut stream = local.raw().await;
    stream.write_all(REQUEST.as_bytes()).await.unwrap();
    head(&mut stream).await;
    let event = local.event().await;
    let context = &event["requestContext"];
    let (id, request) = (&context["connectionId"], &context["requestId"]);
    let trace = &event["headers"]["X-Amzn-Trace-Id"];
    let port = local.address.port();
    let text = trace.as_str().unwrap();
    assert!(
        text.starts_with("Root=1-6566f071-") && text.len() == 40,
        "{text}"
    );
    let expected = format!(
        r#"{{"headers":{{"Host":"abcd1234.example:3001","hello":"2","Sec-WebSocket-Key":"dGhlIHNhbXBsZSBub25jZQ==","SEC-WEBSOCKET-VERSION":"13","User-Agent":"wscat","Sec-WebSocket-Protocol":"a, b","X-Amzn-Trace-Id":{trace},"X-Forwarded-For":"192.0.2.1, 127.0.0.1","X-Forwarded-Port":"{port}","X-Forwarded-Proto":"http"}},"multiValueHeaders":{{"Host":["abcd1234.example:3001"],"hello":["1","2"],"Sec-WebSocket-Key":["dGhlIHNhbXBsZSBub25jZQ=="],"SEC-WEBSOCKET-VERSION":["13"],"User-Agent":["wscat"],"Sec-WebSocket-Protocol":["a, b"],"X-Amzn-Trace-Id":[{trace}],"X-Forwarded-For":["192.0.2.1, 127.0.0.1"],"X-Forwarded-Port":["{port}"],"X-Forwarded-Proto":["http"]}},"queryStringParameters":{{"token":"d e"}},"multiValueQueryStringParameters":{{"token":["abc","d e"]}},"requestContext":{{"routeKey":"$connect","eventType":"CONNECT","extendedRequestId":{request},"requestTime":"29/Nov/2023:08:04:01 +0000","messageDirection":"IN","stage":"dev","connectedAt":1701245041796,"requestTimeEpoch":1701245041796,"identity":{{"userAgent":"wscat","sourceIp":"127.0.0.1"}},"requestId":{request},"domainName":"abcd1234.example:3001","connectionId":{id},"apiId":"abcd1234"}},"isBase64Encoded":false}}"#
    );
    assert_eq!(event.to_string(), expected);
}

#[tokio::test]
async fn c1_query_and_stage_variables_are_absent_unless_there_are_some() {
    let local = Setup::new().route("$connect", ok).start().await;
    let _client = local.connect().await;
    let event = local.event().await;
    for absent in [
        "queryStringParameters",
        "multiValueQueryStringParameters",
        "stageVariables",
    ] {
        assert!(event.get(absent).is_none(), "{event}");
    }
    let mut setup = Setup::new().route("$connect", ok);
    let variables = &mut setup.api.stage_variables;
    variables.insert("table".to_owned(), "chat".to_owned());
    let local = setup.start().await;
    let _client = local.connect().await;
    assert_eq!(local.event().await["stageVariables"]["table"], "chat");
}

#[tokio::test]
async fn an_improper_handshake_is_told_what_it_lacks() {
    let local = Setup::new().route("$connect", ok).start().await;
    for (changed, to, status) in [
        ("SEC-WEBSOCKET-VERSION: 13", "Sec-WebSocket-Version: 8", 426),
        ("SEC-WEBSOCKET-VERSION: 13", "X: y", 400),
        ("Sec-WebSocket-Key: dGhl", "Sec-WebSocket-Key: d", 400),
        ("connection: Upgrade", "connection: close", 400),
        ("content-length: 0", "content-length: 5", 400),
        ("HTTP/1.1", "HTTP/1.0", 400),
        ("HTTP/1.1", "HTTP/9", 400),
    ] {
        let mut stream = local.raw().await;
        let request = REQUEST.replace(changed, to);
        stream.write_all(request.as_bytes()).await.unwrap();
        let reply = Reply::parse(&head(&mut stream).await);
        assert_eq!(reply.status, status, "{to}");
        let names_13 = reply.head.contains("sec-websocket-version: 13");
        assert_eq!(names_13, status == 426, "{to}");
    }
    local.silent().await;
}

#[tokio::test]
async fn a_refused_client_is_never_disconnected() {
    let answer = |event: serde_json::Value| async move {
        let refused = event["queryStringParameters"]["no"] == "1";
        let status = if refused { 403 } else { 200 };
        Ok(format!(r#"{{"statusCode":{status}}}"#))
    };
    let setup = Setup::new().route("$connect", answer);
    let local = setup.route("$disconnect", ok).start().await;
    assert!(local.handshake("/dev?no=1", &[]).await.is_err());
    local.expect("CONNECT").await;
    let client = local.connect().await;
    let id = local.id().await;
    drop(client);
    let event = local.expect("DISCONNECT").await;
    assert_eq!(event["requestContext"]["connectionId"], id);
}

#[tokio::test]
async fn a_client_that_leaves_while_connect_is_pending_is_disconnected_with_1006() {
    let release = Arc::new(Notify::new());
    let setup = Setup::new().route("$disconnect", ok);
    let setup = setup.route("$connect", held(&release, ok));
    let local = setup.start().await;
    let mut stream = local.raw().await;
    stream.write_all(REQUEST.as_bytes()).await.unwrap();
    local.expect("CONNECT").await;
    drop(stream);
    release.notify_one();
    assert_eq!(local.disconnected().await.0, 1006);
    assert_eq!(local.gateway.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_finish_its_request_is_cut_off_after_10_s() {
    use tokio::io::AsyncReadExt;
    let local = Setup::new().start().await;
    let mut stream = local.raw().await;
    let result = stream.write_all(b"GET /dev HTTP/1.1\r\nHost: x").await;
    result.unwrap();
    let began = tokio::time::Instant::now();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    assert_eq!(began.elapsed().as_secs(), 10);
}
