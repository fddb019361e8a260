//! The limits of connections, users or addresses, and their buckets in the store.

use super::LimitScope;
use super::bucket::{Ask, Bucket, Denial, Grant, Rates, longest_block};
use crate::ConnectionId;
use crate::backoff::{Backoff, Jitter};
use crate::sender::Sender;
use crate::store::{StoreError, encode_value, value_expiry};
use std::time::Duration;

/// The key of a bucket. Each has a namespace of its own, because the namespaces of a table share no throughput.
const BUCKET: &str = "bucket";

/// The pauses before retries after another process has changed a bucket: 4 to 32 ms.
const BACKOFF: Backoff = Backoff::new(4, 2, 32, 6, Jitter::Full);

/// The wait of a client whose bucket changes all the time, in ms.
const CONTENDED: u64 = 100;

/// The limits of connections, users or addresses.
#[derive(Clone, Copy)]
pub(super) struct Scope {
    pub(super) which: LimitScope,
    pub(super) rates: Rates,
    /// The longest time of a block, in ms.
    pub(super) longest: u64,
    /// The longest delay, in ms.
    pub(super) delay: u64,
}

impl Scope {
    pub(super) fn new(which: LimitScope, rates: Rates, delay: Duration) -> Self {
        Self {
            which,
            rates,
            longest: longest_block(&rates),
            delay: delay.as_millis() as u64,
        }
    }

    pub(super) fn is_limited(&self) -> bool {
        self.rates.iter().any(Option::is_some)
    }

    /// The namespace of a client's bucket.
    pub(super) fn namespace(&self, name: &str) -> String {
        let scope = match self.which {
            LimitScope::Connection => 'c',
            LimitScope::User => 'u',
            LimitScope::Address => 'a',
        };
        format!("limit:{scope}:{name}")
    }
}

/// Asks the store for a grant.
pub(super) async fn grant(
    scope: &Scope,
    namespace: &str,
    ask: Ask,
    sender: &Sender,
) -> Result<Result<Grant, Denial>, StoreError> {
    let store = sender.store();
    let mut backoff = BACKOFF;
    loop {
        let now = sender.now();
        let found = store.read_value(namespace, BUCKET, now).await?;
        // A bucket that cannot be read is replaced.
        let bucket = found
            .as_ref()
            .and_then(|found| serde_json::from_str(&found.value).ok());
        let mut bucket: Bucket = bucket.unwrap_or_default();
        let grant = match bucket.grant(now.millis(), &scope.rates, ask, scope.delay) {
            Ok(grant) => grant,
            Err(denial) => return Ok(Err(denial)),
        };
        let value = encode_value(&bucket)?;
        let life = Duration::from_millis(bucket.life(&scope.rates));
        let expires = Some(value_expiry(now, life));
        let version = found.map(|found| found.version);
        let replaced = store.replace_value(namespace, BUCKET, &value, expires, version, now);
        match replaced.await {
            Ok(_) => return Ok(Ok(grant)),
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
        let Some(pause) = backoff.next() else {
            return Ok(Err(Denial {
                wait: CONTENDED,
                kind: 0,
            }));
        };
        sender.pause(pause, &ConnectionId::from("")).await;
    }
}
