//! The management API.

use super::{Inspection, Transport, lean};
use crate::ConnectionId;
use crate::error::BoxError;
use crate::error::SendError;
use crate::payload::Payload;
use crate::tls::Tls;
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::config::Builder;
use aws_sdk_apigatewaymanagement::config::http::HttpResponse;
use aws_sdk_apigatewaymanagement::error::SdkError;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use futures_util::future::BoxFuture;
use std::error::Error;
use std::sync::Arc;
use std::time::SystemTime;

/// Reaches clients through the API Gateway Management API. Clones share their connections.
///
/// Two lanes lead there, with the same errors and the same results. The [lean](Lane::Lean) one, which
/// is the default, costs a fifth of the [SDK's](Lane::Sdk) CPU time: it keeps its own HTTP/1.1
/// connections, at most 800 and at most 32 in the making, and signs with a key and a payload hash that are
/// computed once. Region and credentials are the SDK's in both. TLS trusts the certificates of the file
/// `AWS_CA_BUNDLE`, else those of `SSL_CERT_FILE` and `SSL_CERT_DIR`, else Amazon's authorities and the system's; the
/// SDK's lane does with an [`https_client`](super::https_client).
///
/// An attempt takes at most 1.5 s, a call 3 s. A connection that died while it waited, as those of a
/// frozen function do, is replaced, and its message sent once more. Where this machine's clock is wrong by
/// more than 4 minutes, both lanes learn the time from the refusal and sign again.
///
/// `cargo bench -p tests --bench sending` on 2026-11-26, 2 cores without instructions for SHA-256, in programs as they
/// are deployed, medians of 3 rounds; the floor is TLS sockets that repeat one unsigned request:
///
/// | posts of 200 bytes over TLS | lean | SDK | floor |
/// |---|---|---|---|
/// | 64 under way: CPU time a post | 10.4 us | 108 us | 5.9 us |
/// | 256 under way, 20 ms latency: CPU time a post | 24.2 us | 138 us | 13.3 us |
/// | 1 024 under way, 20 ms latency: CPU time a post | 24.1 us | 151 us | 10.9 us |
/// | the same: posts a second, on one core | 23 285 | 5 889 | 36 735 |
/// | the same: peak memory of the process | 15 MB | 63 MB | 16 MB |
/// | the same, all at once without a connection: CPU time | 100 ms | 510 ms | 390 ms |
/// | allocations a post | 5 | 354 | 2 |
/// | a signature | 2.2 us | 17.8 us | |
#[derive(Debug, Clone)]
pub struct ApiGateway {
    way: Way,
    url: String,
}

#[derive(Debug, Clone)]
enum Way {
    Lean(Arc<lean::Lane>),
    Sdk(Client),
}

/// How requests are made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Lane {
    /// Over connections of our own.
    #[default]
    Lean,
    /// By the AWS SDK: where its HTTP client is replaced, or something has to be ruled out.
    Sdk,
}

impl ApiGateway {
    /// The management API at `url`: `https://{api-id}.execute-api.{region}.amazonaws.com/{stage}`.
    pub fn new(config: &SdkConfig, url: impl Into<String>) -> Self {
        Self::through(Lane::default(), config, url)
    }

    /// The same through the lane of your choice. Without a region or credentials, and for a URL that is
    /// none, it is the SDK's, which says what is missing.
    pub fn through(lane: Lane, config: &SdkConfig, url: impl Into<String>) -> Self {
        Self::trusting(lane, config, url, Tls::process())
    }

    /// The same, which speaks `tls`, if it is the lean lane's: the SDK's client has its own.
    pub(super) fn trusting(
        lane: Lane,
        config: &SdkConfig,
        url: impl Into<String>,
        tls: Tls,
    ) -> Self {
        let url = url.into();
        let lean = match lane {
            Lane::Lean => lean::Lane::new(config, &url, tls),
            Lane::Sdk => None,
        };
        let way = match lean {
            Some(lean) => Way::Lean(Arc::new(lean)),
            None => Way::Sdk(client(config, &url)),
        };
        Self { way, url }
    }

    fn answered(
        &self,
        answer: Result<lean::HttpResponse, BoxError>,
    ) -> Result<lean::HttpResponse, SendError> {
        let answer = answer.map_err(SendError::Unavailable)?;
        match answer.status.as_u16() {
            200..300 if !answer.is_cut => Ok(answer),
            status => {
                let said = String::from_utf8_lossy(&answer.body).into_owned();
                Err(self.refused(Some(status), format!("status {status}: {said}").into()))
            }
        }
    }

