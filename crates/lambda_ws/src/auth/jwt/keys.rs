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

/// How much longer keys are used while they cannot be fetched again.
const STALE: Duration = Duration::from_secs(5 * 60 * 60);

/// How long it takes between two attempts to fetch them, at least.
const PAUSE: Duration = Duration::from_secs(30);

/// The public keys of an issuer, as a JWKS (RFC 7517). Cheap to clone; clones share what was fetched.
///
/// Keys of a URL are fetched when the first token comes, again an hour later, and when a token names a
/// key that is not among them, because issuers change their keys; but never within 30 s of the last
/// attempt, whatever tokens come. Whoever waits meanwhile waits for the same attempt.
///
/// If keys cannot be fetched again, the known ones are used for 5 more hours: an issuer that is not available for a
/// while refuses nobody, and a key that it has revoked is believed for 6 hours at most. If there are no keys yet, an
/// attempt that fails is repeated once, at once.
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
    /// The keys at a URL, over HTTPS: in 3 s, of at most 256 KB, without following redirects.
    ///
    /// # Errors
    ///
    /// If it is no `https://` URL (`http://` is allowed on the machine itself), or the system has no
    /// root certificates.
    pub fn url(url: &str) -> Result<Self, Error> {
        Ok(Self::fetched(url, Https::new(url)?))
    }

    /// The keys at a URL, however `fetch` fetches them.
    pub fn fetched(url: &str, fetch: impl Fetch) -> Self {
        let source = Source {
            url: url.into(),
            fetch: Arc::new(fetch),
        };
        Self::new(Some(source), Known::default())
    }

    /// These keys, for ever.
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
    /// If it is no JWKS, or has no key of a known algorithm.
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

    /// Uses keys for so long before they are fetched again, instead of an hour.
    pub fn keep(mut self, keep: Duration) -> Self {
        self.keep = keep;
        self
    }

    /// Lets so much time pass between two attempts to fetch them, instead of 30 s.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// The key that a token names.
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
            // Only a name that is not known may be one of a new key.
            if !matches!(found, Err(JwtError::UnknownKey)) || header.kid.is_none() {
                return found.cloned();
            }
        }
        let error: BoxError = if known.tried_at.is_some_and(|at| now - at < self.pause) {
            "they could not be fetched a moment ago".into()
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
            // It may be a new key, which is not known yet.
            Err(JwtError::UnknownKey) if !fresh => Err(JwtError::Keys(error)),
            found => found.cloned(),
        }
    }
}

impl Source {
    /// The keys at the URL. `usable` says whether there are others meanwhile.
    async fn keys(&self, usable: bool) -> Result<Arc<[Key]>, BoxError> {
        let attempt = async || {
            let jwks = self.fetch.fetch(&self.url).await;
            let keys = jwks.and_then(|jwks| read(&jwks));
            keys.inspect_err(|error| {
                let error = &**error as &dyn std::error::Error;
                warn!(error, url = &*self.url, "the issuer's keys are not fetched");
            })
        };
        match attempt().await {
            Err(_) if !usable => attempt().await,
            keys => keys,
        }
    }
}

/// The keys of a JWKS, without those that are for something else.
fn read(jwks: &[u8]) -> Result<Arc<[Key]>, BoxError> {
    #[derive(Deserialize)]
    struct Jwks {
        keys: Vec<Value>,
    }

    let jwks: Jwks = serde_json::from_slice(jwks).map_err(|error| format!("no JWKS: {error}"))?;
    let keys: Arc<[Key]> = jwks.keys.iter().filter_map(Key::read).collect();
    match keys.is_empty() {
        true => Err("the JWKS has no key for RS256, ES256 or EdDSA".into()),
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
