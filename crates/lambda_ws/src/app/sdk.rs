//! The AWS SDK, as this library uses it.

use crate::error::Error;
use crate::store::DynStore;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use std::sync::Arc;
use std::time::Duration;

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(1);

/// How long an attempt may take: a frozen environment wakes up with dead sockets that look alive.
const ATTEMPT: Duration = Duration::from_millis(1500);

/// How long a call may take in all.
const CALL: Duration = Duration::from_secs(3);

/// The environment's region and credentials; one HTTPS client for all services.
pub(crate) async fn config() -> SdkConfig {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(CALL);
    aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts.build())
        .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(50)))
        .http_client(crate::tls::https_client())
        .load()
        .await
}

#[cfg(feature = "dynamodb")]
pub(super) fn store(config: &SdkConfig, table: String) -> Result<Arc<dyn DynStore>, Error> {
    let client = aws_sdk_dynamodb::Client::new(config);
    Ok(Arc::new(crate::store::DynamoDb::new(client, table)))
}

#[cfg(not(feature = "dynamodb"))]
pub(super) fn store(_: &SdkConfig, _: String) -> Result<Arc<dyn DynStore>, Error> {
    Err("give `App::store`: the feature `dynamodb` is off".into())
}
