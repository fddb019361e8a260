//! The credentials of the SDK, and what signs with them.

use super::signer::{Key, day};
use crate::Timestamp;
use crate::error::BoxError;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use tracing::warn;

/// How long before they expire credentials are replaced.
const AHEAD: Duration = Duration::from_secs(5 * 60);

/// How long before they expire credentials are no longer used.
const MARGIN: Duration = Duration::from_secs(10);

/// What signs requests, made anew each day and before the credentials expire.
#[derive(Debug)]
pub(super) struct Keys {
    provider: SharedCredentialsProvider,
    region: String,
    current: Mutex<Option<Current>>,
    /// Held by whoever asks the provider, so that one asks for all.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
struct Current {
    credentials: Credentials,
    key: Arc<Key>,
}

impl Current {
    fn left(&self, now: SystemTime) -> Option<Duration> {
        let expiry = self.credentials.expiry()?;
        Some(expiry.duration_since(now).unwrap_or_default())
    }
}

impl Keys {
    pub(super) fn new(provider: SharedCredentialsProvider, region: String) -> Self {
        Self {
            provider,
            region,
            current: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
        }
    }

    /// What signs a request now.
    ///
    /// # Errors
    ///
    /// There are no credentials.
    pub(super) async fn current(&self, now: SystemTime) -> Result<Arc<Key>, BoxError> {
        if let Some(key) = self.usable(now, AHEAD)? {
            return Ok(key);
        }
        // Those that still hold are used by all but the one who asks for new ones.
        let _asking = match (self.asking.try_lock(), self.usable(now, MARGIN)?) {
            (Ok(asking), _) => asking,
            (Err(_), Some(key)) => return Ok(key),
            (Err(_), None) => self.asking.lock().await,
        };
        if let Some(key) = self.usable(now, AHEAD)? {
            return Ok(key);
        }
        let credentials = match self.provider.provide_credentials().await {
            Ok(credentials) => credentials,
            Err(error) => {
                let Some(key) = self.usable(now, MARGIN)? else {
                    return Err(error.into());
                };
                warn!(
                    error = &error as &dyn Error,
                    "the credentials expire soon and cannot be replaced"
                );
                return Ok(key);
            }
        };
        let key = self.derive(&credentials, now)?;
        *self.lock() = Some(Current {
            credentials,
            key: key.clone(),
        });
        Ok(key)
    }

    /// Has the provider asked again.
    pub(super) fn forget(&self) {
        *self.lock() = None;
    }

    /// The key of today, if its credentials hold for longer than `left`.
    fn usable(&self, now: SystemTime, left: Duration) -> Result<Option<Arc<Key>>, BoxError> {
        let mut current = self.lock();
        let Some(found) = current.as_mut() else {
            return Ok(None);
        };
        if found.left(now).is_some_and(|rest| rest <= left) {
            return Ok(None);
        }
        if found.key.day() != day(Timestamp::from(now)) {
            found.key = self.derive(&found.credentials, now)?;
        }
        Ok(Some(found.key.clone()))
    }

    fn derive(&self, credentials: &Credentials, now: SystemTime) -> Result<Arc<Key>, BoxError> {
        let key = Key::derive(
            credentials.access_key_id(),
            credentials.secret_access_key(),
            credentials.session_token(),
            &self.region,
            day(Timestamp::from(now)),
        );
        let key = key.ok_or("the access key or the session token is no text of one line")?;
        Ok(Arc::new(key))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
