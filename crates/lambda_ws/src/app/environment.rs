//! The configuration from the environment.

use super::backend::{Backend, Transports};
use super::quota::send_rate;
use super::runtime::Runtime;
use super::sdk::{self, SdkConfig};
#[cfg(feature = "apigateway")]
use super::task_invocation::{TaskInvocation, names_function};
use crate::error::Error;
use crate::metrics::Metrics;
use crate::sender::SLOW_CLOSE;
use crate::store::{DynStore, Memory};
use crate::transport::{DynTransport, LogOnly};
use std::sync::Arc;
use std::time::Duration;
use tracing::warn;

const TABLE: &str = "CONNECTIONS_TABLE";
/// The names of the table's partition key, sort key and TTL attribute, if they are not `pk,sk,exp`.
#[cfg(feature = "sdk")]
const TABLE_ATTRIBUTES: &str = "CONNECTIONS_TABLE_ATTRIBUTES";
const ENDPOINT: &str = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI";
const DYNAMODB_ENDPOINT: &str = "AWS_ENDPOINT_URL_DYNAMODB";
const RUNTIME_API: &str = "AWS_LAMBDA_RUNTIME_API";
/// Lambda's initialization type: `on-demand`, `provisioned-concurrency` or `snap-start`.
const INITIALIZATION: &str = "AWS_LAMBDA_INITIALIZATION_TYPE";
const MAX_CONCURRENCY: &str = "AWS_LAMBDA_MAX_CONCURRENCY";
const SAM_LOCAL: &str = "AWS_SAM_LOCAL";
const RATE: &str = "SEND_RATE";
const REGION: &str = "AWS_REGION";
/// 0 disables closing.
const SLOW: &str = "SLOW_CLOSE";
#[cfg(feature = "apigateway")]
/// 0 disables tasks.
const TASKS: &str = "SEND_TASKS";
#[cfg(feature = "apigateway")]
/// The function that runs the tasks; by default it is this function.
const TASK_FUNCTION: &str = "TASK_FUNCTION";
#[cfg(feature = "apigateway")]
const LAMBDA_ENDPOINT: &str = "AWS_ENDPOINT_URL_LAMBDA";
const FUNCTION_NAME: &str = "AWS_LAMBDA_FUNCTION_NAME";
#[cfg(feature = "apigateway")]
const FUNCTION_VERSION: &str = "AWS_LAMBDA_FUNCTION_VERSION";
const METRICS: &str = "METRICS_NAMESPACE";
/// Any value other than `off` is the default.
const WARM_UP: &str = "WARM_UP";
/// The maximum length of a CloudWatch namespace, in characters.
const LONGEST_NAMESPACE: usize = 255;

/// Returns a variable of the process. An empty variable counts as unset.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The configuration from the environment, read once.
#[derive(Debug, Default)]
pub(crate) struct Environment {
    table: Option<String>,
    #[cfg(feature = "sdk")]
    table_attributes: Option<String>,
    endpoint: Option<String>,
    dynamodb_endpoint: bool,
    /// The missing variables of an AWS account.
    missing: Vec<&'static str>,
    runtime_api: Option<String>,
    /// Lambda restores the program from a snapshot before it sends events.
    pub(crate) is_restored: bool,
    /// The most events that Lambda sends at once (Lambda Managed Instances).
    max_concurrency: Option<String>,
    is_sam_local: bool,
    #[cfg(feature = "apigateway")]
    /// `None` for our own client.
    connect: Option<crate::transport::Connect>,
    rate: Option<String>,
    region: Option<String>,
    slow_close: Option<String>,
    #[cfg(feature = "apigateway")]
    tasks: Option<String>,
    #[cfg(feature = "apigateway")]
    task_function: Option<String>,
    #[cfg(feature = "apigateway")]
    lambda_endpoint: Option<String>,
    function: Option<String>,
    #[cfg(feature = "apigateway")]
    version: Option<String>,
    metrics: Option<String>,
    /// Whether the program connects to AWS before the first event.
    pub(crate) warms_up: bool,
}

impl Environment {
    pub(crate) fn process() -> Self {
        Self::read(variable)
    }

