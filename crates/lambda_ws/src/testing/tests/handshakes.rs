//! Tests of handshakes and their events.

use super::*;

#[tokio::test]
async fn b4_the_status_of_connect_decides_and_a_rejected_client_leaves_no_data() {
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
    let events = gateway.events().into_iter().map(|event| event.json);
    let events: Vec<_> = events.collect();
    insta::assert_json_snapshot!(events);
}

#[tokio::test]
async fn c1_the_authorizer_context_is_in_every_event() {
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
