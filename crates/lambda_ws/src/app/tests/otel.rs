//! The traces of events.

use super::world::{BEGINNING, World};
use super::*;
use crate::otel::tests::{Answer, Collector, TRACE, attribute, hex};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::trace::Sampler;
use std::time::Duration;
use tokio::time::Instant;
use tracing_subscriber::{self as subscriber, layer::SubscriberExt};

/// The span of a client.
fn client(id: u8) -> String {
    format!("00-{TRACE}-00000000000000{id:02x}-01")
}

async fn announce(me: Connection) -> Result<(), Error> {
    let _ = me.room("crowd").send("hello").await?;
    Ok(())
}

/// A process of the function that sends `rate` messages a second.
fn process(world: &World, collector: &Collector, rate: u32) -> Dispatcher {
    let router = Router::new().connect(connect).route("say", announce);
    let backend = world.backend().paced(rate);
    let backend = backend.with_tasks(Arc::new(world.clone()), 2);
    let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOff));
    Dispatcher::new(router, backend).traced(Some(collector.otel(sampler)))
}

async fn invoke(process: &Dispatcher, event: &str, millis: u64) -> Value {
    let invocation = InvocationContext {
        deadline: Some(Instant::now() + Duration::from_millis(millis)),
        request_id: Some("8f507cfc"),
        trace_id: Some(
            "Root=1-65d2ff2e-718990494fd688f062bf1571;Parent=53995c3f42cd8ad8;Sampled=0",
        ),
        reserve: Duration::ZERO,
        event: None,
    };
    let reply = process.call(event, invocation).await;
    serde_json::to_value(reply.unwrap_or_else(|error| panic!("{error}"))).unwrap()
}

fn handshake(parent: &str) -> String {
    let mut event: Value = serde_json::from_str(event!("connect")).unwrap();
    event["queryStringParameters"]["traceparent"] = parent.into();
    event["multiValueQueryStringParameters"]["traceparent"] = serde_json::json!([parent]);
    event.to_string()
}

fn message(parent: &str) -> String {
    let mut event: Value = serde_json::from_str(event!("say")).unwrap();
    event["requestContext"]["routeKey"] = "say".into();
    event["body"] = format!(r#"{{"action":"say","traceparent":"{parent}"}}"#).into();
    event.to_string()
}

/// The spans with a name.
fn named<'a>(spans: &'a [Span], name: &str) -> Vec<&'a Span> {
    spans.iter().filter(|span| span.name == name).collect()
}

#[tokio::test]
async fn a_handshake_a_message_its_broadcast_its_posts_and_its_tasks_are_one_trace() {
    let collector = Collector::start(Answer::Accept).await;
    let world = World::new();
    for number in 0..40 {
        let id = format!("m{number:05}").as_str().into();
        let mut record = Record::new(id, BEGINNING, "a1b2c3d4e5/dev", BEGINNING);
        record.rooms.insert("crowd".to_owned());
        Store::register(&world.store, &record).await.unwrap();
    }
    let slow = process(&world, &collector, 20);
    let reply = invoke(&slow, &handshake(&client(1)), 5_000).await;
    assert_eq!(reply["statusCode"], 200);
    let spans = collector.spans();
    let sent = named(&spans, "$connect").len();
    assert_eq!(sent, 1, "it is sent before the response");
    // The time is too short for 40 messages at 20 a second.
    invoke(&slow, &message(&client(2)), 800).await;
    let tasks = world.queued();
    assert_eq!(tasks.len(), 2);
    let fast = process(&world, &collector, 20);
    for task in &tasks {
        assert_eq!(invoke(&fast, task, 60_000).await, "done");
    }
    assert_eq!(world.counts().values().sum::<usize>(), 40);

    let spans = collector.spans();
    for span in &spans {
        assert_eq!(hex(&span.trace_id), TRACE, "{}", span.name);
    }
    let parent = |span: &Span| hex(&span.parent_span_id);
    let [connect] = named(&spans, "$connect")[..] else {
        panic!("one handshake is expected: {spans:?}");
    };
    assert_eq!(parent(connect), "0000000000000001");
    assert_eq!(
        attribute(connect, "faas.coldstart").as_deref(),
        Some("true")
    );
    let status = attribute(connect, "http.response.status_code");
    assert_eq!(status.as_deref(), Some("200"));
    let [message] = named(&spans, "process say")[..] else {
        panic!("one message is expected: {spans:?}");
    };
    assert_eq!(parent(message), "0000000000000002");
    let id = attribute(message, "faas.invocation_id");
    assert_eq!(id.as_deref(), Some("8f507cfc"));
    let root = attribute(message, "aws.xray.trace_id");
    assert_eq!(root.as_deref(), Some("1-65d2ff2e-718990494fd688f062bf1571"));

    let broadcasts = named(&spans, "send room");
    let of = |span: &Span| {
        let id = hex(&span.span_id);
        let mut all = broadcasts.iter().filter(|one| parent(one) == id);
        *all.next().expect("a broadcast")
    };
    let first = of(message);
    let count = |span: &Span, name: &str| {
        let count = attribute(span, name).expect("a count");
        count.parse::<usize>().expect("a number")
    };
    assert_eq!(count(first, "lambda_ws.broadcast.tasks"), 2);
    let mut sent = count(first, "lambda_ws.broadcast.sent");
    let tasks = named(&spans, "task send");
    assert_eq!(tasks.len(), 2);
    for task in tasks {
        assert_eq!(parent(task), hex(&first.span_id));
        assert_eq!(attribute(task, "lambda_ws.task.hop").as_deref(), Some("1"));
        let part = of(task);
        sent += count(part, "lambda_ws.broadcast.sent");
        let posts: Vec<_> = spans
            .iter()
            .filter(|span| parent(span) == hex(&part.span_id))
            .collect();
        let [post] = posts[..] else {
            panic!("the first post of a broadcast has a span: {posts:?}");
        };
        assert_eq!(post.name, "POST /@connections/{connectionId}");
        let status = attribute(post, "http.response.status_code");
        assert_eq!(status.as_deref(), Some("200"));
    }
    assert_eq!(sent, 40);
    let text = format!("{spans:?}");
    for secret in ["hello", "crowd", "\"ann\""] {
        assert!(!text.contains(secret), "a trace contains {secret}");
    }
}

