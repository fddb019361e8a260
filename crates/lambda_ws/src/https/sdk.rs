//! The HTTP client of the AWS SDK.

use super::{Https, client};
use crate::error::BoxError;
use crate::tls::Tls;
use crate::trace;
use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use std::time::Duration;
use tokio::time::timeout;

/// Returns an HTTP/1.1 client for the AWS SDK that trusts the certificates of the environment: those of the PEM file
/// `AWS_CA_BUNDLE`, else those of `SSL_CERT_FILE` and `SSL_CERT_DIR`, else the authorities of AWS's services and the
/// system's.
///
/// The SDK's own clients do not support the first variable. They also read all system certificates before the first
/// connection, which takes milliseconds, and include HTTP/2, which these AWS services do not need. A connection
/// attempt takes at most a second, regardless of the SDK's configuration, and an idle connection is kept for 20 s.
/// The SDK's other timeouts apply. Proxies and client certificates are not supported.
///
/// It supports TLS 1.2 and 1.3 with the curves P-256 and P-384 and the cipher AES-GCM. Every server of TLS 1.3 must
/// support P-256 and AES-128-GCM ([RFC 8446, section 9.1](https://datatracker.ietf.org/doc/html/rfc8446#section-9.1)).
///
/// A request during an event carries the event's X-Ray trace in the header `X-Amzn-Trace-Id`, except in a task that the
/// program has spawned. Lambda and SQS pass it on, so that X-Ray connects the traces, and Lambda detects functions that
/// invoke each other without end.
pub fn https_client() -> SharedHttpClient {
    sdk_client(Tls::process())
}

pub(crate) fn sdk_client(tls: Tls) -> SharedHttpClient {
    SharedHttpClient::new(Sdk {
        https: client(tls),
        read_timeout: None,
    })
}

#[derive(Debug, Clone)]
struct Sdk {
    https: Https,
    read_timeout: Option<Duration>,
}

impl HttpClient for Sdk {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Self {
            https: self.https.clone(),
            read_timeout: settings.read_timeout(),
        })
    }
}

impl HttpConnector for Sdk {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Self {
            https,
            read_timeout,
        } = self.clone();
        HttpConnectorFuture::new(async move {
            let sending = send(https, request);
            match read_timeout {
                None => sending.await,
                Some(within) => match timeout(within, sending).await {
                    Ok(answer) => answer,
                    Err(late) => Err(ConnectorError::timeout(late.into())),
                },
            }
        })
    }
}

async fn send(https: Https, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
    let user = |error: BoxError| ConnectorError::user(error);
    let request = request
        .try_into_http1x()
        .map_err(|error| user(error.into()))?;
    let (head, body) = request.into_parts();
    // The body is already in memory: neither DynamoDB nor the management API accepts a stream.
    let body = body.collect().await.map_err(user)?.to_bytes();
    let mut request = http::Request::from_parts(head, Full::new(body));
    // The SDK adds it itself only if the program has set `_X_AMZN_TRACE_ID`. It is not a signed header.
    trace::with_header(|header| {
        request
            .headers_mut()
            .entry(trace::HEADER)
            .or_insert_with(|| header.clone());
    });
    let connection = capture_connection(&mut request);
    if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
        capture.set_connection_retriever(move || metadata(&connection));
    }
    let answer = https.request(request).await.map_err(|error| {
        // All other errors are transient, such as a failed, reset or closed connection.
        let cause = std::error::Error::source(&error);
        match cause.and_then(|cause| cause.downcast_ref::<hyper::Error>()) {
            Some(cause) if cause.is_user() => user(error.into()),
            _ => ConnectorError::io(error.into()),
        }
    })?;
    HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
        .map_err(|error| ConnectorError::other(error.into(), None))
}

/// Returns the connection of a request. The SDK closes it after a response that indicates a failing host.
fn metadata(connection: &CaptureConnection) -> Option<ConnectionMetadata> {
    connection.connection_metadata().as_ref()?;
    let connection = connection.clone();
    let poison = move || {
        if let Some(connected) = connection.connection_metadata().as_ref() {
            connected.poison();
        }
    };
    Some(
        ConnectionMetadata::builder()
            .proxied(false)
            .poison_fn(poison)
            .build(),
    )
}