    /// Has the SDK call, and once more if the host's clock is not ours: it has learned from that, but
    /// is not to repeat anything by itself. In a box, because posts through the lean lane, of which there
    /// may be a thousand under way, must not be as large as the SDK's.
    fn by_sdk<'a, T, E, F>(
        &'a self,
        call: impl Fn() -> F + Send + 'a,
    ) -> BoxFuture<'a, Result<T, SendError>>
    where
        T: Send,
        E: Error + Send + Sync + 'static,
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
    {
        Box::pin(async move {
            let answer = match call().await {
                Err(error) if is_late(&error) => call().await,
                answer => answer,
            };
            answer.map_err(|error| self.failed(error))
        })
    }

    fn failed<E>(&self, error: SdkError<E, HttpResponse>) -> SendError
    where
        E: Error + Send + Sync + 'static,
    {
        let status = error
            .raw_response()
            .map(|response| response.status().as_u16());
        self.refused(status, error.into())
    }

    /// What a status means (conformance G6).
    fn refused(&self, status: Option<u16>, source: BoxError) -> SendError {
        match status {
            Some(400 | 410) => SendError::Gone,
            Some(403) => SendError::Forbidden {
                url: self.url.clone(),
            },
            Some(413) => SendError::TooLarge,
            Some(429) => SendError::Throttled,
            Some(status @ 401..500) => SendError::Refused { status, source },
            _ => SendError::Unavailable(source),
        }
    }
}

fn client(config: &SdkConfig, url: &str) -> Client {
    let config = Builder::from(config)
        .endpoint_url(url.trim_end_matches('/'))
        // The sender retries: it knows which failures may pass.
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

/// Whether a call was refused because of the time that it was signed with.
fn is_late<E>(error: &SdkError<E, HttpResponse>) -> bool {
    let refusal = error.raw_response();
    let refusal = refusal.filter(|response| response.status().as_u16() == 403);
    let date = refusal.and_then(|response| response.headers().get("date"));
    let date = date.and_then(|date| lean::date(date.as_bytes()));
    date.is_some_and(|date| lean::differ(date, SystemTime::now()))
}

/// Refuses what is no connection's id, before it becomes the path of something else.
fn check(id: &ConnectionId) -> Result<(), SendError> {
    match id.as_str().bytes().all(|byte| byte == b'.') {
        true => Err(SendError::Gone),
        false => Ok(()),
    }
}

impl Transport for ApiGateway {
    async fn post(&self, id: &ConnectionId, payload: &Payload) -> Result<(), SendError> {
        check(id)?;
        match &self.way {
            Way::Lean(lane) => self.answered(lane.post(id, payload).await).map(drop),
            Way::Sdk(client) => {
                let sent = self.by_sdk(|| {
                    let post = client.post_to_connection().connection_id(id.as_str());
                    post.data(Blob::new(payload.bytes().as_ref())).send()
                });
                sent.await.map(drop)
            }
        }
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), SendError> {
        check(id)?;
        match &self.way {
            Way::Lean(lane) => self.answered(lane.delete(id).await).map(drop),
            Way::Sdk(client) => {
                let delete = || client.delete_connection().connection_id(id.as_str());
                self.by_sdk(|| delete().send()).await.map(drop)
            }
        }
    }

    async fn inspect(&self, id: &ConnectionId) -> Result<Inspection, SendError> {
        check(id)?;
        match &self.way {
            Way::Lean(lane) => {
                let found = self.answered(lane.get(id).await)?;
                lean::inspection(&found.body).map_err(|error| SendError::Unavailable(error.into()))
            }
            Way::Sdk(client) => {
                let get = || client.get_connection().connection_id(id.as_str());
                let found = self.by_sdk(|| get().send()).await?;
                let identity = found.identity();
                Ok(Inspection {
                    connected_at: lean::timestamp(found.connected_at()),
                    last_active_at: lean::timestamp(found.last_active_at()),
                    source_ip: identity
                        .and_then(|i| i.source_ip())
                        .unwrap_or_default()
                        .to_owned(),
                    user_agent: identity
                        .and_then(|i| i.user_agent())
                        // What the SDK makes of `null`.
                        .filter(|agent| !agent.is_empty())
                        .map(str::to_owned),
                })
            }
        }
    }

    fn url(&self) -> &str {
        &self.url
    }
}