#[tokio::test]
async fn a_task_of_an_event_that_is_not_sampled_is_not_sampled() {
    let collector = Collector::start(Answer::Accept).await;
    let world = World::new();
    let process = |sampler| {
        let backend = world.backend().with_tasks(Arc::new(world.clone()), 2);
        let router = Router::new().connect(connect).opened(async || ());
        Dispatcher::new(router, backend).traced(Some(collector.otel(sampler)))
    };
    let of_parent = || process(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)));
    let unsampled = client(1).replace("-01", "-00");
    invoke(&of_parent(), &handshake(&unsampled), 5_000).await;
    let nothing = process(Sampler::TraceIdRatioBased(0.0));
    invoke(&nothing, &handshake(&client(1)), 5_000).await;
    let tasks = world.queued();
    assert_eq!(tasks.len(), 2);
    for task in &tasks {
        invoke(&of_parent(), task, 5_000).await;
    }
    assert_eq!(collector.requests().len(), 0);
    invoke(&of_parent(), &handshake(&client(1)), 5_000).await;
    invoke(&of_parent(), &world.queued()[0], 5_000).await;
    assert_eq!(named(&collector.spans(), "task opened").len(), 1);
}

#[tokio::test]
async fn a_broadcast_to_many_has_few_spans_of_failed_posts() {
    let collector = Collector::start(Answer::Accept).await;
    let world = World::new();
    for number in 0..200 {
        let id: crate::ConnectionId = format!("m{number:05}").as_str().into();
        let mut record = Record::new(id.clone(), BEGINNING, "a1b2c3d4e5/dev", BEGINNING);
        record.rooms.insert("crowd".to_owned());
        Store::register(&world.store, &record).await.unwrap();
        if number % 2 == 0 {
            world.gone.lock().unwrap().insert(id);
        }
    }
    let process = process(&world, &collector, 10_000);
    invoke(&process, &message(&client(1)), 20_000).await;
    let spans = collector.spans();
    let posts = named(&spans, "POST /@connections/{connectionId}");
    assert!((2..=8).contains(&posts.len()), "{}", posts.len());
    let is_gone = |post: &&&Span| attribute(post, "error.type").as_deref() == Some("gone");
    assert!(posts.iter().filter(is_gone).count() > 0);
    let [broadcast] = named(&spans, "send room")[..] else {
        panic!("one broadcast is expected");
    };
    let gone = attribute(broadcast, "lambda_ws.broadcast.gone");
    assert_eq!(gone.as_deref(), Some("100"));
}

#[tokio::test]
async fn spans_of_a_handler_belong_to_its_event_if_it_is_sampled() {
    async fn handler() -> Result<(), Error> {
        let query = tracing::info_span!(target: "program", "query");
        query.in_scope(|| tracing::info!(target: "program", "not a span"));
        Ok(())
    }

    let collector = Collector::start(Answer::Accept).await;
    let otel = collector.otel(Sampler::ParentBased(Box::new(Sampler::AlwaysOff)));
    let subscriber = subscriber::registry().with(otel.layer());
    let _guard = tracing::subscriber::set_default(subscriber);
    let backend = World::new().backend();
    let dispatcher = Dispatcher::new(Router::new().route("say", handler), backend);
    let dispatcher = dispatcher.traced(Some(otel));
    invoke(&dispatcher, &message("none"), 5_000).await;
    assert_eq!(collector.requests().len(), 0);
    invoke(&dispatcher, &message(&client(7)), 5_000).await;
    let spans = collector.spans();
    let names: Vec<_> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["query", "process say"]);
    assert_eq!(spans[0].parent_span_id, spans[1].span_id);
    assert!(spans[0].events.is_empty(), "{:?}", spans[0].events);
}
