//! Conformance F9 and G.

mod connecting;
mod data;

use crate::gateway::testing::{Client, Local, OK, Reply, Setup, echo, head, ok};
use lambda_ws_protocol::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Notify;

async fn opened() -> (Local, Client, String) {
    let setup = Setup::new().two_way("$default", echo);
    let local = setup.route("$connect", ok).route("$disconnect", ok);
    let local = local.start().await;
    let client = local.connect().await;
    let id = local.id().await;
    (local, client, id)
}

#[tokio::test]
async fn g1_g2_g4_a_post_reaches_the_client_however_its_path_is_encoded() {
    let (local, mut client, id) = opened().await;
    let encoded = id.replace('=', "%3D");
    for path in [
        format!("/dev/@connections/{id}"),
        format!("/dev/%40connections/{encoded}"),
        format!("/dev/@connections/{encoded}"),
        format!("/dev/@connections/{encoded}/"),
    ] {
        let reply = local.http("POST", &path, path.as_bytes()).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, ""), "{path}");
        assert_eq!(client.text().await, path);
    }
    let typed = "Host: localhost\r\nContent-Type: text/plain\r\n";
    let path = format!("/dev/@connections/{id}");
    assert_eq!(local.http_with("POST", &path, typed, b"").await.status, 200);
    assert_eq!(client.text().await, "");
}

