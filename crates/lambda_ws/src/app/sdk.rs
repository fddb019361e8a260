//! The configuration of the AWS SDK.

mod container;

use super::environment::variable;
use crate::error::Error;
use crate::https::{ATTEMPT, CALL, sdk::https_client};
use crate::store::{DynStore, TableAttributes};
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use aws_config::SdkConfig;

const REGION: &str = "AWS_REGION";

const KEY: &str = "AWS_ACCESS_KEY_ID";

/// The variables that [`of_function`] requires, of those that `variable` looks up.
pub(super) fn required(variable: impl Fn(&str) -> Option<String>) -> Vec<&'static str> {
    match variable(KEY).is_none() && variable(container::URL).is_some() {
        true => vec![REGION],
        false => vec![REGION, KEY, "AWS_SECRET_ACCESS_KEY"],
    }
}

/// The configuration of a function: region, credentials and endpoints from the variables that Lambda sets. With SnapStart
/// Lambda serves the credentials on this machine instead. To look elsewhere, in profiles and at the metadata of machines, takes 0.8 MB of code.
pub(crate) fn of_function() -> SdkConfig {
    let container = match variable(KEY) {
        Some(_) => None,
        None => container::ContainerCredentials::read(variable),
    };
    let credentials = match container {
        Some(container) => SharedCredentialsProvider::new(container),
        None => SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()),
    };
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(variable(REGION).map(Region::new))
        .credentials_provider(credentials)
        .use_fips(is_true("AWS_USE_FIPS_ENDPOINT"))
        .use_dual_stack(is_true("AWS_USE_DUALSTACK_ENDPOINT"))
        .service_config(Variables)
        .timeout_config(timeouts())
        .retry_config(retries())
        .http_client(https_client());
    config.build()
}

/// Returns the configuration of any other program, as every AWS SDK finds it.
pub(crate) async fn of_program() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .timeout_config(timeouts())
        .retry_config(retries())
        .http_client(https_client())
        .load()
        .await
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(CALL)
        .build()
}

fn retries() -> RetryConfig {
    RetryConfig::standard().with_initial_backoff(Duration::from_millis(50))
}

fn is_true(name: &str) -> bool {
    variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

#[derive(Debug)]
struct Variables;

impl LoadServiceConfig for Variables {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let service = key.service_id().to_uppercase().replace(' ', "_");
        variable(&format!("{}_{service}", key.env())).or_else(|| variable(key.env()))
    }
}

#[cfg(feature = "dynamodb")]
pub(super) fn store(
    config: &SdkConfig,
    table: String,
    attributes: TableAttributes,
) -> Result<Arc<dyn DynStore>, Error> {
    let config = config.clone();
    let client = move || aws_sdk_dynamodb::Client::new(&config);
    let store = crate::store::DynamoDb::lazy_with(client, table, attributes);
    Ok(Arc::new(store))
}

#[cfg(not(feature = "dynamodb"))]
pub(super) fn store(
    _: &SdkConfig,
    _: String,
    _: TableAttributes,
) -> Result<Arc<dyn DynStore>, Error> {
    Err("the feature `dynamodb` is off: provide a store with `App::store`".into())
}
