//! A program that serves the events of a WebSocket API.

mod backend;
mod dispatch;
mod environment;
mod error;
mod failure;
mod from_env;
mod lambda_response;
mod lease;
mod logs;
#[cfg(feature = "otel")]
mod otel;
mod quota;
mod rate_share;
mod runtime;
#[cfg(feature = "sdk")]
mod sdk;
mod service;
mod shutdown;
#[cfg(feature = "apigateway")]
mod task_invocation;
/// Stands in for the AWS SDK: the caller provides the store and the transport.
#[cfg(not(feature = "sdk"))]
mod sdk {
    pub(super) type SdkConfig = ();

    pub(super) fn required(_: impl Fn(&str) -> Option<String>) -> Vec<&'static str> {
        Vec::new()
    }

    pub(super) fn of_function() {}

    pub(super) async fn of_program() {}
}
#[cfg(test)]
mod tests;

pub(crate) use backend::{Backend, Transports};
pub(crate) use dispatch::{Dispatcher, InvocationContext};
pub(crate) use environment::Environment;
pub use service::{AppResponse, AppService, InvocationError};

use crate::error::Error;
use crate::router::Router;
use crate::store::{DynStore, Store};
use crate::transport::{DynTransport, Transport};
use shutdown::{Hook, Shutdown};
use std::sync::Arc;
use std::time::Instant;

