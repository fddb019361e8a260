//! The credentials of a function with SnapStart.

use crate::error::BoxError;
use crate::https::{self, ATTEMPT, Https};
use crate::sync::lock;
use crate::tls::Tls;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use serde::Deserialize;
use std::sync::Mutex;
use std::time::{Duration, SystemTime};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::timeout;

/// The variable with the URL of the credentials. A snapshot would outlive keys in the environment, so Lambda sets this
/// instead of `AWS_ACCESS_KEY_ID`.
pub(in crate::app) const URL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";

/// How long before their end credentials are replaced.
const RENEWAL_LEAD: Duration = Duration::from_secs(5 * 60);

/// The largest answer that is read, in bytes.
const ANSWER: usize = 64 * 1024;

/// The credentials that Lambda serves on this machine. They are kept until shortly before they expire.
#[derive(Debug)]
pub(super) struct ContainerCredentials {
    client: Https,
    url: String,
    token: Option<String>,
    current: Mutex<Option<Credentials>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    access_key_id: String,
    secret_access_key: String,
    token: Option<String>,
    expiration: Option<String>,
}

impl ContainerCredentials {
    /// Credentials by the variables of the environment, if it has a URL of them.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        Some(Self {
            client: https::client(Tls::process()),
            url: variable(URL)?,
            token: variable(TOKEN),
            current: Mutex::default(),
        })
    }

    async fn credentials(&self, now: SystemTime) -> provider::Result {
        let holds = |found: &Credentials| found.expiry().is_none_or(|at| now + RENEWAL_LEAD < at);
        let kept = lock(&self.current).clone();
        if let Some(kept) = kept.filter(holds) {
            return Ok(kept);
        }
        let fetched = match timeout(ATTEMPT, self.fetch()).await {
            Ok(fetched) => fetched.map_err(CredentialsError::provider_error)?,
            Err(_) => return Err(CredentialsError::provider_timed_out(ATTEMPT)),
        };
        *lock(&self.current) = Some(fetched.clone());
        Ok(fetched)
    }

    async fn fetch(&self) -> Result<Credentials, BoxError> {
        let url: Uri = self.url.parse()?;
        let is_here = matches!(url.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
        if url.scheme_str() != Some("https") && !is_here {
            return Err(
                format!("{URL} is not valid: expected https:// or a loopback address").into(),
            );
        }
        let mut request = Request::get(url).body(Full::default())?;
        if let Some(token) = &self.token {
            let mut token = HeaderValue::from_str(token)?;
            token.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, token);
        }
        let response = self.client.request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER).collect().await?;
        if !status.is_success() {
            return Err(format!("{URL} answers with {status}").into());
        }
        // An error of the parser may quote a secret.
        let answer: Answer = serde_json::from_slice(&body.to_bytes())
            .map_err(|_| format!("{URL} answers with JSON that is not that of credentials"))?;
        let expiry = match &answer.expiration {
            Some(text) => Some(OffsetDateTime::parse(text, &Rfc3339)?.into()),
            None => None,
        };
        Ok(Credentials::new(
            answer.access_key_id,
            answer.secret_access_key,
            answer.token,
            expiry,
            "Lambda",
        ))
    }
}

impl ProvideCredentials for ContainerCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials(SystemTime::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// Serves credentials that are valid for an hour from `now` on, to those who know the token.
    async fn server(now: SystemTime) -> (String, Arc<AtomicUsize>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/credentials", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = requests.clone();
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 4096];
                let read = socket.read(&mut request).await.unwrap();
                let request = String::from_utf8_lossy(&request[..read]).to_lowercase();
                let number = counted.fetch_add(1, Ordering::Relaxed);
                let end =
                    OffsetDateTime::from(now + Duration::from_secs(3600 * (number as u64 + 1)));
                let end = end.format(&Rfc3339).unwrap();
                let body = format!(
                    r#"{{"AccessKeyId":"key{number}","SecretAccessKey":"s","Token":"t","Expiration":"{end}"}}"#
                );
                let (status, body) = match request.contains("authorization: open sesame\r\n") {
                    true => ("200 OK", body),
                    false => ("401 Unauthorized", String::new()),
                };
                let answer = format!(
                    "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                socket.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        (url, requests)
    }

    fn provider(url: &str, token: &str) -> ContainerCredentials {
        let (url, token) = (url.to_owned(), token.to_owned());
        let variable = move |name: &str| match name {
            URL => Some(url.clone()),
            TOKEN => Some(token.clone()),
            _ => None,
        };
        ContainerCredentials::read(variable).unwrap()
    }

    #[tokio::test]
    async fn credentials_are_kept_and_replaced_after_a_freeze_of_hours() {
        let now = SystemTime::now();
        let (url, requests) = server(now).await;
        let provider = provider(&url, "Open Sesame");
        for _ in 0..3 {
            let found = provider.credentials(now).await.unwrap();
            assert_eq!(found.access_key_id(), "key0");
            assert_eq!(found.session_token(), Some("t"));
        }
        assert_eq!(requests.load(Ordering::Relaxed), 1);
        let later = now + Duration::from_secs(56 * 60);
        let found = provider.credentials(later).await.unwrap();
        assert_eq!(found.access_key_id(), "key1");
    }

    #[tokio::test]
    async fn a_wrong_token_and_a_wrong_url_are_errors() {
        let (url, _) = server(SystemTime::now()).await;
        for (url, text) in [(&*url, "401"), ("http://example.com/", "loopback")] {
            let provider = provider(url, "wrong");
            let error = provider.provide_credentials().await.unwrap_err();
            let text_of = crate::error::chain(&error);
            assert!(text_of.contains(text), "{text_of}");
        }
    }
}
