//! What API Gateway makes of what a function does, through the real Lambda Runtime API. The numbers
//! are those of the project's list of how the real service behaves.

use serde_json::{Value, json};
use tests::{Client, Gateway, HandshakeError, Setup};

async fn serve() -> Gateway {
    let setup = Setup::new().template("routes.yaml");
    setup.program([env!("CARGO_BIN_EXE_probe")]).start().await
}

/// Asks to connect while `$connect` does `command`.
async fn try_connect(gateway: &Gateway, command: Value) -> Result<Client, HandshakeError> {
    let hex = |byte| format!("%{byte:02x}");
    let command: String = command.to_string().bytes().map(hex).collect();
    gateway.try_client(&format!("command={command}")).await
}

/// Expects a frame of the gateway's own, to the letter.
async fn hears_frame(client: &mut Client, message: &str) {
    let text = client.text().await;
    let frame: Value = serde_json::from_str(&text).expect("a frame is JSON");
    let (id, request) = (&frame["connectionId"], &frame["requestId"]);
    assert!(id.is_string() && request.is_string(), "{text}");
    let exact =
        format!(r#"{{"message": "{message}", "connectionId":{id}, "requestId":{request}}}"#);
    assert_eq!(text, exact);
}

/// A message that comes back, to show that the connection is open and nothing else has arrived.
async fn is_well(client: &mut Client) {
    let back = json!({"statusCode": 200, "body": "well"});
    client
        .send(json!({"action": "twoway", "return": back}))
        .await;
    assert_eq!(client.text().await, "well");
}

#[tokio::test]
async fn b4_the_status_of_connect_is_what_the_client_sees() {
    let gateway = serve().await;
    for status in [200, 201, 204] {
        let accepted = try_connect(&gateway, json!({"return": {"statusCode": status}})).await;
        accepted.expect("a client that is let in").close().await;
    }
    for status in [301, 400, 401, 403, 404, 429, 500, 501, 503] {
        let response =
            json!({"statusCode": status, "body": "secret", "headers": {"X-Secret": "x"}});
        let refused = try_connect(&gateway, json!({"return": response})).await;
        let refused = refused.expect_err("a client that is not let in");
        assert_eq!(refused.status, status);
        assert!(!refused.body.contains("secret"), "B5: {refused:?}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn b4_a_function_that_fails_in_connect_is_a_502() {
    let gateway = serve().await;
    for command in [
        json!({"do": "fail"}),
        json!({"do": "crash"}),
        json!({"do": "hang"}),
        json!({"return": null}),
        json!({"return": "ok"}),
        json!({"return": {"statusCode": 200, "ConnectionId": "x"}}),
    ] {
        let refused = try_connect(&gateway, command.clone()).await;
        assert_eq!(refused.expect_err("no client").status, 502, "{command}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn b8_the_function_chooses_the_sub_protocol() {
    let gateway = serve().await;
    let headers = json!({"sec-websocket-protocol": "chosen"});
    let response = json!({"return": {"statusCode": 200, "headers": headers}});
    let hex = |byte| format!("%{byte:02x}");
    let command: String = response.to_string().bytes().map(hex).collect();
    let url = gateway.at(&format!("command={command}"));
    let offer = [("Sec-WebSocket-Protocol", "other, chosen")];
    let result = Client::try_connect(&url, &offer).await;
    let client = result.expect("it is let in");
    assert_eq!(client.protocol.as_deref(), Some("chosen"));
    gateway.stop().await;
}

#[tokio::test]
async fn d4_a_message_without_a_route_is_forbidden() {
    let gateway = serve().await;
    let mut client = gateway.client("").await;
    for text in [
        r#"{"action":"nosuch"}"#,
        "no JSON",
        "",
        r#"{"action":"$connect"}"#,
    ] {
        client.send_text(text).await;
        hears_frame(&mut client, "Forbidden").await;
    }
    is_well(&mut client).await;
    gateway.stop().await;
}

#[tokio::test]
async fn e1_a_one_way_route_says_nothing_whatever_the_function_returns() {
    let gateway = serve().await;
    let mut client = gateway.client("").await;
    for status in [200, 301, 401, 500] {
        let response = json!({"statusCode": status, "body": "not for the client"});
        client
            .send(json!({"action": "oneway", "return": response}))
            .await;
        is_well(&mut client).await;
    }
    gateway.stop().await;
}

#[tokio::test]
async fn e2_a_two_way_route_sends_the_body() {
    let gateway = serve().await;
    let mut client = gateway.client("").await;
    for (response, text) in [
        (json!({"statusCode": 200, "body": "hello ä"}), "hello ä"),
        (json!({"statusCode": 500, "body": "still"}), "still"),
        (json!({"statusCode": 200}), ""),
        (
            json!({"statusCode": 200, "body": "", "isBase64Encoded": false}),
            "",
        ),
    ] {
        client
            .send(json!({"action": "twoway", "return": response}))
            .await;
        assert_eq!(client.text().await, text, "{response}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn e3_a_function_that_fails_is_an_internal_server_error() {
    let gateway = serve().await;
    let mut client = gateway.client("").await;
    for action in ["oneway", "twoway"] {
        for how in ["fail", "crash", "hang"] {
            client.send(json!({"action": action, "do": how})).await;
            hears_frame(&mut client, "Internal server error").await;
            is_well(&mut client).await;
        }
    }
    gateway.stop().await;
}

#[tokio::test]
async fn e4_a_malformed_response_is_an_internal_server_error() {
    let gateway = serve().await;
    let mut client = gateway.client("").await;
    for response in [
        json!(null),
        json!("garbage"),
        json!([]),
        json!({"statusCode": 200, "ConnectionId": "x", "Data": "y"}),
        json!({"statusCode": 200, "body": {"not": "a string"}}),
        json!({}),
    ] {
        for action in ["oneway", "twoway"] {
            client
                .send(json!({"action": action, "return": response}))
                .await;
            hears_frame(&mut client, "Internal server error").await;
        }
    }
    is_well(&mut client).await;
    gateway.stop().await;
}

#[tokio::test]
async fn e5_a_function_that_is_too_slow_is_a_timeout_and_the_connection_lives() {
    let gateway = serve().await;
    let mut client = gateway.client("").await;
    client.send(json!({"action": "hasty", "do": "hang"})).await;
    hears_frame(&mut client, "Endpoint request timed out").await;
    is_well(&mut client).await;
    gateway.stop().await;
}
