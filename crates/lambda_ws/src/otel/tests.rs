//! A collector, and the parents and samplers of spans.

use super::parent::{Carrier, Parent};
use super::{EventSpan, Otel, Settings, sampler};
use http::HeaderMap;
use opentelemetry::trace::{SpanKind, TraceContextExt};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::trace::Sampler;
use prost::Message;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// What a collector does with a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    Accept,
    Status(u16),
    /// Never answers.
    Hang,
}

/// A collector that decodes what it gets.
pub(crate) struct Collector {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
}

impl Collector {
    pub(crate) async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let requests = Arc::<Mutex<Vec<_>>>::default();
        let kept = requests.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer, kept.clone()));
            }
        });
        Self { url, requests }
    }

    /// A program that sends its spans here.
    pub(crate) fn otel(&self, sampler: Sampler) -> Otel {
        Otel::new(Settings {
            sampler: Some(sampler),
            endpoint: Some(self.url.clone()),
            service_name: Some("chat".to_owned()),
            ..Settings::default()
        })
        .expect("a valid environment")
    }

    pub(crate) fn requests(&self) -> Vec<ExportTraceServiceRequest> {
        self.requests.lock().expect("no panic").clone()
    }

    /// All spans, in the order of their ends.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let requests = self.requests().into_iter();
        let resources = requests.flat_map(|request| request.resource_spans);
        let scopes = resources.flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }
}

async fn serve(
    stream: TcpStream,
    answer: Answer,
    requests: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut length, mut first) = (0, String::new());
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            if first.is_empty() {
                first.clone_from(&line);
            }
            if line == "\r\n" {
                break;
            }
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().expect("a length");
            }
        }
        assert!(first.starts_with("POST /v1/traces "), "{first}");
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.expect("a body");
        let request = ExportTraceServiceRequest::decode(&body[..]).expect("OTLP");
        requests.lock().expect("no panic").push(request);
        let status = match answer {
            Answer::Accept => 200,
            Answer::Status(status) => status,
            Answer::Hang => std::future::pending().await,
        };
        let head = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("an answer");
    }
}

/// The value of an attribute, as text.
pub(crate) fn attribute(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.iter().find(|found| found.key == name)?;
    Some(match found.value.clone()?.value? {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(is) => is.to_string(),
        other => format!("{other:?}"),
    })
}

