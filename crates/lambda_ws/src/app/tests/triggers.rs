//! Events that do not come from a connection.

use super::publish::message;
use super::*;
use crate::{Context, EventSource, Kv, Raw, Sender};
use aws_lambda_events::cloudwatch_events::CloudWatchEvent;
use aws_lambda_events::s3::S3Event;
use aws_lambda_events::streams::SqsEventResponse;
use serde_json::json;

const SCHEDULE: &str = event!("other/schedule");
const S3: &str = event!("other/s3");
const SQS: &str = event!("other/sqs");
const HTTP: &str = event!("other/http");

async fn name(Raw(event): Raw<Value>, context: Context) -> Result<Value, Error> {
    assert_eq!(context.connection_id().as_str(), "");
    Ok(json!([context.route_key(), event]))
}

/// A dispatcher in memory.
fn serving(router: Router) -> Dispatcher {
    Dispatcher::new(router, Backend::in_memory())
}

async fn result(
    dispatcher: &Dispatcher,
    event: &str,
) -> Result<Value, super::super::failure::Failure> {
    let response = dispatcher.call(event, InvocationContext::default()).await?;
    Ok(serde_json::to_value(&response).expect("JSON"))
}

fn records(event_source: &str) -> String {
    json!({"Records": [{"eventSource": event_source}]}).to_string()
}

fn event_bridge(source: &str, detail_type: &str, detail: Value) -> String {
    json!({"source": source, "detail-type": detail_type, "detail": detail}).to_string()
}

