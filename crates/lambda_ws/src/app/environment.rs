//! What a program learns from its environment, read once.

use super::backend::{Backend, Transports};
use super::quota::send_rate;
use super::runtime::Runtime;
use super::sdk::{self, SdkConfig};
#[cfg(feature = "apigateway")]
use super::self_invocation::SelfInvocation;
use crate::error::Error;
use crate::metrics::Metrics;
use crate::sender::SLOW_CLOSE;
use crate::store::{DynStore, Memory};
use crate::transport::{DynTransport, LogOnly};
use std::sync::Arc;
use std::time::Duration;
use tracing::warn;

const TABLE: &str = "CONNECTIONS_TABLE";
const ENDPOINT: &str = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI";
const DYNAMODB_ENDPOINT: &str = "AWS_ENDPOINT_URL_DYNAMODB";
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
/// How Lambda starts the program: `on-demand`, `provisioned-concurrency` or `snap-start`.
const INITIALIZATION: &str = "AWS_LAMBDA_INITIALIZATION_TYPE";
const MAX_CONCURRENCY: &str = "AWS_LAMBDA_MAX_CONCURRENCY";
const SAM_LOCAL: &str = "AWS_SAM_LOCAL";
/// Anything but `sdk` is the default.
#[cfg(feature = "apigateway")]
const SEND_LANE: &str = "SEND_LANE";
const RATE: &str = "SEND_RATE";
const REGION: &str = "AWS_REGION";
/// 0 closes no slow connection.
const SLOW: &str = "SLOW_CLOSE";
#[cfg(feature = "apigateway")]
/// 0 turns tasks off.
const TASKS: &str = "SEND_TASKS";
#[cfg(feature = "apigateway")]
const LAMBDA_ENDPOINT: &str = "AWS_ENDPOINT_URL_LAMBDA";
const FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";
#[cfg(feature = "apigateway")]
const FUNCTION_VERSION: &str = "AWS_LAMBDA_FUNCTION_VERSION";
const METRICS: &str = "METRICS_NAMESPACE";
/// Anything but `off` is the default.
const WARM_UP: &str = "WARM_UP";
/// The longest namespace of CloudWatch, in characters.
const LONGEST_NAMESPACE: usize = 255;

/// A variable of the process; an empty one is none.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What a program learns from its environment.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    table: Option<String>,
    endpoint: Option<String>,
    dynamodb_endpoint: bool,
    /// Variables of an account that are not set.
    missing: Vec<&'static str>,
    runtime_api: Option<String>,
    /// Lambda restores the program from a snapshot before it sends events.
    pub(crate) is_restored: bool,
    /// The most events that Lambda sends at once (Lambda Managed Instances).
    max_concurrency: Option<String>,
    is_sam_local: bool,
    #[cfg(feature = "apigateway")]
    client: crate::transport::ManagementClient,
    rate: Option<String>,
    region: Option<String>,
    slow_close: Option<String>,
    #[cfg(feature = "apigateway")]
    tasks: Option<String>,
    #[cfg(feature = "apigateway")]
    lambda_endpoint: Option<String>,
    function: Option<String>,
    #[cfg(feature = "apigateway")]
    version: Option<String>,
    metrics: Option<String>,
    /// Connects to AWS before the first event.
    pub(crate) warms_up: bool,
}

impl Environment {
    /// The process's.
    pub(crate) fn process() -> Self {
        Self::read(variable)
    }