pub(crate) fn hex(id: &[u8]) -> String {
    id.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Trace, span and sampled of a parent; or the trace alone.
fn found(carrier: Carrier<'_>, xray: Option<&str>) -> (String, Option<(String, bool)>) {
    let Parent { context, trace } = Parent::find(carrier, xray);
    match context {
        Some(context) => {
            let span = context.span();
            let parent = span.span_context();
            let id = (parent.span_id().to_string(), parent.is_sampled());
            (parent.trace_id().to_string(), Some(id))
        }
        None => (
            trace.map(|trace| trace.to_string()).unwrap_or_default(),
            None,
        ),
    }
}

#[test]
fn a_parent_is_found_in_a_handshake_a_message_or_an_x_ray_header() {
    let text = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let w3c = (
        TRACE.to_owned(),
        Some(("00f067aa0ba902b7".to_owned(), true)),
    );
    let none = (String::new(), None);
    let mut headers = HeaderMap::new();
    let query = format!("user=ann&traceparent={text}");
    assert_eq!(found(Carrier::Handshake(&headers, &query), None), w3c);
    assert_eq!(found(Carrier::Handshake(&headers, "a=b"), None), none);
    headers.insert("traceparent", text.parse().unwrap());
    assert_eq!(found(Carrier::Handshake(&headers, ""), None), w3c);
    let message = format!(r#"{{"action":"say","text":"hi","traceparent":"{text}"}}"#);
    assert_eq!(found(Carrier::Message(&message), None), w3c);
    for message in [
        r#"{"traceparent":7}"#,
        r#"{"traceparent":"00-0-0-0"}"#,
        r#""traceparent""#,
        r#"{"text":"\"traceparent\""}"#,
        "[\"traceparent\"",
    ] {
        assert_eq!(found(Carrier::Message(message), None), none, "{message}");
    }

    let root = "65d2ff2e718990494fd688f062bf1571".to_owned();
    let xray = "Root=1-65d2ff2e-718990494fd688f062bf1571;Parent=53995c3f42cd8ad8;Sampled=";
    let parent = Some(("53995c3f42cd8ad8".to_owned(), true));
    let of = |xray: &str| found(Carrier::None, Some(xray));
    assert_eq!(
        of(&format!("{xray}1;Lineage=1:a:3")),
        (root.clone(), parent)
    );
    assert_eq!(of(&format!("{xray}0")), (root.clone(), None));
    assert_eq!(of("Root=1-65d2ff2e-718990494fd688f062bf1571"), (root, None));
    for bad in [
        "",
        "Root=",
        "Root=1-0-0",
        "Root=1-65d2ff2e-zz8990494fd688f062bf1571",
    ] {
        assert_eq!(of(bad), none, "{bad}");
    }
    let both = found(Carrier::Text(&text), Some(&format!("{xray}1")));
    assert_eq!(both, w3c, "a client's parent comes first");
}

#[test]
fn a_bad_sampler_is_an_error_that_names_the_variable() {
    for name in [
        "always_on",
        "always_off",
        "traceidratio",
        "parentbased_always_on",
        "parentbased_always_off",
        "parentbased_traceidratio",
    ] {
        sampler(Some(name), Some("0.01")).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    let error = sampler(Some("jaeger_remote"), None).unwrap_err();
    assert!(
        error.to_string().contains("OTEL_TRACES_SAMPLER is"),
        "{error}"
    );
    for argument in ["2", "-1", "x", "NaN"] {
        let error = sampler(Some("traceidratio"), Some(argument)).unwrap_err();
        assert!(
            error.to_string().contains("OTEL_TRACES_SAMPLER_ARG"),
            "{error}"
        );
    }
}

/// Makes one span and sends it. Returns how long it took.
async fn traced(otel: &Otel) -> Duration {
    let began = Instant::now();
    let describe = || ("event".into(), SpanKind::Server, Vec::new());
    let span = otel.begin(Carrier::None, None, describe);
    EventSpan::run(Some(&span), async {}).await;
    span.end(None, None);
    otel.flush(None).await;
    began.elapsed()
}

#[tokio::test]
async fn a_collector_that_fails_costs_one_second_once() {
    for answer in [Answer::Hang, Answer::Status(503)] {
        let collector = Collector::start(answer).await;
        let otel = collector.otel(Sampler::AlwaysOn);
        assert!(traced(&otel).await < Duration::from_secs(3), "{answer:?}");
        for _ in 0..10 {
            let took = traced(&otel).await;
            assert!(took < Duration::from_secs(1), "{answer:?}: {took:?}");
        }
        assert_eq!(collector.requests().len(), 1, "{answer:?}");
    }
}

#[tokio::test]
async fn nothing_is_sent_of_events_that_are_not_sampled() {
    let collector = Collector::start(Answer::Accept).await;
    let otel = collector.otel(Sampler::TraceIdRatioBased(0.0));
    traced(&otel).await;
    assert_eq!(collector.requests().len(), 0);
    let otel = collector.otel(Sampler::AlwaysOn);
    traced(&otel).await;
    let [request] = &collector.requests()[..] else {
        panic!("one request is expected");
    };
    let resource = request.resource_spans[0].resource.as_ref().unwrap();
    let name = resource
        .attributes
        .iter()
        .find(|one| one.key == "service.name");
    let name = name.unwrap().value.clone().unwrap().value.unwrap();
    assert_eq!(name, Value::StringValue("chat".to_owned()));
}
