//! Tests of messages that other programs publish.

use super::presence::connect;
use super::*;
use crate::testing::Client;
use serde_json::json;

/// A function with clients: two connections of ann in the room tea, and bob outside of it.
async fn clients() -> (Gateway, [Client; 3]) {
    let gateway = Gateway::new(Router::new().connect(connect));
    let mut clients = Vec::new();
    for uri in ["/?user=ann&room=tea", "/?user=ann&room=tea", "/?user=bob"] {
        clients.push(gateway.connect(uri).await.unwrap());
    }
    let Ok(clients) = clients.try_into() else {
        panic!("three clients");
    };
    (gateway, clients)
}

fn received(clients: &mut [Client; 3]) -> [Vec<String>; 3] {
    clients.each_mut().map(|client| client.recv_all())
}

fn to(target: &str, data: Value) -> Value {
    let mut publish = serde_json::from_str::<Value>(target).unwrap();
    publish["data"] = data;
    json!({"publish": publish})
}

#[tokio::test]
async fn a_direct_invocation_publishes_to_a_room_a_user_a_connection_or_everyone() {
    let (gateway, mut clients) = clients().await;
    let bob = clients[2].id().to_string();
    for (target, reached) in [
        (r#"{"room":"tea"}"#.to_owned(), [1, 1, 0]),
        (r#"{"user":"bob"}"#.to_owned(), [0, 0, 1]),
        (json!({ "connection": bob }).to_string(), [0, 0, 1]),
        (r#"{"everyone":true}"#.to_owned(), [1, 1, 1]),
    ] {
        let event = to(&target, json!("hello"));
        let published = gateway.invoke(event).await.unwrap();
        let sent: usize = reached.iter().sum();
        let expected = json!({"sent": sent, "gone": 0, "throttled": 0, "failed": 0});
        assert_eq!(published, expected, "{target}");
        let received = received(&mut clients);
        let expected = reached.map(|count| vec!["hello".to_owned(); count]);
        assert_eq!(received, expected, "{target}");
    }
    let event = to(r#"{"connection":"PJqB0fHsqRcCHlw="}"#, json!("hello"));
    let published = gateway.invoke(event).await.unwrap();
    let expected = json!({"sent": 0, "gone": 1, "throttled": 0, "failed": 0});
    assert_eq!(published, expected);
}

#[tokio::test]
async fn data_other_than_text_is_sent_as_json() {
    let (gateway, mut clients) = clients().await;
    for data in [
        json!({"price": 7}),
        json!([1, null]),
        json!(null),
        json!(true),
    ] {
        let event = to(r#"{"user":"bob"}"#, data.clone());
        gateway.invoke(event).await.unwrap();
        assert_eq!(received(&mut clients)[2], [data.to_string()]);
    }
}

#[tokio::test]
async fn notifications_and_scheduled_events_publish_too() {
    let (gateway, mut clients) = clients().await;
    let publish = to(r#"{"room":"tea"}"#, json!("hello"));
    let sns = json!({"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "Sns": {
        "MessageId": "1", "TopicArn": "arn:aws:sns:us-east-1:1:t", "Message": publish.to_string()}}]});
    let event_bridge = json!({"version": "0", "id": "1", "detail-type": "price", "source": "shop",
        "account": "1", "region": "us-east-1", "resources": [], "detail": publish});
    for event in [sns, event_bridge] {
        gateway.invoke(event).await.unwrap();
        assert_eq!(received(&mut clients)[0], ["hello"]);
    }
}

pub(super) fn message(id: &str, body: &Value, queue: &str) -> Value {
    json!({"messageId": id, "receiptHandle": "r", "body": body.to_string(), "attributes": {},
        "eventSource": "aws:sqs", "eventSourceARN": format!("arn:aws:sqs:us-east-1:1:{queue}")})
}

#[tokio::test]
async fn of_a_batch_only_the_messages_that_fail_are_reported() {
    let (gateway, mut clients) = clients().await;
    let [one, two] = ["one", "two"].map(|data| to(r#"{"room":"tea"}"#, json!(data)));
    let through_sns = json!({"Type": "Notification", "Message": two.to_string()});
    let batch = |queue| {
        json!({"Records": [
            message("a", &one, queue),
            message("b", &json!({"hello": 1}), queue),
            message("c", &through_sns, queue),
        ]})
    };
    let answer = gateway.invoke(batch("prices")).await.unwrap();
    let expected = json!({"batchItemFailures": [{"itemIdentifier": "b"}]});
    assert_eq!(answer, expected);
    assert_eq!(received(&mut clients)[0], ["one", "two"]);

    let answer = gateway.invoke(batch("prices.fifo")).await.unwrap();
    let failures = json!([{"itemIdentifier": "b"}, {"itemIdentifier": "c"}]);
    assert_eq!(answer, json!({ "batchItemFailures": failures }));
    // Nothing overtakes in a fifo queue.
    assert_eq!(received(&mut clients)[0], ["one"]);

    let well = json!({"Records": [message("a", &one, "prices")]});
    let answer = gateway.invoke(well).await.unwrap();
    assert_eq!(answer, json!({"batchItemFailures": []}));
}

#[tokio::test]
async fn an_invalid_publish_event_is_an_error_that_shows_the_format() {
    let (gateway, mut clients) = clients().await;
    for publish in [
        json!({}),
        json!("hello"),
        json!({"room": "tea"}),
        json!({"data": "hello"}),
        json!({"everyone": false, "data": "hello"}),
        json!({"room": "tea", "user": "ann", "data": "hello"}),
        json!({"rooms": "tea", "data": "hello"}),
        json!({"room": 7, "data": "hello"}),
    ] {
        let direct = json!({ "publish": publish });
        let sns = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": direct.to_string()}}]});
        for event in [direct, sns] {
            let result = gateway.invoke(event.clone()).await;
            let error = result.expect_err(&event.to_string());
            assert!(error.contains("\"publish\""), "{event}: {error}");
        }
    }
    for text in ["hello", "", "7", "{\"Message\":\"hello\"}"] {
        let sns = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": text}}]});
        let error = gateway.invoke(sns).await.expect_err(text);
        assert!(error.contains("\"publish\""), "{text}: {error}");
    }
    let too_large = to(r#"{"room":"tea"}"#, json!("x".repeat(130 * 1024)));
    let error = gateway.invoke(too_large).await.unwrap_err();
    assert!(error.contains("too large"), "{error}");
    let bad_name = to(r#"{"room":""}"#, json!("hello"));
    assert!(gateway.invoke(bad_name).await.is_err());
    assert!(received(&mut clients).iter().all(Vec::is_empty));
}

#[tokio::test]
async fn fault_f22_an_event_of_event_bridge_is_unwrapped_in_sns_and_sqs() {
    let (gateway, mut clients) = clients().await;
    let event_bridge = json!({"version": "0", "id": "1", "detail-type": "price", "source": "shop",
        "detail": to(r#"{"room":"tea"}"#, json!("hello"))});
    let sns = json!({"Type": "Notification", "Message": event_bridge.to_string()});
    let in_sns = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": event_bridge.to_string()}}]});
    let in_sqs = json!({"Records": [message("a", &event_bridge, "prices")]});
    let in_sns_in_sqs = json!({"Records": [message("a", &sns, "prices")]});
    for event in [in_sns, in_sqs, in_sns_in_sqs] {
        gateway.invoke(event.clone()).await.unwrap();
        assert_eq!(received(&mut clients)[0], ["hello"], "{event}");
    }

    let mut deep = to(r#"{"room":"tea"}"#, json!("hello"));
    for _ in 0..10 {
        deep = json!({"Message": deep.to_string()});
    }
    let deep =
        json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": deep.to_string()}}]});
    let error = gateway.invoke(deep).await.unwrap_err();
    assert!(error.contains("`publish` is missing"), "{error}");
}

#[tokio::test]
async fn fault_m5_an_invocation_fails_if_all_messages_of_its_batch_fail() {
    let (gateway, mut clients) = clients().await;
    let bad = json!({"hello": 1});
    for queue in ["prices", "prices.fifo"] {
        let batch = json!({"Records": [message("a", &bad, queue), message("b", &bad, queue)]});
        let error = gateway.invoke(batch).await.unwrap_err();
        assert!(error.starts_with("all 2 messages"), "{error}");
        assert!(error.contains("`publish` is missing"), "{error}");
    }
    let one = to(r#"{"room":"tea"}"#, json!("hello"));
    let stopped = json!({"Records": [message("a", &bad, "q.fifo"), message("b", &one, "q.fifo")]});
    gateway.invoke(stopped).await.unwrap_err();
    assert!(received(&mut clients).iter().all(Vec::is_empty));
}

#[tokio::test]
async fn fault_l1_an_invalid_name_is_bad_input_and_not_an_outage() {
    let (router, _) = router();
    let (dispatcher, _) = dispatcher(router, &[]);
    let long = "x".repeat(257);
    for kind in ["room", "user", "connection"] {
        for name in ["", &long] {
            let event = json!({"publish": {kind: name, "data": "hello"}}).to_string();
            let result = dispatcher.call(&event, InvocationContext::default()).await;
            let failure = result.unwrap_err();
            assert_eq!(failure.error_type, "PublishError", "{failure}");
            let expected = "1 to 256 bytes";
            assert!(failure.error_message.contains(expected), "{failure}");
        }
    }
    let nobody = event!("say").replace(r#""connectionId": ""#, r#""connectionId": "", "was": ""#);
    let result = dispatcher.call(&nobody, InvocationContext::default()).await;
    let failure = result.unwrap_err();
    assert_eq!(failure.error_type, "UnknownEvent", "{failure}");
}

#[cfg(feature = "apigateway")]
#[tokio::test]
async fn publishing_without_an_endpoint_is_an_error_that_names_the_variable() {
    let (router, _) = router();
    let backend = Backend::new(Arc::new(Memory::new()), Transports::nowhere());
    let dispatcher = Dispatcher::new(router, backend);
    let event = to(r#"{"room":"tea"}"#, json!("hello")).to_string();
    let error = call(&dispatcher, &event).await.unwrap_err().to_string();
    let expected = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI";
    assert!(error.contains(expected), "{error}");
}
