//! Tests that both clients of the management API behave the same.

mod bodies;
mod hosts;
pub(crate) mod server;

use super::{ApiGateway, DynTransport, Inspection, Transport, lean, sdk};
use crate::error::SendError;
use crate::https::sdk::sdk_client;
use crate::payload::IntoPayload;
use crate::tls::{Roots, Tls};
use crate::trace::EventTrace;
use crate::trace::tests::TRACE;
use crate::{ConnectionId, Timestamp};
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_apigatewaymanagement::config::retry::RetryConfig;
use aws_sdk_apigatewaymanagement::primitives::{DateTime, DateTimeFormat};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use server::{Seen, Server, ServerAction};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Returns the configuration of [`crate::App`] with another region and other credentials.
fn config_with(client: SharedHttpClient) -> SdkConfig {
    let token = Some("IQoJb3JpZ2luX2VjEA==".to_owned());
    let credentials = Credentials::new("test", "test", token, None, "test");
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(Duration::from_millis(1500))
        .operation_timeout(Duration::from_secs(3));
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .timeout_config(timeouts.build())
        .retry_config(RetryConfig::standard())
        .http_client(client)
        .build()
}

fn config() -> SdkConfig {
    config_with(sdk_client(Tls::trusting(Roots::System)))
}

/// The clients of the management API.
#[derive(Debug, Clone, Copy)]
enum ManagementClient {
    Lean,
    Sdk,
}

const CLIENTS: [ManagementClient; 2] = [ManagementClient::Sdk, ManagementClient::Lean];

impl ManagementClient {
    fn connect(self, config: &SdkConfig, url: &str) -> Arc<dyn DynTransport> {
        match self {
            Self::Lean => lean(config, url),
            Self::Sdk => sdk(config, url),
        }
    }
}

/// Makes the same request with both clients to a host that does `action`, and compares the received requests.
async fn both<T: std::fmt::Debug>(
    action: ServerAction,
    ask: impl AsyncFn(Arc<dyn DynTransport>) -> Result<T, SendError>,
) -> Result<T, SendError> {
    both_of(move |_, _, _| action.clone(), ask).await
}

/// Does the same with a host that calls `action`.
async fn both_of<T: std::fmt::Debug>(
    action: impl Fn(usize, usize, &Seen) -> ServerAction + Clone + Send + Sync + 'static,
    ask: impl AsyncFn(Arc<dyn DynTransport>) -> Result<T, SendError>,
) -> Result<T, SendError> {
    let mut answers = Vec::new();
    for client in CLIENTS {
        let server = Server::start(action.clone()).await;
        let transport = client.connect(&config(), &server.url);
        let seen = |request: Seen| {
            let token = request.header("x-amz-security-token").map(str::to_owned);
            (request.line, request.body, token)
        };
        let answer = ask(transport).await;
        answers.push((
            answer,
            server.seen().into_iter().map(seen).collect::<Vec<_>>(),
        ));
    }
    let [(sdk, by_sdk), (lean, by_lean)] = answers.try_into().expect("two clients");
    assert_eq!(by_sdk, by_lean, "both send the same");
    assert_eq!(kind(&sdk), kind(&lean), "both answer the same");
    lean
}

/// Returns a result without the parts that differ between the clients: ports and texts of lower layers.
fn kind<T: std::fmt::Debug>(answer: &Result<T, SendError>) -> String {
    match answer {
        Ok(value) => format!("{value:?}"),
        Err(SendError::Unavailable(_)) => "unavailable".to_owned(),
        Err(SendError::Refused { status, .. }) => format!("rejected {status}"),
        Err(error) => error.to_string().replace(|c: char| c.is_ascii_digit(), ""),
    }
}

async fn post(action: ServerAction) -> Result<(), SendError> {
    let id = ConnectionId::from("PJqB0fHsqRcCHlw=");
    both(action, async |transport| {
        let payload = "h\u{e9}llo".into_payload()?;
        transport.post(&id, &payload).await
    })
    .await
}

#[tokio::test]
async fn a_post_is_sent_and_answered() {
    post(ServerAction::HttpResponse(200, "")).await.unwrap();
    post(ServerAction::HttpResponse(200, "{}")).await.unwrap();
}