/// Serves the events of a WebSocket API with `router`. Call it at the end of `main`: it runs as long as the process
/// lives.
///
/// ```no_run
/// use lambda_ws::{Error, Router};
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Error> {
///     lambda_ws::run(Router::new().fallback(async || "hello")).await
/// }
/// ```
///
/// # Environment
///
/// | variable | meaning |
/// |---|---|
/// | `CONNECTIONS_TABLE` | the DynamoDB table of the connections, a separate one for each stage; required in Lambda |
/// | `CONNECTIONS_TABLE_ATTRIBUTES` | the names of the table's partition key, sort key and TTL attribute: `pk,sk,exp` |
/// | `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI` | the URL of the management API; by default it is derived from each event (conformance K7) |
/// | `SEND_RATE` | the maximum number of messages per second and process; by default half of the account's default quota in `AWS_REGION`: 5000, or 1250 in the 13 Regions with a quota of 2500 |
/// | `SLOW_CLOSE` | the seconds after which a [slow client](crate::Sender#slow-clients) is disconnected: 60; 0 for never |
/// | `SEND_TASKS` | the number of tasks that share a broadcast that does not fit into one invocation: 4; 0 turns off all self-invocations |
/// | `TASK_FUNCTION` | the name or ARN of the function that runs [follow-up tasks](crate::guide::tasks#a-function-for-tasks); by default the function itself |
/// | `AWS_LAMBDA_FUNCTION_NAME`, `AWS_LAMBDA_FUNCTION_VERSION` | set by Lambda; the function uses them to invoke itself |
/// | `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` | set by Lambda; for profiles and roles use [`App::config`] |
/// | `AWS_CONTAINER_CREDENTIALS_FULL_URI`, `AWS_CONTAINER_AUTHORIZATION_TOKEN` | set by Lambda with SnapStart, instead of the keys |
/// | `AWS_LAMBDA_MAX_CONCURRENCY` | set by Lambda: the maximum number of [concurrent events](crate::guide::runtime#concurrent-events) |
/// | `AWS_ENDPOINT_URL_LAMBDA`, `AWS_ENDPOINT_URL_DYNAMODB`, `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT` | as for every AWS SDK |
/// | `AWS_CA_BUNDLE`, `SSL_CERT_FILE` | the certificate authorities that TLS trusts instead of Amazon's and the system's |
/// | `WARM_UP` | `off` connects to AWS with the first event instead of before it |
/// | `METRICS_NAMESPACE` | turns on [metrics](crate::operations) in this CloudWatch namespace |
/// | `AWS_LAMBDA_LOG_FORMAT` | `JSON` for JSON logs |
/// | `AWS_LAMBDA_LOG_LEVEL`, `RUST_LOG` | the log level; `INFO` by default |
///
/// Each stage needs its own table. In a shared table a room contains the members of all stages, and every message
/// costs a request for each member that it cannot reach.
///
/// `run` does not set `_X_AMZN_TRACE_ID`, because glibc never frees an old value of a variable. `lambda_runtime::run`
/// sets it and leaks about 155 bytes per event. Log lines contain the trace id, and handlers read it from
/// [`Context::trace_id`](crate::Context::trace_id). The requests of an event carry it in the header `X-Amzn-Trace-Id`:
/// see [Tracing](crate::guide::tracing).
///
/// `sam local` does not support websockets. Under it, connections are kept in memory and messages are logged instead
/// of sent, unless the two endpoint variables are set.
///
/// # Publishing
///
/// Other programs can publish through the function with an event such as `{"publish": {"room": "prices", "data":
/// {"tea": 3}}}`. It arrives by direct invocation, in the message of an SNS notification, in the body of an SQS
/// message, or in the `detail` of an EventBridge event. An SQS message or SNS notification may itself contain an
/// event of SNS or EventBridge.
///
/// The recipients are a `room`, a `user`, a `connection` (by its id) or, with `"everyone": true`, all connections.
/// `data` is text, or any JSON value, which is sent as JSON. The response is `{"sent": 3, "gone": 0, "throttled": 0,
/// "failed": 0}`, with the number of `tasks` if follow-up tasks continue. An event for a room with
/// [history](crate::Channels::history) is appended to the log of the room, and its response contains the `position`.
///
/// Every principal that IAM allows to invoke the function may publish. `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI` is
/// required, because such an event does not contain the URL of the management API.
///
/// The response to an SQS batch names the failed messages. The trigger needs `FunctionResponseTypes:
/// [ReportBatchItemFailures]`. Without it Lambda ignores the response and deletes the failed messages. If all
/// messages fail, the invocation fails and Lambda delivers all of them again.
///
/// # Errors
///
/// Returns an error outside Lambda, and if a variable is missing or not valid. The error names the fix. Later errors
/// are responses to their event.
pub async fn run(router: Router) -> Result<(), Error> {
    App::new(router).run().await
}

/// A program that serves the events of a WebSocket API, with a configurable store, transport and AWS configuration.
/// [`run`] runs it with the defaults.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), lambda_ws::Error> {
/// use lambda_ws::{App, Router, store::Memory};
///
/// let router = Router::new().fallback(async || "hello");
/// App::new(router).store(Memory::new()).run().await
/// # }
/// ```
#[must_use = "an app does nothing until you call `run`"]
pub struct App {
    router: Router,
    store: Option<Arc<dyn DynStore>>,
    transport: Option<Arc<dyn DynTransport>>,
    config: Option<sdk::SdkConfig>,
    #[cfg(feature = "apigateway")]
    connect: Option<crate::transport::Connect>,
    shutdown: Option<Hook>,
    #[cfg(feature = "otel")]
    otel: Option<crate::otel::Otel>,
}

impl App {
    /// Creates an app that serves events with `router`. The environment configures everything else.
    pub fn new(router: Router) -> Self {
        Self {
            router,
            store: None,
            transport: None,
            config: None,
            #[cfg(feature = "apigateway")]
            connect: None,
            shutdown: None,
            #[cfg(feature = "otel")]
            otel: None,
        }
    }

    /// Stores connections in `store` instead of the table named by `CONNECTIONS_TABLE`.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Sends through `transport` instead of the API Gateway Management API.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Uses the region, credentials, endpoints, timeouts and client of `config` instead of Lambda's environment
    /// variables. Use it for credentials other than the function's role, and outside Lambda.
    /// `aws_config::load_defaults` also reads profiles and makes the program 0.8 MB larger. Pass it an
    /// [`https_client`](crate::transport::https_client).
    #[cfg(feature = "sdk")]
    pub fn config(mut self, config: aws_config::SdkConfig) -> Self {
        self.config = Some(config);
        self
    }

    /// Sends through the AWS SDK ([`AwsSdk`](crate::transport::AwsSdk)) instead of
    /// [`ApiGateway`](crate::transport::ApiGateway), for a custom HTTP client in [`App::config`], or to diagnose a problem.
    /// The results are the same, at about six times the CPU time. The program becomes 0.2 MB larger.
    #[cfg(feature = "apigateway")]
    pub fn send_with_sdk(mut self) -> Self {
        self.connect = Some(crate::transport::sdk);
        self
    }

    /// Calls `hook` once, when the process is asked to end: to flush telemetry, for example.
    ///
    /// ```no_run
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), lambda_ws::Error> {
    /// use lambda_ws::{App, Router};
    ///
    /// let router = Router::new().fallback(async || "hello");
    /// App::new(router).on_shutdown(async || println!("the end")).run().await
    /// # }
    /// ```
    ///
    /// The hook runs at SIGTERM, at SIGINT, and if the Runtime API does not answer. [`run`](App::run) returns after it,
    /// or after 2 s. Lambda sends SIGTERM before it removes an execution environment, but only to functions with an
    /// extension. So this registers an internal extension, `lambda-ws-shutdown`, which subscribes to no events. Lambda
    /// kills the process 500 ms after the signal, or 2 s after it if the function also has an external extension
    /// ([AWS](https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html#runtimes-lifecycle-shutdown)).
    /// There is no signal after a crash or a timeout.
    ///
    /// The local gateway sends SIGTERM too, and kills the process 500 ms later.
    ///
    /// [`into_service`](App::into_service) has no loop of its own and ignores the hook. Call
    /// `lambda_runtime::spawn_graceful_shutdown_handler` there.
    pub fn on_shutdown<F, Fut>(mut self, hook: F) -> Self
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.shutdown = Some(Box::new(|| Box::pin(hook())));
        self
    }

    /// Sends traces of events to a collector of OpenTelemetry.
    #[cfg(feature = "otel")]
    pub fn otel(mut self, otel: crate::otel::Otel) -> Self {
        self.otel = Some(otel);
        self
    }

    /// Runs it: see [`run`].
    ///
    /// # Errors
    ///
    /// See [`run`].
    pub async fn run(mut self) -> Result<(), Error> {
        let environment = self.environment();
        let runtime = environment.runtime()?;
        let shutdown = self.shutdown.take();
        let dispatcher = Arc::new(self.start(&environment).await?);
        let shutdown = match shutdown {
            Some(hook) => Some(Shutdown::prepare(hook, &runtime).await?),
            None => None,
        };
        if environment.is_restored {
            runtime.restored().await?;
            dispatcher.restored(environment.warms_up).await;
        }
        let events = runtime.run(dispatcher);
        match shutdown {
            Some(shutdown) => shutdown.after(events).await,
            None => events.await,
        }
        .map_err(Error::from)
    }

    /// Returns the application as a tower service, for the runtime of `lambda_runtime` and its layers.
    ///
    /// ```no_run
    /// use lambda_runtime::{Runtime, layers::TracingLayer};
    /// use lambda_ws::{App, Error, Router};
    ///
    /// #[tokio::main(flavor = "current_thread")]
    /// async fn main() -> Result<(), Error> {
    ///     let router = Router::new().fallback(async || "hello");
    ///     let service = App::new(router).into_service().await?;
    ///     Runtime::new(service).layer(TracingLayer::new()).run().await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// With SnapStart register a clone of the service too, so that it opens new connections after a restore:
    /// `runtime.register_snapstart_resource(Arc::new(service.clone()))`.
    ///
    /// It reads the same environment as [`run`], except `AWS_LAMBDA_RUNTIME_API`, `AWS_LAMBDA_MAX_CONCURRENCY` and
    /// `AWS_LAMBDA_INITIALIZATION_TYPE`, which are the runtime's. It arranges logs as [`run`] does, unless the program
    /// has set a subscriber of `tracing` before. See [the chapter](crate::guide::runtime).
    ///
    /// # Errors
    ///
    /// If a variable is missing or not valid.
    pub async fn into_service(self) -> Result<AppService, Error> {
        let environment = self.environment();
        let dispatcher = self.start(&environment).await?;
        Ok(AppService::new(Arc::new(dispatcher), environment.warms_up))
    }

    fn environment(&self) -> Environment {
        let environment = Environment::process();
        #[cfg(feature = "apigateway")]
        let environment = environment.connecting(self.connect);
        environment
    }

    /// Prepares everything that events need.
    async fn start(self, environment: &Environment) -> Result<Dispatcher, Error> {
        let began = Instant::now();
        #[cfg(not(feature = "otel"))]
        logs::begin();
        #[cfg(feature = "otel")]
        logs::begin(self.otel.as_ref());
        let metrics = environment.metrics()?;
        let backend = environment
            .function(self.store, self.transport, self.config)
            .await?;
        if environment.warms_up {
            backend.warm().await;
        }
        let backend = match metrics {
            Some(metrics) => {
                metrics.started(began.elapsed());
                backend.measured(metrics)
            }
            None => backend,
        };
        let dispatcher = Dispatcher::new(self.router, backend);
        #[cfg(feature = "otel")]
        let dispatcher = dispatcher.traced(self.otel);
        Ok(dispatcher)
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}
