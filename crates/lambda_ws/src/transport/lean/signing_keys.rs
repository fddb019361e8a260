//! The credentials of the SDK, and what signs with them.

use crate::Timestamp;
use crate::error::BoxError;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use lambda_ws_protocol::sigv4::{SigningKey, day};
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::time::timeout;
use tracing::warn;

/// The service that requests are signed for.
const SERVICE: &str = "execute-api";

/// How long before they expire credentials are replaced.
const AHEAD: Duration = Duration::from_secs(5 * 60);

/// How long before they expire credentials are no longer used.
const MARGIN: Duration = Duration::from_secs(10);

/// How long credentials hold that do not say: as in the SDK.
const UNSAID: Duration = Duration::from_secs(15 * 60);

/// How long the provider may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a provider that failed is left alone while the credentials still hold; and how long
/// credentials are kept although they are refused.
const PAUSE: Duration = Duration::from_secs(10);

/// What signs requests, made anew each day and before the credentials expire.
#[derive(Debug)]
pub(super) struct SigningKeys {
    provider: SharedCredentialsProvider,
    region: String,
    current: Mutex<Option<Current>>,
    /// Held by whoever asks the provider, so that one asks for all.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
struct Current {
    credentials: Credentials,
    key: Arc<SigningKey>,
    /// When they were given.
    since: SystemTime,
    /// When others are asked for.
    renewal: SystemTime,
}

impl Current {
    /// Whether a request may still be signed.
    fn holds(&self, now: SystemTime) -> bool {
        let expiry = self.credentials.expiry();
        expiry.is_none_or(|expiry| now + MARGIN < expiry)
    }
}

impl SigningKeys {
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
    /// There are no credentials, or none within 3 s.
    pub(super) async fn current(&self, now: SystemTime) -> Result<Arc<SigningKey>, BoxError> {
        if let Some(key) = self.fresh(now)? {
            return Ok(key);
        }
        // Those that still hold are used by all but the one who asks for new ones.
        let asking = self.asking.try_lock();
        if asking.is_err()
            && let Some(key) = self.held(now)?
        {
            return Ok(key);
        }
        let asked = timeout(PATIENCE, async {
            let _asking = match asking {
                Ok(asking) => asking,
                Err(_) => self.asking.lock().await,
            };
            match self.fresh(now)? {
                Some(key) => Ok(key),
                None => self.ask(now).await,
            }
        });
        let error = match asked.await {
            Ok(Ok(key)) => return Ok(key),
            Ok(Err(error)) => error,
            Err(_) => format!("the provider gives no credentials within {PATIENCE:?}").into(),
        };
        let Some(key) = self.held(now)? else {
            return Err(error);
        };
        self.renew(now + PAUSE);
        warn!(
            error = &*error as &dyn Error,
            "the credentials expire soon and cannot be replaced"
        );
        Ok(key)
    }

    /// Has the provider asked again, because what `key` signed was refused: the credentials may have
    /// been revoked or replaced before their time.
    pub(super) fn refused(&self, key: &Arc<SigningKey>, now: SystemTime) {
        let mut current = self.lock();
        let Some(found) = current
            .as_mut()
            .filter(|found| Arc::ptr_eq(&found.key, key))
        else {
            return;
        };
        // Who asks for what it may not do must not make every request two.
        found.renewal = found.renewal.min(now.max(found.since + PAUSE));
    }

    async fn ask(&self, now: SystemTime) -> Result<Arc<SigningKey>, BoxError> {
        let credentials = self.provider.provide_credentials().await?;
        let key = self.derive(&credentials, now)?;
        let expiry = credentials.expiry().unwrap_or(now + UNSAID + AHEAD);
        // Some that are about to expire are all there is: they are not asked for at each request.
        let renewal = expiry.checked_sub(AHEAD).unwrap_or(now).max(now + PAUSE);
        *self.lock() = Some(Current {
            credentials,
            key: key.clone(),
            since: now,
            renewal,
        });
        Ok(key)
    }

    /// The key of today, unless others are to be asked for.
    fn fresh(&self, now: SystemTime) -> Result<Option<Arc<SigningKey>>, BoxError> {
        self.find(now, |found| now < found.renewal && found.holds(now))
    }

    /// The key of today, if its credentials still hold.
    fn held(&self, now: SystemTime) -> Result<Option<Arc<SigningKey>>, BoxError> {
        self.find(now, |found| found.holds(now))
    }

    fn find(
        &self,
        now: SystemTime,
        is: impl FnOnce(&Current) -> bool,
    ) -> Result<Option<Arc<SigningKey>>, BoxError> {
        let mut current = self.lock();
        let Some(found) = current.as_mut().filter(|found| is(found)) else {
            return Ok(None);
        };
        if found.key.day() != day(Timestamp::from(now)) {
            found.key = self.derive(&found.credentials, now)?;
        }
        Ok(Some(found.key.clone()))
    }

    fn renew(&self, at: SystemTime) {
        if let Some(found) = self.lock().as_mut() {
            found.renewal = at;
        }
    }

    fn derive(
        &self,
        credentials: &Credentials,
        now: SystemTime,
    ) -> Result<Arc<SigningKey>, BoxError> {
        let key = SigningKey::derive(
            credentials.access_key_id(),
            credentials.secret_access_key(),
            credentials.session_token(),
            (&self.region, SERVICE),
            day(Timestamp::from(now)),
        );
        let key = key.ok_or("the access key or the session token is no text of one line")?;
        Ok(Arc::new(key))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