#[tokio::test]
async fn a_request_has_the_trace_of_its_event() {
    let id = ConnectionId::from("PJqB0fHsqRcCHlw=");
    for client in CLIENTS {
        let server = Server::start(|_, _, _| ServerAction::HttpResponse(200, "")).await;
        let transport = client.connect(&config(), &server.url);
        let payload = "hello".into_payload().unwrap();
        let post = async || transport.post(&id, &payload).await.unwrap();
        post().await;
        for trace in [Some(TRACE), Some("Root=1-1;Sampled=0"), None] {
            EventTrace::new(trace, false).scope(post()).await;
        }
        let seen = server.seen();
        let traces: Vec<_> = seen
            .iter()
            .map(|seen| seen.header("x-amzn-trace-id"))
            .collect();
        let expected = [None, Some(TRACE), Some("Root=1-1;Sampled=0"), None];
        assert_eq!(traces, expected, "{client:?}");
        for seen in &seen {
            let signed = seen.header("authorization").unwrap();
            assert!(!signed.contains("x-amzn-trace-id"), "{signed}");
        }
    }
}

#[tokio::test]
async fn g6_each_status_is_the_same_error() {
    type Is = fn(&SendError) -> bool;
    let cases: [(u16, Is); 9] = [
        (400, |e| matches!(e, SendError::Gone)),
        (403, |e| matches!(e, SendError::Forbidden { .. })),
        (404, |e| matches!(e, SendError::Refused { status: 404, .. })),
        (410, |e| matches!(e, SendError::Gone)),
        (413, |e| matches!(e, SendError::TooLarge)),
        (429, |e| matches!(e, SendError::Throttled)),
        (500, |e| matches!(e, SendError::Unavailable(_))),
        (503, |e| matches!(e, SendError::Unavailable(_))),
        (302, |e| matches!(e, SendError::Unavailable(_))),
    ];
    for (status, is) in cases {
        for body in ["", r#"{"message":"no"}"#, "<html>"] {
            let result = post(ServerAction::HttpResponse(status, body)).await;
            let error = result.unwrap_err();
            assert!(is(&error), "{status}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_closed_connection_is_unavailable() {
    let error = post(ServerAction::Close).await.unwrap_err();
    assert!(matches!(error, SendError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn g1_any_id_is_one_segment_of_the_path() {
    for id in [
        "PJqB0fHsqRcCHlw=",
        "a/b",
        "a b?c#d%e",
        "\u{e9}\u{1f600}",
        "a+b&c",
        "..a",
        "%2F",
    ] {
        let id = ConnectionId::from(id);
        let payload = "x".into_payload().unwrap();
        let posted = both(ServerAction::HttpResponse(200, ""), async |transport| {
            transport.post(&id, &payload).await
        });
        posted.await.unwrap();
    }
}

#[tokio::test]
async fn g9_a_close_is_a_delete() {
    let id = ConnectionId::from("PJqB0fHsqRcCHlw=");
    let closed = both(ServerAction::HttpResponse(204, ""), async |transport| {
        transport.close(&id).await
    });
    closed.await.unwrap();
    let gone = both(ServerAction::HttpResponse(410, ""), async |transport| {
        transport.close(&id).await
    });
    assert!(matches!(gone.await, Err(SendError::Gone)));
}

const FOUND: &str = r#"{"connectedAt":"2020-04-30T20:10:33.236Z","identity":{"sourceIp":"192.0.2.1","userAgent":null},"lastActiveAt":"2020-04-30T20:10:42.997Z"}"#;

#[tokio::test]
async fn g5_the_response_of_getconnection_is_read() {
    let id = ConnectionId::from("PJqB0fHsqRcCHlw=");
    let found = both(ServerAction::HttpResponse(200, FOUND), async |transport| {
        transport.inspect(&id).await
    });
    let expected = Inspection {
        connected_at: Timestamp::from_millis(1_588_277_433_236),
        last_active_at: Timestamp::from_millis(1_588_277_442_997),
        source_ip: "192.0.2.1".to_owned(),
        user_agent: None,
    };
    assert_eq!(found.await.unwrap(), expected);
    let empty = both(ServerAction::HttpResponse(200, "{}"), async |transport| {
        transport.inspect(&id).await
    });
    assert_eq!(empty.await.unwrap(), Inspection::default());
    let broken = both(
        ServerAction::HttpResponse(200, "<html>"),
        async |transport| transport.inspect(&id).await,
    );
    assert!(matches!(broken.await, Err(SendError::Unavailable(_))));
}

#[tokio::test]
async fn an_invalid_url_is_an_error_of_every_operation() {
    let id = ConnectionId::from("PJqB0fHsqRcCHlw=");
    let transport = ApiGateway::new(&config(), "no url");
    let error = Transport::inspect(&transport, &id).await.unwrap_err();
    assert!(matches!(error, SendError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn an_invalid_id_is_gone_and_requests_no_other_path() {
    for id in ["", ".", ".."] {
        let id = ConnectionId::from(id);
        let gone = both(ServerAction::HttpResponse(200, "{}"), async |transport| {
            transport.inspect(&id).await
        });
        assert!(matches!(gone.await, Err(SendError::Gone)), "{id}");
    }
}

#[tokio::test]
async fn a_large_message_may_be_rejected_before_it_is_read() {
    const NO: &str = "HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let id = ConnectionId::from("PJqB0fHsqRcCHlw=");
    let large = "x"
        .repeat(crate::limits::MESSAGE_BYTES)
        .into_payload()
        .unwrap();
    let refused = both(ServerAction::Unread(NO), async |transport| {
        transport.post(&id, &large).await
    });
    let error = refused.await.unwrap_err();
    assert!(matches!(error, SendError::TooLarge), "{error:?}");
}

#[tokio::test]
async fn f3_the_largest_message_arrives() {
    let id = ConnectionId::from("PJqB0fHsqRcCHlw=");
    let large = "x"
        .repeat(crate::limits::MESSAGE_BYTES)
        .into_payload()
        .unwrap();
    let posted = both(ServerAction::HttpResponse(200, ""), async |transport| {
        transport.post(&id, &large).await?;
        transport.post(&id, &large).await
    });
    posted.await.unwrap();
}

#[test]
fn a_post_under_way_needs_little_room() {
    let id = ConnectionId::from("PJqB0fHsqRcCHlw=");
    let payload = "x".into_payload().unwrap();
    let transport = ApiGateway::new(&config(), "http://127.0.0.1/dev");
    let size = size_of_val(&Transport::post(&transport, &id, &payload));
    assert!(size <= 2048, "{size} bytes");
}

/// A host whose clock is an hour ahead, so that it rejects every signature.
fn ahead(_: usize, _: usize, request: &Seen) -> ServerAction {
    let now = DateTime::from(SystemTime::now() + Duration::from_secs(3600));
    let signed = request.header("x-amz-date").unwrap();
    let (day, time) = signed.split_once('T').unwrap();
    let parts = [&day[..4], &day[4..6], &day[6..]].join("-");
    let signed = format!("{parts}T{}:{}:{}", &time[..2], &time[2..4], &time[4..]);
    let signed = DateTime::from_str(&signed, DateTimeFormat::DateTime).unwrap();
    match (now.secs() - signed.secs()).abs() < 300 {
        true => ServerAction::HttpResponse(200, ""),
        false => forbidden(now),
    }
}

fn forbidden(date: DateTime) -> ServerAction {
    let date = date.fmt(DateTimeFormat::HttpDate).unwrap();
    ServerAction::Raw(format!(
        "HTTP/1.1 403 Forbidden\r\ndate: {date}\r\ncontent-length: 0\r\n\r\n"
    ))
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_by_the_host() {
    let id = ConnectionId::from("PJqB0fHsqRcCHlw=");
    let payload = "x".into_payload().unwrap();
    let posted = both_of(ahead, async |transport| {
        transport.post(&id, &payload).await?;
        transport.post(&id, &payload).await
    });
    posted.await.unwrap();
}

#[tokio::test]
async fn a_rejection_with_a_correct_clock_is_not_retried() {
    let error = post(forbidden(SystemTime::now().into())).await.unwrap_err();
    assert!(matches!(error, SendError::Forbidden { .. }), "{error:?}");
}

#[tokio::test]
async fn the_sdk_sends_nothing_more_to_a_host_in_trouble_on_the_same_connection() {
    let id = ConnectionId::from("PJqB0fHsqRcCHlw=");
    let payload = "x".into_payload().unwrap();
    for (status, connections) in [(200, 1), (503, 3)] {
        let server = Server::start(move |_, _, _| ServerAction::HttpResponse(status, "{}")).await;
        let transport = ManagementClient::Sdk.connect(&config(), &server.url);
        for _ in 0..3 {
            assert_eq!(transport.post(&id, &payload).await.is_ok(), status == 200);
        }
        assert_eq!(server.connections(), connections);
    }
}

#[tokio::test(start_paused = true)]
async fn the_sdk_uses_the_timeout_of_its_configuration() {
    let server = Server::start(|_, _, _| ServerAction::Hang).await;
    let within = Duration::from_millis(100);
    let timeouts = TimeoutConfig::builder().read_timeout(within).build();
    let config = config().into_builder().timeout_config(timeouts).build();
    let transport = ManagementClient::Sdk.connect(&config, &server.url);
    let began = tokio::time::Instant::now();
    let result = transport.inspect(&ConnectionId::from("a")).await;
    let error = result.unwrap_err();
    assert!(matches!(error, SendError::Unavailable(_)), "{error:?}");
    assert_eq!(began.elapsed().as_millis() / 10, 10);
}