#[tokio::test]
async fn each_source_has_its_handler_and_the_rest_goes_to_event() {
    use EventSource::*;
    let sources = [Schedule, EventBridge, S3, Sqs, Sns, DynamoDb, Kinesis];
    let router = sources
        .into_iter()
        .fold(Router::new(), |router, source| router.on(source, name));
    let dispatcher = serving(router.event(name));
    let scheduled = "Scheduled Event";
    for (event, route) in [
        (SCHEDULE.to_owned(), "$schedule"),
        (self::S3.to_owned(), "$s3"),
        (SQS.to_owned(), "$sqs"),
        // EventBridge Scheduler writes the detail as text.
        (
            event_bridge("aws.scheduler", scheduled, json!("{}")),
            "$schedule",
        ),
        (event_bridge("shop", scheduled, json!({})), "$eventbridge"),
        (
            event_bridge("aws.s3", "Object Created", json!({})),
            "$eventbridge",
        ),
        (records("aws:s3"), "$s3"),
        (records("aws:sqs"), "$sqs"),
        (records("aws:dynamodb"), "$dynamodb"),
        (records("aws:kinesis"), "$kinesis"),
        (records("aws:ses"), "$event"),
        (
            json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "hello"}}]})
                .to_string(),
            "$sns",
        ),
        // Direct invocations are any JSON, also with the members of other events.
        ("{}".to_owned(), "$event"),
        ("7".to_owned(), "$event"),
        ("[1]".to_owned(), "$event"),
        ("null".to_owned(), "$event"),
        (
            r#"{"Records":7,"source":7,"detail":7}"#.to_owned(),
            "$event",
        ),
        (r#"{"Records":[]}"#.to_owned(), "$event"),
        (r#"{"body":7}"#.to_owned(), "$event"),
        (
            r#"{"requestContext":{"connectedAt":"x"}}"#.to_owned(),
            "$event",
        ),
        (r#"{"type":"TOKEN","methodArn":"arn"}"#.to_owned(), "$event"),
    ] {
        let expected = json!([route, serde_json::from_str::<Value>(&event).unwrap()]);
        assert_eq!(
            result(&dispatcher, &event).await.unwrap(),
            expected,
            "{event}"
        );
    }
}

#[tokio::test]
async fn an_event_without_a_handler_fails_and_names_the_missing_handler() {
    let (router, _) = router();
    let dispatcher = serving(router.on(EventSource::Kinesis, name));
    for (event, fix) in [
        (S3, "`Router::on(EventSource::S3, ..)`"),
        (SCHEDULE, "`Router::on(EventSource::Schedule, ..)`"),
        ("{}", "`Router::event(..)`"),
        ("[]", "`Router::event(..)`"),
        (HTTP, "`Router::http(..)` (cargo feature `http`)"),
    ] {
        let failure = result(&dispatcher, event).await.unwrap_err();
        assert_eq!(failure.error_type, "UnknownEvent");
        let message = failure.error_message;
        assert!(
            message.contains("CONNECT, MESSAGE or DISCONNECT"),
            "{message}"
        );
        assert!(
            message.contains(&format!("fix: for this event add {fix} to the router")),
            "{message}"
        );
    }
}

#[tokio::test]
async fn records_that_do_not_publish_and_have_no_handler_name_it() {
    let (router, _) = router();
    let gateway = Gateway::new(router);
    let plain = json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "hello"}}]});
    for event in [serde_json::from_str(SQS).unwrap(), plain] {
        let error = gateway.invoke(event).await.unwrap_err();
        assert!(
            error.contains("no `Router::on` for other records"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn publish_events_come_before_all_handlers() {
    let router = Router::new()
        .connect(async |me: Opening| me.join("tea").map_err(Error::from))
        .on(EventSource::EventBridge, name)
        .on(EventSource::Sqs, name)
        .on(EventSource::Sns, name)
        .event(name);
    let gateway = Gateway::new(router);
    let mut ann = gateway.connect("/").await.unwrap();
    let publish = json!({"publish": {"room": "tea", "data": "hello"}});
    let mut bridge = json!({"source": "shop", "detail-type": "price", "detail": publish});
    let sns =
        json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": publish.to_string()}}]});
    let sqs = json!({"Records": [message("a", &publish, "q")]});
    for event in [&publish, &bridge, &sns, &sqs] {
        gateway.invoke(event).await.unwrap();
        assert_eq!(ann.recv_all(), ["hello"], "{event}");
    }
    bridge["detail"] = json!({"price": 7});
    assert_eq!(gateway.invoke(&bridge).await.unwrap()[0], "$eventbridge");
    assert!(ann.recv_all().is_empty());
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    message_id: String,
    body: String,
}

#[derive(Deserialize)]
struct Orders {
    #[serde(rename = "Records")]
    records: Vec<Order>,
}

/// Fails at the body `bad`, and as a whole at `worse`.
async fn orders(Raw(orders): Raw<Orders>) -> Result<SqsEventResponse, Error> {
    let mut response = SqsEventResponse::default();
    for order in orders.records {
        match &*order.body {
            "bad" => response.batch_item_failures.push({
                let mut failed = aws_lambda_events::streams::SqsBatchItemFailure::default();
                failed.item_identifier = Some(order.message_id);
                failed
            }),
            "worse" => return Err("the warehouse is closed".into()),
            _ => assert!(!order.body.contains("publish"), "{}", order.body),
        }
    }
    Ok(response)
}

#[tokio::test]
async fn a_batch_with_both_is_split_and_answered_as_one() {
    let router = Router::new()
        .connect(async |me: Opening| me.join("tea").map_err(Error::from))
        .on(EventSource::Sqs, orders);
    let gateway = Gateway::new(router);
    let mut ann = gateway.connect("/").await.unwrap();
    let publish = json!({"publish": {"room": "tea", "data": "hello"}}).to_string();
    let invalid = json!({"publish": {"data": "hello"}}).to_string();
    let batch = |queue: &str, bodies: [&str; 3]| {
        let ids = ["a", "b", "c"].into_iter().zip(bodies);
        let records = ids.map(|(id, body)| {
            json!({"eventSource": "aws:sqs", "messageId": id, "body": body, "eventSourceARN": queue})
        });
        json!({"Records": records.collect::<Vec<_>>()})
    };
    for (queue, bodies, failed, heard) in [
        ("q", [&*publish, "good", "good"], vec![], 1),
        ("q", [&*publish, "bad", &*publish], vec!["b"], 2),
        ("q", [&*invalid, "bad", "good"], vec!["a", "b"], 0),
        ("q", ["worse", &*publish, "good"], vec!["a", "c"], 1),
        ("q.fifo", [&*publish, "bad", "good"], vec!["b"], 1),
    ] {
        let response = gateway.invoke(batch(queue, bodies)).await.unwrap();
        let failures = response["batchItemFailures"].as_array().unwrap().iter();
        let failures: Vec<_> = failures
            .map(|one| one["itemIdentifier"].as_str().unwrap())
            .collect();
        assert_eq!(failures, failed, "{bodies:?}");
        assert_eq!(ann.recv_all().len(), heard, "{bodies:?}");
    }
    // In a FIFO queue nothing overtakes a failed message. If all messages fail, so does the event.
    let event = batch("q.fifo", [&*invalid, "good", "good"]);
    let error = gateway.invoke(event).await.unwrap_err();
    assert!(
        error.starts_with("all 3 messages of the batch failed"),
        "{error}"
    );
    let event = batch("q", [&*invalid, "worse", "good"]);
    gateway.invoke(event).await.unwrap_err();
}

#[tokio::test]
async fn a_failing_handler_fails_the_invocation_with_the_type_and_the_message() {
    let router = Router::new()
        .on(EventSource::Schedule, async || {
            Err::<(), Error>(SendError::NoEndpoint.into())
        })
        .on(EventSource::Sqs, async || {
            Err::<(), _>(Error::client("no_stock", "no tea").with_source("the shelf is empty"))
        })
        .on(EventSource::S3, async |_: Raw<CloudWatchEvent<u8>>| ());
    let dispatcher = serving(router);
    for (event, error_type, message) in [
        (
            SCHEDULE,
            "SendError",
            "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI",
        ),
        (SQS, "Error", "no_stock: no tea: the shelf is empty"),
        (S3, "Error", "the event is not a `aws_lambda_events"),
    ] {
        let failure = result(&dispatcher, event).await.unwrap_err();
        assert_eq!(failure.error_type, error_type);
        assert!(failure.error_message.contains(message), "{failure}");
    }
}

#[cfg(feature = "apigateway")]
#[tokio::test]
async fn without_an_endpoint_a_handler_reads_the_store_and_fails_only_when_it_sends() {
    let store = Memory::new();
    let now = Timestamp::now();
    let mut record = Record::new("AaVuMkdHd_QnW8c=".into(), now, "api/dev".to_owned(), now);
    record.rooms.insert("tea".to_owned());
    Store::register(&store, &record).await.unwrap();
    let router = Router::new()
        .on(EventSource::Schedule, async |sender: Sender| {
            Ok::<_, Error>(
                Kv::<u32>::new(&sender, "ticks")
                    .update("all", |n| n.unwrap_or(0) + 1)
                    .await?,
            )
        })
        .on(EventSource::S3, async |sender: Sender| {
            Ok::<_, Error>(sender.room("tea").send("hello").await?.sent)
        })
        .on(EventSource::Sqs, async |sender: Sender| {
            Ok::<_, Error>(sender.send(&"AaVuMkdHd_QnW8c=".into(), "hello").await?)
        });
    let backend = Backend::new(Arc::new(store), Transports::nowhere());
    let dispatcher = Dispatcher::new(router, backend);
    assert_eq!(result(&dispatcher, SCHEDULE).await.unwrap(), json!(1));
    assert_eq!(result(&dispatcher, SCHEDULE).await.unwrap(), json!(2));
    for event in [S3, SQS] {
        let failure = result(&dispatcher, event).await.unwrap_err();
        assert_eq!(failure.error_type, "SendError");
        assert!(
            failure
                .error_message
                .contains("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"),
            "{failure}"
        );
    }
}

#[tokio::test]
async fn a_layer_sees_the_events_and_may_add_extensions() {
    use crate::{AnyEvent, EventData, Extension};
    let layer = lambda_runtime::tower::util::MapRequestLayer::new(|mut event: AnyEvent| {
        if let EventData::Trigger(trigger) = &event.data {
            let source = trigger.source;
            event.extensions.insert(source);
        }
        event
    });
    let router = Router::new()
        .event(async |Extension(source): Extension<Option<EventSource>>| {
            Ok::<_, Error>(source.map(|source| source.to_string()))
        })
        .layer(layer);
    let dispatcher = serving(router);
    assert_eq!(result(&dispatcher, S3).await.unwrap(), json!("S3"));
    assert_eq!(result(&dispatcher, "{}").await.unwrap(), json!(null));
}

#[tokio::test]
async fn events_of_aws_lambda_events_are_sent_as_they_are() {
    let router = Router::new().on(EventSource::S3, async |Raw(event): Raw<S3Event>| {
        Ok::<_, Error>(event.records[0].s3.object.key.clone())
    });
    let gateway = Gateway::new(router);
    let event: S3Event = serde_json::from_str(S3).unwrap();
    let key = gateway.invoke(&event).await.unwrap();
    assert_eq!(key, "photos/tea+house.jpg");
}

#[test]
#[should_panic(expected = "`on(S3)` is defined twice")]
fn a_source_has_one_handler_also_after_a_merge() {
    let router = || Router::new().on(EventSource::S3, async || ());
    let _: Router = router().merge(router());
}