    /// What `variable` says.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        Self {
            table: variable(TABLE),
            endpoint: variable(ENDPOINT),
            dynamodb_endpoint: variable(DYNAMODB_ENDPOINT).is_some(),
            missing: sdk::required(variable)
                .into_iter()
                .filter(|name| variable(name).is_none())
                .collect(),
            runtime_api: variable(RUNTIME_API),
            is_restored: variable(INITIALIZATION).as_deref() == Some("snap-start"),
            max_concurrency: variable(MAX_CONCURRENCY),
            is_sam_local: variable(SAM_LOCAL).is_some_and(|value| value == "true"),
            #[cfg(feature = "apigateway")]
            client: match variable(SEND_LANE).as_deref() {
                Some("sdk") => crate::transport::ManagementClient::Sdk,
                _ => crate::transport::ManagementClient::Lean,
            },
            rate: variable(RATE),
            region: variable(REGION),
            slow_close: variable(SLOW),
            #[cfg(feature = "apigateway")]
            tasks: variable(TASKS),
            #[cfg(feature = "apigateway")]
            lambda_endpoint: variable(LAMBDA_ENDPOINT),
            function: variable(FUNCTION_NAME),
            #[cfg(feature = "apigateway")]
            version: variable(FUNCTION_VERSION),
            metrics: variable(METRICS),
            warms_up: variable(WARM_UP).as_deref() != Some("off"),
        }
    }

    /// The loop that takes events from Lambda.
    ///
    /// # Errors
    ///
    /// If there is no Lambda Runtime API, or `AWS_LAMBDA_MAX_CONCURRENCY` is not a number of events.
    pub(super) fn runtime(&self) -> Result<Runtime, Error> {
        let workers = number(MAX_CONCURRENCY, self.max_concurrency.as_deref(), 1, 1)?;
        match &self.runtime_api {
            Some(address) => Runtime::new(address, workers as usize),
            None => Err(
                "this is an AWS Lambda function and there is no Lambda here: run it with \
                 `lambda-ws-local -- cargo run` (in this project's workspace: `cargo dev`), or \
                 deploy it"
                    .into(),
            ),
        }
    }

    /// Refuses to run without a region or credentials, which Lambda sets.
    fn check_account(&self) -> Result<(), Error> {
        match self.missing.is_empty() {
            true => Ok(()),
            false => Err(format!(
                "not set, though Lambda sets it: {}. Elsewhere `export AWS_REGION=<region>` and \
                 `eval \"$(aws configure export-credentials --format env)\"` set all that is needed, or give \
                 `App::config`",
                self.missing.join(", ")
            )
            .into()),
        }
    }

    /// The metrics that are asked for, if they are.
    pub(crate) fn metrics(&self) -> Result<Option<Metrics>, Error> {
        let Some(namespace) = &self.metrics else {
            return Ok(None);
        };
        let is_known = |c: char| c.is_ascii_alphanumeric() || ".-_/#:".contains(c);
        let is_valid = namespace.chars().all(is_known)
            && namespace.len() <= LONGEST_NAMESPACE
            && !namespace.starts_with(':')
            && !namespace.starts_with("AWS/");
        match is_valid {
            true => Ok(Some(Metrics::new(namespace.clone(), self.function.clone()))),
            false => Err(format!(
                "{METRICS} is `{namespace}`: CloudWatch's namespaces have up to {LONGEST_NAMESPACE} letters, digits \
                 and `.-_/#:`, and begin neither with `:` nor with `AWS/`"
            )
            .into()),
        }
    }

    /// Where a function keeps connections and how it sends messages, unless they are given.
    pub(crate) async fn function(
        &self,
        store: Option<Arc<dyn DynStore>>,
        transport: Option<Arc<dyn DynTransport>>,
        config: Option<SdkConfig>,
    ) -> Result<Backend, Error> {
        let config = async {
            match config {
                Some(config) => Ok(config),
                None => self.check_account().map(|()| sdk::of_function()),
            }
        };
        self.backend(store, transport, config).await
    }

    /// The same for a program that may be run anywhere.
    pub(crate) async fn program(
        &self,
        transport: Option<Arc<dyn DynTransport>>,
    ) -> Result<Backend, Error> {
        let config = async { Ok(sdk::of_program().await) };
        self.backend(None, transport, config).await
    }

    async fn backend(
        &self,
        store: Option<Arc<dyn DynStore>>,
        transport: Option<Arc<dyn DynTransport>>,
        config: impl Future<Output = Result<SdkConfig, Error>>,
    ) -> Result<Backend, Error> {
        let backend = self.found(store, transport, config).await?;
        let default = SLOW_CLOSE.as_secs() as u32;
        let seconds = number(SLOW, self.slow_close.as_deref(), default, 0)?;
        let close = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
        Ok(backend.closing_slow(close).paced(self.send_rate()?))
    }

    /// How many messages per second the process sends at most.
    fn send_rate(&self) -> Result<u32, Error> {
        let default = send_rate(self.region.as_deref());
        number(RATE, self.rate.as_deref(), default, 1)
    }

    async fn found(
        &self,
        store: Option<Arc<dyn DynStore>>,
        transport: Option<Arc<dyn DynTransport>>,
        config: impl Future<Output = Result<SdkConfig, Error>>,
    ) -> Result<Backend, Error> {
        // `sam local` passes the developer's real credentials: nothing must reach AWS by accident.
        if self.is_sam_local && !(self.endpoint.is_some() && self.dynamodb_endpoint) {
            warn!("under `sam local`: connections are kept in memory, messages are only logged");
            return Ok(Backend::new(
                store.unwrap_or_else(|| Arc::new(Memory::new())),
                Transports::one(transport.unwrap_or_else(|| Arc::new(LogOnly))),
            ));
        }
        if let (Some(store), Some(transport)) = (&store, &transport) {
            return Ok(Backend::new(
                store.clone(),
                Transports::one(transport.clone()),
            ));
        }
        self.aws(store, transport, config).await
    }

    #[cfg(feature = "sdk")]
    async fn aws(
        &self,
        store: Option<Arc<dyn DynStore>>,
        transport: Option<Arc<dyn DynTransport>>,
        config: impl Future<Output = Result<SdkConfig, Error>>,
    ) -> Result<Backend, Error> {
        // Before anything else, because it is the most frequent mistake.
        let table = match (&store, &self.table) {
            (None, None) => return Err(no_table()),
            (_, table) => table.clone().unwrap_or_default(),
        };
        let config = config.await?;
        let store = match store {
            Some(store) => store,
            None => sdk::store(&config, table)?,
        };
        #[cfg(feature = "apigateway")]
        let tasks = self.tasks(&config)?;
        let transports = match (transport, &self.endpoint) {
            (Some(transport), _) => Transports::one(transport),
            (None, endpoint) => self.transports(config, endpoint.as_deref())?,
        };
        let backend = Backend::new(store, transports);
        #[cfg(feature = "apigateway")]
        let backend = match tasks {
            Some((tasks, width)) => backend.with_tasks(Arc::new(tasks), width),
            None => backend,
        };
        Ok(backend)
    }

    /// How the function invokes itself, and the number of tasks that share a broadcast.
    #[cfg(feature = "apigateway")]
    fn tasks(&self, config: &SdkConfig) -> Result<Option<(SelfInvocation, usize)>, Error> {
        let default = crate::sender::SEND_TASKS as u32;
        let width = number(TASKS, self.tasks.as_deref(), default, 0)?;
        // As above: without an endpoint it would be AWS's own Lambda.
        let reaches_aws = self.is_sam_local && self.lambda_endpoint.is_none();
        let name = self.function.as_deref();
        let Some(name) = name.filter(|_| width > 0 && !reaches_aws) else {
            return Ok(None);
        };
        let version = self.version.as_deref().unwrap_or("$LATEST");
        let function = format!("{name}:{version}");
        let invocation = SelfInvocation::new(config, &function, self.lambda_endpoint.as_deref());
        Ok(invocation.map(|invocation| (invocation, width as usize)))
    }

    #[cfg(feature = "apigateway")]
    fn transports(&self, config: SdkConfig, url: Option<&str>) -> Result<Transports, Error> {
        match url {
            Some(url) if url.starts_with("http://") || url.starts_with("https://") => {
                Ok(Transports::one(self.client.connect(&config, url)))
            }
            Some(url) => Err(format!(
                "`{url}` is no URL of a management API: it begins with https://"
            )
            .into()),
            None => Ok(Transports::each_api(config, self.client)),
        }
    }

    #[cfg(all(feature = "dynamodb", not(feature = "apigateway")))]
    fn transports(&self, _: SdkConfig, _: Option<&str>) -> Result<Transports, Error> {
        Err("give `App::transport`: the feature `apigateway` is off".into())
    }

    #[cfg(not(feature = "sdk"))]
    async fn aws(
        &self,
        store: Option<Arc<dyn DynStore>>,
        _: Option<Arc<dyn DynTransport>>,
        _: impl Future<Output = Result<SdkConfig, Error>>,
    ) -> Result<Backend, Error> {
        match (store, &self.table) {
            (None, None) => Err(no_table()),
            (None, Some(_)) => Err("give `App::store`: the feature `dynamodb` is off".into()),
            (Some(_), _) => Err("give `App::transport`: the feature `apigateway` is off".into()),
        }
    }
}

/// Reads a number from a variable.
fn number(name: &str, value: Option<&str>, default: u32, least: u32) -> Result<u32, Error> {
    let Some(value) = value else {
        return Ok(default);
    };
    let number = value.parse().ok().filter(|number| *number >= least);
    number.ok_or_else(|| format!("{name} is `{value}`: it is a number of at least {least}").into())
}

fn no_table() -> Error {
    format!(
        "{TABLE} is not set: name the DynamoDB table of the connections in the function's \
         environment, or keep them elsewhere with `App::store`"
    )
    .into()
}

#[cfg(test)]
mod tests;
