//! Retries beyond those of the client.

use crate::backoff::{Backoff, Jitter};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// Pauses of at most 10 to 640 ms.
pub(super) const BACKOFF: Backoff = Backoff::new(10, 2, 640, 12, Jitter::Full);

/// Retries a write while it conflicts with a transaction on the same item.
pub(super) async fn conflicts<T, E: ProvideErrorMetadata, R, F>(
    send: impl Fn() -> F,
) -> Result<T, SdkError<E, R>>
where
    F: Future<Output = Result<T, SdkError<E, R>>>,
{
    let mut backoff = BACKOFF;
    loop {
        match send().await {
            Err(error)
                if error.code() == Some("TransactionConflictException") && backoff.wait().await => {
            }
            done => return done,
        }
    }
}
