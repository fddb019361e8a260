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

/// An HTTP/1.1 client for the AWS SDK that trusts whom the environment names: the certificates of the PEM
/// file `AWS_CA_BUNDLE`, else those of the system at `SSL_CERT_FILE` and `SSL_CERT_DIR`, else the authorities of
/// AWS's services and those of the system.
///
/// The SDK's own clients do not know the first of these variables, read all of the system's certificates before
/// the first connection, which takes milliseconds, and bring HTTP/2, which no service of AWS asks for here. A
/// connection takes a second at most, whatever the SDK's configuration says, and is kept for 20 s; its other
/// timeouts hold. There is no proxy.
///
/// A request that is made during an event, but not in a task that the program has spawned, has the event's X-Ray trace
/// in the header `X-Amzn-Trace-Id`. Lambda and SQS pass it on, so that X-Ray connects the traces, and Lambda detects
/// functions that invoke each other without end.
pub fn https_client() -> SharedHttpClient {
    sdk_client(Tls::process())
}

/// The same with other `tls`.
pub(crate) fn sdk_client(tls: Tls) -> SharedHttpClient {
    SharedHttpClient::new(Sdk {
        https: client(tls),
        read_timeout: None,
    })
}

#[derive(Debug, Clone)]
struct Sdk {
    https: Https,
    /// How long an answer may take to begin.
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
    // It is in memory already: neither DynamoDB nor the management API takes a stream.
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
        // All else may pass: no connection, one that ends too early, or is reset.
        let cause = std::error::Error::source(&error);
        match cause.and_then(|cause| cause.downcast_ref::<hyper::Error>()) {
            Some(cause) if cause.is_user() => user(error.into()),
            _ => ConnectorError::io(error.into()),
        }
    })?;
    HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
        .map_err(|error| ConnectorError::other(error.into(), None))
}

/// The connection that a request is sent on: after an answer that tells of a host in trouble the SDK does not want
/// it again.
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
