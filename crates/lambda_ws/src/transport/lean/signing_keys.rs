//! The signing keys from the credentials of the SDK.

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

const SERVICE: &str = "execute-api";

/// How long before their expiry credentials are renewed.
const RENEWAL_LEAD: Duration = Duration::from_secs(5 * 60);

/// How long before their expiry credentials are no longer used.
const MARGIN: Duration = Duration::from_secs(10);

/// The lifetime of credentials without an expiry, as in the SDK.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(15 * 60);

const PROVIDER_TIMEOUT: Duration = Duration::from_secs(3);

/// How long the provider is not called again after a failure, if the credentials are still valid; and how long
/// rejected credentials are used.
const RETRY_AFTER: Duration = Duration::from_secs(10);

/// The signing keys, derived again each day and before the credentials expire.
#[derive(Debug)]
pub(super) struct SigningKeys {
    provider: SharedCredentialsProvider,
    region: String,
    current: Mutex<Option<Current>>,
    /// Held during a call of the provider, so that calls do not overlap.
    fetching: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone)]
struct Current {
    credentials: Credentials,
    key: Arc<SigningKey>,
    since: SystemTime,
    renewal: SystemTime,
}

impl Current {
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

    /// Returns the signing key for a request now.
    ///
    /// # Errors
    ///
    /// Credentials are missing, or take longer than 3 s.
    pub(super) async fn current(&self, now: SystemTime) -> Result<Arc<SigningKey>, BoxError> {
        match self.fresh(now)? {
            Some(key) => Ok(key),
            // Boxed, because it is rare and its future is large.
            None => Box::pin(self.renewed(now)).await,
        }
    }

    async fn renewed(&self, now: SystemTime) -> Result<Arc<SigningKey>, BoxError> {
        // All callers except the one that fetches new credentials use the valid ones.
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
                format!("the credentials provider timed out after {PROVIDER_TIMEOUT:?}").into()
            }
        };
        let Some(key) = self.valid(now)? else {
            return Err(error);
        };
        self.renew(now + RETRY_AFTER);
        warn!(
            error = &*error as &dyn Error,
            "the credentials expire soon and could not be renewed"
        );
        Ok(key)
    }

    /// Renews the credentials after a request with `key` was rejected: they may have been revoked or replaced.
    pub(super) fn refused(&self, key: &Arc<SigningKey>, now: SystemTime) {
        let mut current = self.lock();
        let Some(found) = current
            .as_mut()
            .filter(|found| Arc::ptr_eq(&found.key, key))
        else {
            return;
        };
        // Limited, so that requests without permission do not double the number of calls.
        found.renewal = found.renewal.min(now.max(found.since + RETRY_AFTER));
    }

    async fn fetch(&self, now: SystemTime) -> Result<Arc<SigningKey>, BoxError> {
        let credentials = self.provider.provide_credentials().await?;
        let key = self.derive(&credentials, now)?;
        let expiry = credentials
            .expiry()
            .unwrap_or(now + DEFAULT_LIFETIME + RENEWAL_LEAD);
        // If the provider returns credentials that expire soon, they are not renewed with each request.
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

    /// Returns today's key, unless the credentials must be renewed.
    fn fresh(&self, now: SystemTime) -> Result<Option<Arc<SigningKey>>, BoxError> {
        self.find(now, |found| now < found.renewal && found.is_valid(now))
    }

    /// Returns today's key, if its credentials are valid.
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
        let key = key
            .ok_or("the access key or the session token is not valid: expected one line of text")?;
        Ok(Arc::new(key))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Current>> {
        lock(&self.current)
    }
}
