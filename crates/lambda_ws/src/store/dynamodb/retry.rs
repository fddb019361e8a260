//! Pauses between attempts.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use std::time::Duration;

/// How often something is tried again, and when: with full jitter, doubling, 12 times.
pub(super) struct Retry {
    attempts: u32,
}

const ATTEMPTS: u32 = 12;

impl Retry {
    pub(super) fn new() -> Self {
        Self { attempts: 0 }
    }

    /// Waits for the next attempt; `false`, if there is none.
    pub(super) async fn pause(&mut self) -> bool {
        if self.attempts == ATTEMPTS {
            return false;
        }
        let most = 10_u64 << self.attempts.min(6);
        self.attempts += 1;
        tokio::time::sleep(Duration::from_millis(fastrand::u64(1..=most))).await;
        true
    }
}

/// Sends a write again for as long as a transaction on the same item is in its way.
pub(super) async fn conflicts<T, E: ProvideErrorMetadata, R, F>(
    send: impl Fn() -> F,
) -> Result<T, SdkError<E, R>>
where
    F: Future<Output = Result<T, SdkError<E, R>>>,
{
    let mut retry = Retry::new();
    loop {
        match send().await {
            Err(error)
                if error.code() == Some("TransactionConflictException") && retry.pause().await => {}
            done => return done,
        }
    }
}