    /// Reads variables through a function.
    pub(crate) fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        Self {
            table: variable(TABLE),
            #[cfg(feature = "sdk")]
            table_attributes: variable(TABLE_ATTRIBUTES),
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
            connect: None,
            rate: variable(RATE),
            region: variable(REGION),
            slow_close: variable(SLOW),
            #[cfg(feature = "apigateway")]
            tasks: variable(TASKS),
            #[cfg(feature = "apigateway")]
            task_function: variable(TASK_FUNCTION),
            #[cfg(feature = "apigateway")]
            lambda_endpoint: variable(LAMBDA_ENDPOINT),
            function: variable(FUNCTION_NAME),
            #[cfg(feature = "apigateway")]
            version: variable(FUNCTION_VERSION),
            metrics: variable(METRICS),
            warms_up: variable(WARM_UP).as_deref() != Some("off"),
        }
    }

    /// Creates transports with `connect`, if it is given.
    #[cfg(feature = "apigateway")]
    pub(super) fn connecting(mut self, connect: Option<crate::transport::Connect>) -> Self {
        self.connect = connect;
        self
    }

    /// Returns the loop that takes events from Lambda.
    ///
    /// # Errors
    ///
    /// The Lambda Runtime API is missing.
    pub(super) fn runtime(&self) -> Result<Runtime, Error> {
        let workers = number(MAX_CONCURRENCY, self.max_concurrency.as_deref(), 1, 1)?;
        match &self.runtime_api {
            Some(address) => Runtime::new(address, workers as usize),
            None => Err(
                "this program is an AWS Lambda function, but AWS_LAMBDA_RUNTIME_API is not set: run it with \
                 `lambda-ws-local -- cargo run` (in this project's workspace: `cargo dev`), or \
                 deploy it"
                    .into(),
            ),
        }
    }

    /// Returns an error without a region or credentials, which Lambda sets.
    fn check_account(&self) -> Result<(), Error> {
        match self.missing.is_empty() {
            true => Ok(()),
            false => Err(format!(
                "environment variables are missing that Lambda sets: {}; fix outside Lambda: \
                 `export AWS_REGION=<region>` and `eval \"$(aws configure export-credentials --format env)\"`, or use \
                 `App::config`",
                self.missing.join(", ")
            )
            .into()),
        }
    }

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
                "{METRICS} is `{namespace}`: expected a CloudWatch namespace of up to {LONGEST_NAMESPACE} letters, digits \
                 and `.-_/#:` that begins neither with `:` nor with `AWS/`"
            )
            .into()),
        }
    }

    /// Returns the backend of a function. Given parts replace those from the environment.
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

    /// Returns the backend of a program outside Lambda.
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
        // `sam local` passes the developer's real credentials: no request may reach AWS by accident.
        if self.is_sam_local && !(self.endpoint.is_some() && self.dynamodb_endpoint) {
            warn!(
                "running under `sam local`: connections are kept in memory, and messages are only logged"
            );
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
        // Checked first, because it is the most frequent mistake.
        let table = match (&store, &self.table) {
            (None, None) => return Err(no_table()),
            (_, table) => table.clone().unwrap_or_default(),
        };
        let config = config.await?;
        let store = match store {
            Some(store) => store,
            None => sdk::store(&config, table, self.table_attributes()?)?,
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

    #[cfg(feature = "sdk")]
    fn table_attributes(&self) -> Result<crate::store::TableAttributes, Error> {
        let Some(names) = &self.table_attributes else {
            return Ok(crate::store::TableAttributes::default());
        };
        let names = names.parse();
        names.map_err(|error| format!("{TABLE_ATTRIBUTES} is not valid: {error}").into())
    }

    /// Returns what queues tasks, and the number of tasks that share a broadcast.
    #[cfg(feature = "apigateway")]
    fn tasks(&self, config: &SdkConfig) -> Result<Option<(TaskInvocation, usize)>, Error> {
        let default = crate::sender::SEND_TASKS as u32;
        let width = number(TASKS, self.tasks.as_deref(), default, 0)?;
        // Under `sam local` without an endpoint, the tasks would reach AWS.
        let reaches_aws = self.is_sam_local && self.lambda_endpoint.is_none();
        let region = config.region().map(|region| region.as_ref());
        let function = self.function_of_tasks(region)?;
        let Some(function) = function.filter(|_| width > 0 && !reaches_aws) else {
            return Ok(None);
        };
        let invocation = TaskInvocation::new(config, &function, self.lambda_endpoint.as_deref());
        Ok(invocation.map(|invocation| (invocation, width as usize)))
    }

    /// Returns the function that runs the tasks: another one by its name or ARN, or this version of this function.
    /// Outside Lambda there may be none.
    #[cfg(feature = "apigateway")]
    fn function_of_tasks(&self, region: Option<&str>) -> Result<Option<String>, Error> {
        let own = self.function.as_deref();
        if let Some(other) = &self.task_function
            && own != Some(other)
        {
            return match names_function(other, region) {
                true => Ok(Some(other.clone())),
                false => Err(format!(
                    "{TASK_FUNCTION} is `{other}`: expected the name or the ARN of a function in this Region, with or \
                     without a version or an alias"
                )
                .into()),
            };
        }
        let version = self.version.as_deref().unwrap_or("$LATEST");
        Ok(own.map(|name| format!("{name}:{version}")))
    }

    #[cfg(feature = "apigateway")]
    fn transports(&self, config: SdkConfig, url: Option<&str>) -> Result<Transports, Error> {
        let connect = self.connect.unwrap_or(crate::transport::lean);
        match url {
            Some(url) if url.starts_with("http://") || url.starts_with("https://") => {
                Ok(Transports::one(connect(&config, url)))
            }
            Some(url) => Err(format!(
                "{ENDPOINT} is `{url}`: expected a URL that begins with https:// or http://"
            )
            .into()),
            None => Ok(Transports::each_api(config, connect)),
        }
    }

    #[cfg(all(feature = "dynamodb", not(feature = "apigateway")))]
    fn transports(&self, _: SdkConfig, _: Option<&str>) -> Result<Transports, Error> {
        Err("the feature `apigateway` is off: provide a transport with `App::transport`".into())
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
            (None, Some(_)) => {
                Err("the feature `dynamodb` is off: provide a store with `App::store`".into())
            }
            (Some(_), _) => Err(
                "the feature `apigateway` is off: provide a transport with `App::transport`".into(),
            ),
        }
    }
}

fn number(name: &str, value: Option<&str>, default: u32, least: u32) -> Result<u32, Error> {
    let Some(value) = value else {
        return Ok(default);
    };
    let number = value.parse().ok().filter(|number| *number >= least);
    number
        .ok_or_else(|| format!("{name} is `{value}`: expected a number of at least {least}").into())
}

fn no_table() -> Error {
    format!(
        "{TABLE} is not set: expected the DynamoDB table of the connections in the function's \
         environment, or another store from `App::store`"
    )
    .into()
}

#[cfg(test)]
mod tests;
