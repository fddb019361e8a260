//! The keys of an issuer.

use super::JwtError;
use super::fetch::{DynFetch, Fetch, Https};
use super::key::{Header, Key};
use crate::Timestamp;
use crate::error::{BoxError, Error};
use serde::Deserialize;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tracing::warn;

/// How long keys are used before they are fetched again.
const KEEP: Duration = Duration::from_secs(60 * 60);

/// How much longer keys are used if a fetch fails.
const STALE: Duration = Duration::from_secs(5 * 60 * 60);

const PAUSE: Duration = Duration::from_secs(30);

/// The public keys of an issuer as a JWKS (RFC 7517). Clones are cheap and share the fetched keys.
///
/// Keys of a URL are fetched with the first token, again after an hour, and when a token names an unknown key,
/// because issuers rotate their keys. Fetches are at least 30 s apart. Concurrent callers share one fetch.
///
/// If a fetch fails, the known keys are used for 5 more hours. So an issuer that is not available for a while rejects
/// no client, and a revoked key is accepted for at most 6 hours. If there are no keys yet, a failed fetch is retried
/// once, at once.
#[derive(Clone)]
pub struct Keys {
    source: Option<Source>,
    keep: Duration,
    pause: Duration,
    known: Arc<Mutex<Known>>,
}

#[derive(Clone)]
struct Source {
    url: Arc<str>,
    fetch: Arc<dyn DynFetch>,
}

#[derive(Default)]
struct Known {
    keys: Arc<[Key]>,
    read_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
}

impl Keys {
    /// Uses the keys at a URL. A fetch over HTTPS takes at most 3 s and 256 KB and follows no redirects.
    ///
    /// # Errors
    ///
    /// The URL is not a valid `https://` URL (`http://` is allowed for the machine itself), or the system has no root
    /// certificates.
    pub fn url(url: &str) -> Result<Self, Error> {
        Ok(Self::fetched(url, Https::new(url)?))
    }

    /// Uses the keys at a URL that `fetch` fetches.
    pub fn fetched(url: &str, fetch: impl Fetch) -> Self {
        let source = Source {
            url: url.into(),
            fetch: Arc::new(fetch),
        };
        Self::new(Some(source), Known::default())
    }

    /// Uses these keys forever.
    ///
    /// ```
    /// use lambda_ws::auth::Keys;
    ///
    /// let keys = Keys::fixed(r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "1",
    ///     "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#);
    /// assert!(keys.is_ok());
    /// ```
    ///
    /// # Errors
    ///
    /// The text is not a valid JWKS, or has no key of a supported algorithm.
    pub fn fixed(jwks: &str) -> Result<Self, Error> {
        let known = Known {
            keys: read(jwks.as_bytes())?,
            ..Known::default()
        };
        Ok(Self::new(None, known))
    }

    fn new(source: Option<Source>, known: Known) -> Self {
        Self {
            source,
            keep: KEEP,
            pause: PAUSE,
            known: Arc::new(Mutex::new(known)),
        }
    }

    /// Sets how long keys are used before they are fetched again. The default is an hour.
    pub fn keep(mut self, keep: Duration) -> Self {
        self.keep = keep;
        self
    }

    /// Sets the minimum time between two fetches. The default is 30 s.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    pub(super) async fn find(&self, header: &Header, now: Timestamp) -> Result<Key, JwtError> {
        let mut known = self.known.lock().await;
        let Some(source) = &self.source else {
            return Key::of(&known.keys, header).cloned();
        };
        let age = known.read_at.map(|at| now - at);
        let fresh = age.is_some_and(|age| age < self.keep);
        let usable = age.is_some_and(|age| age < self.keep.saturating_add(STALE));
        if fresh {
            let found = Key::of(&known.keys, header);
            // Only an unknown name may belong to a new key.
            if !matches!(found, Err(JwtError::UnknownKey)) || header.kid.is_none() {
                return found.cloned();
            }
        }
        let error: BoxError = if known.tried_at.is_some_and(|at| now - at < self.pause) {
            "the last fetch failed, and the next one is not due yet".into()
        } else {
            known.tried_at = Some(now);
            match source.keys(usable).await {
                Ok(keys) => {
                    known.keys = keys;
                    known.read_at = Some(now);
                    return Key::of(&known.keys, header).cloned();
                }
                Err(error) => error,
            }
        };
        match Key::of(&known.keys, header) {
            _ if !usable => Err(JwtError::Keys(error)),
            // The name may belong to a new key.
            Err(JwtError::UnknownKey) if !fresh => Err(JwtError::Keys(error)),
            found => found.cloned(),
        }
    }
}

impl Source {
    /// Fetches the keys at the URL. `usable` says whether older keys exist.
    async fn keys(&self, usable: bool) -> Result<Arc<[Key]>, BoxError> {
        let attempt = async || {
            let jwks = self.fetch.fetch(&self.url).await;
            let keys = jwks.and_then(|jwks| read(&jwks));
            keys.inspect_err(|error| {
                let error = &**error as &dyn std::error::Error;
                warn!(
                    error,
                    url = &*self.url,
                    "the issuer's keys could not be fetched"
                );
            })
        };
        match attempt().await {
            Err(_) if !usable => attempt().await,
            keys => keys,
        }
    }
}

/// Reads the signature keys of a JWKS.
fn read(jwks: &[u8]) -> Result<Arc<[Key]>, BoxError> {
    #[derive(Deserialize)]
    struct Jwks {
        keys: Vec<Value>,
    }

    let jwks: Jwks =
        serde_json::from_slice(jwks).map_err(|error| format!("the JWKS is not valid: {error}"))?;
    let keys: Arc<[Key]> = jwks.keys.iter().filter_map(Key::read).collect();
    match keys.is_empty() {
        true => Err("the JWKS has no supported key: expected RS256, ES256 or EdDSA".into()),
        false => Ok(keys),
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.source.as_ref().map(|source| &source.url);
        f.debug_struct("Keys")
            .field("url", &url)
            .finish_non_exhaustive()
    }
}