#[tokio::test]
async fn fault_f18_a_doubled_connections_segment_is_forbidden() {
    let (local, _client, id) = opened().await;
    for path in [
        format!("/dev/@connections/@connections/{id}"),
        format!("/dev/%40connections/%40connections/{id}"),
        format!("/dev/@connections/{id}/more"),
    ] {
        for method in ["POST", "GET", "DELETE"] {
            let reply = local.http(method, &path, b"x").await;
            let answered = (reply.status, reply.body.as_str());
            let expected = (403, r#"{"message":"Forbidden"}"#);
            assert_eq!(answered, expected, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn fault_l13_a_later_request_on_a_connection_has_the_same_limit() {
    let (local, _client, id) = opened().await;
    let mut stream = local.raw().await;
    let request = |padding: usize| {
        let padding = "x".repeat(padding);
        format!("GET /dev/@connections/{id} HTTP/1.1\r\nHost: localhost\r\nX: {padding}\r\n\r\n")
    };
    for (padding, status) in [(10, 200), (30_000, 200), (33_000, 431)] {
        stream.write_all(request(padding).as_bytes()).await.unwrap();
        let head = head(&mut stream).await;
        let reply = Reply::parse(&head);
        assert_eq!(reply.status, status);
        let length = reply.header("content-length").unwrap().parse().unwrap();
        stream.read_exact(&mut vec![0; length]).await.unwrap();
    }
}

#[tokio::test]
async fn g4_posts_over_one_kept_connection_arrive_in_their_order() {
    let (local, mut client, id) = opened().await;
    let mut stream = local.raw().await;
    for number in 0..100 {
        let body = number.to_string();
        let length = body.len();
        let request = format!(
            "POST /dev/@connections/{id} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let reply = Reply::parse(&head(&mut stream).await);
        assert_eq!(reply.status, 200);
    }
    for number in 0..100 {
        assert_eq!(client.text().await, number.to_string());
    }
}

#[tokio::test]
async fn g5_g10_a_get_tells_when_the_connection_was_active() {
    let time = Arc::new(AtomicU64::new(1_588_277_433_236));
    let clock = Arc::clone(&time);
    let setup = Setup::new().two_way("$default", echo).route("$connect", ok);
    let setup = setup.options(|options| {
        options.clock = Arc::new(move || Timestamp::from_millis(clock.load(Ordering::SeqCst)));
    });
    let local = setup.start().await;
    let mut client = local.connect().await;
    let id = local.id().await;
    let path = format!("/dev/@connections/{id}");
    let get = async |user_agent: &str, seconds: &str| {
        let reply = local.http("GET", &path, b"").await;
        assert_eq!(reply.status, 200);
        let expected = format!(
            r#"{{"connectedAt":"2020-04-30T20:10:33.236Z","identity":{{"sourceIp":"127.0.0.1","userAgent":{user_agent}}},"lastActiveAt":"2020-04-30T20:10:{seconds}Z"}}"#
        );
        assert_eq!(reply.body, expected);
        assert!(reply.head.contains("content-type: application/json"));
    };
    get("null", "33.236").await;
    time.fetch_add(1000, Ordering::SeqCst);
    client.send("x").await;
    client.text().await;
    get("null", "34.236").await;
    time.fetch_add(1000, Ordering::SeqCst);
    local.post(&id, "y").await;
    get("null", "35.236").await;
}

#[tokio::test]
async fn g5_a_get_names_the_user_agent() {
    let setup = Setup::new().route("$connect", ok);
    let local = setup.start().await;
    let result = local.handshake("/dev", &[("user-agent", "wscat")]).await;
    let (_client, _) = result.unwrap();
    let event = local.event().await;
    assert_eq!(event["requestContext"]["identity"]["userAgent"], "wscat");
    let id = event["requestContext"]["connectionId"].as_str().unwrap();
    let reply = local
        .http("GET", &format!("/dev/@connections/{id}"), b"")
        .await;
    let expected = r#""userAgent":"wscat""#;
    assert!(reply.body.contains(expected), "{}", reply.body);
}

#[tokio::test]
async fn g6_a_connection_that_does_not_exist_is_gone_and_a_malformed_id_is_bad() {
    let (local, _client, _) = opened().await;
    for method in ["POST", "GET", "DELETE"] {
        let reply = local
            .http(method, "/dev/@connections/PJqB0fHsqRcCHlw=", b"")
            .await;
        assert_eq!((reply.status, reply.body.as_str()), (410, ""), "{method}");
        assert_eq!(reply.kind(), "goneexception");
        let reply = local
            .http(method, "/dev/@connections/non-existing-id", b"")
            .await;
        assert_eq!((reply.status, reply.kind()), (400, "badrequestexception"));
        let message = r#"{"message":"Invalid connectionId: non-existing-id"}"#;
        assert_eq!(reply.body, message);
    }
}

#[tokio::test]
async fn g9_a_delete_sends_what_waits_closes_with_1000_and_disconnects() {
    let (local, mut client, id) = opened().await;
    let path = format!("/dev/@connections/{id}");
    assert_eq!(local.post(&id, "last words").await.status, 200);
    let reply = local.http("DELETE", &path, b"").await;
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    let gone = local.http("DELETE", &path, b"").await;
    assert_eq!(gone.status, 410);
    assert_eq!(client.text().await, "last words");
    let reason = "Connection Closed Normally".to_owned();
    assert_eq!(client.closed().await, (1000, reason.clone()));
    assert_eq!(local.disconnected().await, (1000, reason));
    assert_eq!(local.post(&id, "x").await.status, 410);
    local.silent().await;
}

#[tokio::test]
async fn g9_a_delete_waits_for_a_client_that_reads_late() {
    let (local, mut client, id) = opened().await;
    let data = "x".repeat(100_000);
    let mut taken = 0;
    while local.post(&id, &data).await.status == 200 {
        taken += 1;
    }
    let path = format!("/dev/@connections/{id}");
    assert_eq!(local.http("DELETE", &path, b"").await.status, 204);
    for _ in 0..taken {
        assert_eq!(client.text().await.len(), 100_000);
    }
    assert_eq!(client.closed().await.0, 1000);
    assert_eq!(local.disconnected().await.0, 1000);
}

#[tokio::test]
async fn f9_a_connection_is_gone_as_soon_as_its_client_closes() {
    let (local, mut client, id) = opened().await;
    client.0.close(None).await.unwrap();
    // The close frame that comes back is the gateway's word.
    let _ = futures_util::StreamExt::next(&mut client.0).await;
    assert_eq!(local.post(&id, "x").await.status, 410);
}

#[tokio::test]
async fn another_method_is_not_allowed_and_another_path_is_not_known() {
    let (local, _client, id) = opened().await;
    let path = format!("/dev/@connections/{id}");
    let reply = local.http("PUT", &path, b"x").await;
    assert_eq!(reply.status, 405);
    let expected = "allow: delete, get, post";
    assert!(reply.head.contains(expected), "{}", reply.head);
    let elsewhere = format!("/prod/@connections/{id}");
    let reply = local.http("POST", &elsewhere, b"x").await;
    assert_eq!((reply.status, reply.kind()), (403, "forbiddenexception"));
    assert_eq!(reply.body, r#"{"message":"Forbidden"}"#);
    let found = local.http("POST", "/dev/@connections", b"x").await.status;
    assert_eq!(found, 403);
}

#[tokio::test]
async fn a_web_page_of_another_origin_cannot_call_and_a_websocket_may_come_from_any() {
    let (local, mut client, id) = opened().await;
    let path = format!("/dev/@connections/{id}");
    for headers in [
        "Host: rebound.example\r\n",
        "Host: localhost\r\nOrigin: https://evil.example\r\n",
        "",
    ] {
        let reply = local.http_with("POST", &path, headers, b"x").await;
        assert_eq!(reply.status, 403, "{headers}");
        assert_eq!(reply.kind(), "forbiddenexception", "{headers}");
    }
    let origin = [("origin", "https://evil.example")];
    assert!(local.handshake("/dev", &origin).await.is_ok());
    local.post(&id, "only this").await;
    assert_eq!(client.text().await, "only this");
}

#[tokio::test]
async fn a_broken_http_request_is_a_400() {
    let (local, _client, _) = opened().await;
    let mut stream = local.raw().await;
    stream
        .write_all(b"POST /dev HTTP/1.1\r\nno colon\r\n\r\n")
        .await
        .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 400 "), "{reply}");
}

#[tokio::test]
async fn the_urls_name_the_stage_and_a_reachable_address() {
    let (local, _client, _) = opened().await;
    let gateway = &local.gateway;
    let any = "0.0.0.0:3001".parse().unwrap();
    assert_eq!(gateway.management_url(any), "http://127.0.0.1:3001/dev");
    assert_eq!(gateway.url(any), "ws://127.0.0.1:3001/dev");
    let any = "[::]:3001".parse().unwrap();
    assert_eq!(gateway.management_url(any), "http://[::1]:3001/dev");
}
