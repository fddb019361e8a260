//! The credentials of the SDK, and what signs with them.

use crate::Timestamp;
use crate::error::BoxError;
use crate::sync::lock;
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use lambda_ws_protocol::sigv4::{SigningKey, day};
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};
use tokio::time::timeout;
use tracing::warn;

/// The service that requests are signed for.
const SERVICE: &str = "execute-api";

/// How long before they expire credentials are replaced.
const RENEWAL_LEAD: Duration = Duration::from_secs(5 * 60);

/// How long before they expire credentials are no longer used.
const MARGIN: Duration = Duration::from_secs(10);

/// How long credentials hold that do not say: as in the SDK.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// How long the provider may take.
const PROVIDER_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a provider that failed is left alone while the credentials still hold; and how long
/// credentials are kept although they are refused.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// What signs requests, made anew each day and before the credentials expire.
#[derive(Debug)]
pub(super) struct SigningKeys {
    provider: SharedCredentialsProvider,
    region: String,
    current: Mutex<Option<Current>>,
    /// Held during a call of the provider, so that there is one call at a time.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
struct Current {
    credentials: Credentials,
    key: Arc<SigningKey>,
    /// When they were given.
    since: SystemTime,
    /// When they are renewed.
    renewal: SystemTime,
}

impl Current {
    /// Whether a request may still be signed.
    fn is_valid(&self, now: SystemTime) -> bool {
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
            fetching: tokio::sync::Mutex::default(),
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
        // The valid credentials are used by all callers but the one that fetches new ones.
        let fetching = self.fetching.try_lock();
        if fetching.is_err()
            && let Some(key) = self.valid(now)?
        {
            return Ok(key);
        }
        let fetched = timeout(PROVIDER_TIMEOUT, async {
            let _fetching = match fetching {
                Ok(fetching) => fetching,
                Err(_) => self.fetching.lock().await,
            };
            match self.fresh(now)? {
                Some(key) => Ok(key),
                None => self.fetch(now).await,
            }
        });
        let error = match fetched.await {
            Ok(Ok(key)) => return Ok(key),
            Ok(Err(error)) => error,
            Err(_) => {
                format!("the provider gives no credentials within {PROVIDER_TIMEOUT:?}").into()
            }
        };
        let Some(key) = self.valid(now)? else {
            return Err(error);
        };
        self.renew(now + RETRY_AFTER);
        warn!(
            error = &*error as &dyn Error,
            "the credentials expire soon and cannot be replaced"
        );
        Ok(key)
    }

    /// Renews the credentials, because a request that `key` signed was rejected: the credentials may have
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
        found.renewal = found.renewal.min(now.max(found.since + RETRY_AFTER));
    }

    async fn fetch(&self, now: SystemTime) -> Result<Arc<SigningKey>, BoxError> {
        let credentials = self.provider.provide_credentials().await?;
        let key = self.derive(&credentials, now)?;
        let expiry = credentials
            .expiry()
            .unwrap_or(now + DEFAULT_LIFETIME + RENEWAL_LEAD);
        // Some that are about to expire are all there is: they are not renewed at each request.
        let renewal = expiry
            .checked_sub(RENEWAL_LEAD)
            .unwrap_or(now)
            .max(now + RETRY_AFTER);
        *self.lock() = Some(Current {
            credentials,
            key: key.clone(),
            since: now,
            renewal,
        });
        Ok(key)
    }

    /// The key of today, unless the credentials are to be renewed.
    fn fresh(&self, now: SystemTime) -> Result<Option<Arc<SigningKey>>, BoxError> {
        self.find(now, |found| now < found.renewal && found.is_valid(now))
    }

    /// The key of today, if its credentials still hold.
    fn valid(&self, now: SystemTime) -> Result<Option<Arc<SigningKey>>, BoxError> {
        self.find(now, |found| found.is_valid(now))
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
        lock(&self.current)
    }
}
