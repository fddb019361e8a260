//! The event of an authorizer, and its context in later events: conformance B10, C1 and C4.

use super::*;

#[tokio::test]
async fn b10_c4_the_authorizers_event_has_the_documented_form() {
    let setup = Setup::new().authorizer(&[], allow).options(|options| {
        options.clock = Arc::new(|| Timestamp::from_millis(1_701_245_041_796));
        options.account_id = "123456789012".to_owned();
    });
    let local = setup.start().await;
    let headers = [("HeaderAuth1", "headerValue1")];
    local.handshake("/dev", &headers).await.unwrap();
    let mut event = local.event().await;
    // Ports and keys differ from run to run.
    for name in ["Host", "Sec-WebSocket-Key", "X-Forwarded-Port"] {
        let found = event["headers"].as_object_mut().unwrap();
        let name = found
            .keys()
            .find(|key| key.eq_ignore_ascii_case(name))
            .unwrap()
            .clone();
        event["headers"][&name] = "…".into();
        event["multiValueHeaders"][&name] = json!(["…"]);
    }
    event["requestContext"]["domainName"] = "…".into();
    insta::assert_json_snapshot!(event);
}

#[tokio::test]
async fn b10_the_query_string_and_the_stages_variables_are_there_if_there_are_any() {
    let setup = Setup::new().authorizer(&[], allow);
    let setup = setup.api(|api| drop(api.stage_variables.insert("color".into(), "red".into())));
    let local = setup.start().await;
    local.handshake("/dev?a=1&a=2", &[]).await.unwrap();
    let event = local.event().await;
    assert_eq!(event["queryStringParameters"], json!({"a": "2"}));
    let expected = json!({"a": ["1", "2"]});
    assert_eq!(event["multiValueQueryStringParameters"], expected);
    assert_eq!(event["stageVariables"], json!({"color": "red"}));
}

#[tokio::test]
async fn c1_what_the_authorizer_said_is_text_in_every_later_event() {
    let say = |event: Value| async move {
        let mut answer = policy(&event, "Allow");
        answer["context"] = json!({"name": "Ann", "level": 7, "admin": true, "share": 0.5});
        answer["usageIdentifierKey"] = json!("k");
        Ok(answer.to_string())
    };
    let setup = Setup::new().authorizer(&[], say).route("$connect", ok);
    let setup = setup.route("$default", ok).route("$disconnect", ok);
    let local = setup.start().await;
    let mut client = local.connect().await;
    let asked = local.event().await;
    assert_eq!(asked["requestContext"].get("authorizer"), None);
    client.send("hello").await;
    let mut events = vec![local.expect("CONNECT").await, local.expect("MESSAGE").await];
    drop(client);
    events.push(local.expect("DISCONNECT").await);
    for event in events {
        // To the letter, since the principal comes first.
        assert_eq!(
            event["requestContext"]["authorizer"].to_string(),
            r#"{"principalId":"ann","name":"Ann","level":"7","admin":"true","share":"0.5"}"#
        );
        let context = event["requestContext"].as_object().unwrap();
        assert_eq!(context.keys().nth(1).unwrap(), "authorizer", "{event}");
    }
}

#[tokio::test]
async fn b9_without_an_authorizer_no_event_has_its_words() {
    let local = Setup::new().route("$connect", ok).start().await;
    local.connect().await;
    let event = local.event().await;
    assert_eq!(event["requestContext"].get("authorizer"), None);
}
