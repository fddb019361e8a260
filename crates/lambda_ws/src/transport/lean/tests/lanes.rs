//! Both lanes do the same.

use super::server::{Deed, Server};
use crate::payload::IntoPayload;
use crate::send_error::SendError;
use crate::transport::{ApiGateway, Inspection, Lane, Transport};
use crate::{ConnectionId, Timestamp};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

fn config() -> SdkConfig {
    let client = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let credentials = Credentials::new("test", "test", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(client)
        .build()
}

/// Asks both lanes the same of a host that does `deed`; what it saw of each.
async fn both<T: std::fmt::Debug>(
    deed: Deed,
    ask: impl AsyncFn(ApiGateway) -> Result<T, SendError>,
) -> Result<T, SendError> {
    let mut answers = Vec::new();
    for lane in [Lane::Sdk, Lane::Lean] {
        let deed = deed.clone();
        let server = Server::start(move |_, _| deed.clone()).await;
        let way = ApiGateway::through(lane, &config(), server.url.clone());
        answers.push((ask(way).await, server.seen()));
    }
    let [(sdk, by_sdk), (lean, by_lean)] = answers.try_into().expect("two lanes");
    assert_eq!(by_sdk, by_lean, "both send the same");
    let kind = |answer: &Result<T, SendError>| match answer {
        Ok(value) => format!("{value:?}"),
        Err(SendError::Unavailable(_)) => "unavailable".to_owned(),
        Err(SendError::Refused { status, .. }) => format!("refused {status}"),
        Err(error) => error.to_string().replace(|c: char| c.is_ascii_digit(), ""),
    };
    assert_eq!(kind(&sdk), kind(&lean), "both answer the same");
    lean
}

async fn post(deed: Deed) -> Result<(), SendError> {
    let id = ConnectionId::from("PJqB0fHsqRcCHlw=");
    both(deed, async |way| {
        let payload = "h\u{e9}llo".into_payload()?;
        way.post(&id, &payload).await
    })
    .await
}

#[tokio::test]
async fn a_post_is_sent_and_answered() {
    post(Deed::Answer(200, "")).await.unwrap();
    post(Deed::Answer(200, "{}")).await.unwrap();
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
            let error = post(Deed::Answer(status, body)).await.unwrap_err();
            assert!(is(&error), "{status}: {error:?}");
        }
    }
}

#[tokio::test]
async fn who_hangs_up_is_unavailable() {
    let error = post(Deed::Close).await.unwrap_err();
    assert!(matches!(error, SendError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn g1_whatever_an_id_is_made_of_it_is_one_segment_of_the_path() {
    for id in [
        "PJqB0fHsqRcCHlw=",
        "a/b",
        "a b?c#d%e",
        "\u{e9}\u{1f600}",
        "a+b&c",
    ] {
        let id = ConnectionId::from(id);
        let payload = "x".into_payload().unwrap();
        let posted = both(Deed::Answer(200, ""), async |way| {
            way.post(&id, &payload).await
        });
        posted.await.unwrap();
    }
}

#[tokio::test]
async fn g9_a_close_is_a_delete() {
    let id = ConnectionId::from("PJqB0fHsqRcCHlw=");
    let closed = both(Deed::Answer(204, ""), async |way| way.close(&id).await);
    closed.await.unwrap();
    let gone = both(Deed::Answer(410, ""), async |way| way.close(&id).await);
    assert!(matches!(gone.await, Err(SendError::Gone)));
}

const FOUND: &str = r#"{"connectedAt":"2020-04-30T20:10:33.236Z","identity":{"sourceIp":"192.0.2.1","userAgent":null},"lastActiveAt":"2020-04-30T20:10:42.997Z"}"#;

#[tokio::test]
async fn g5_what_a_get_tells_is_read() {
    let id = ConnectionId::from("PJqB0fHsqRcCHlw=");
    let found = both(Deed::Answer(200, FOUND), async |way| way.inspect(&id).await);
    let expected = Inspection {
        connected_at: Timestamp::from_millis(1_588_277_433_236),
        last_active_at: Timestamp::from_millis(1_588_277_442_997),
        source_ip: "192.0.2.1".to_owned(),
        user_agent: None,
    };
    assert_eq!(found.await.unwrap(), expected);
    let empty = both(Deed::Answer(200, "{}"), async |way| way.inspect(&id).await);
    assert_eq!(empty.await.unwrap(), Inspection::default());
    let broken = both(Deed::Answer(200, "<html>"), async |way| {
        way.inspect(&id).await
    });
    assert!(matches!(broken.await, Err(SendError::Unavailable(_))));
}

#[tokio::test]
async fn an_endpoint_that_is_no_url_is_left_to_the_sdk_to_refuse() {
    let id = ConnectionId::from("PJqB0fHsqRcCHlw=");
    let way = ApiGateway::new(&config(), "no url");
    let error = way.inspect(&id).await.unwrap_err();
    assert!(matches!(error, SendError::Unavailable(_)), "{error:?}");
}
