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
mod runtime;
#[cfg(feature = "sdk")]
mod sdk;
#[cfg(feature = "apigateway")]
mod self_invocation;
/// Without the AWS SDK everything is given.
#[cfg(not(feature = "sdk"))]
mod sdk {
    pub(super) type SdkConfig = ();

    pub(super) const VARIABLES: [&str; 0] = [];

    pub(super) fn of_function() {}

    pub(super) async fn of_program() {}
}
#[cfg(test)]
mod tests;

pub(crate) use backend::{Backend, Transports};
pub(crate) use dispatch::{Dispatcher, InvocationContext};
pub(crate) use environment::Environment;

use crate::error::Error;
use crate::metrics::Metric;
use crate::router::Router;
use crate::store::{DynStore, Store};
use crate::transport::{DynTransport, Transport};
use std::sync::Arc;
use std::time::Instant;
use tracing::warn;

/// Serves the events of a WebSocket API with `router`, for as long as Lambda sends any: the last line of a
/// program.
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
/// | variable | |
/// |---|---|
/// | `CONNECTIONS_TABLE` | the DynamoDB table that connections are kept in, one for each stage; required in Lambda |
/// | `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI` | the management API's URL; else it is made from each event (conformance K7) |
/// | `SEND_RATE` | how many messages per second the process sends at most; by default half of the account's default quota in `AWS_REGION`: 5000, or 1250 in the 13 Regions with a quota of 2500 |
/// | `SLOW_CLOSE` | after how many seconds a [slow client](crate::Sender#slow-clients) is disconnected: 60; 0 for never |
/// | `SEND_TASKS` | the number of tasks that share a broadcast that an event has no time for: 4; 0 turns off all self-invocations |
/// | `SEND_LANE` | `sdk`, to post through the AWS SDK |
/// | `AWS_LAMBDA_FUNCTION_NAME`, `AWS_LAMBDA_FUNCTION_VERSION` | Lambda's own: how the function invokes itself |
/// | `AWS_REGION`, `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN` | Lambda's own; profiles and roles are for [`App::config`] |
/// | `AWS_ENDPOINT_URL_LAMBDA`, `AWS_ENDPOINT_URL_DYNAMODB`, `AWS_USE_FIPS_ENDPOINT`, `AWS_USE_DUALSTACK_ENDPOINT` | as for every AWS SDK |
/// | `AWS_CA_BUNDLE`, `SSL_CERT_FILE` | whom TLS trusts instead of Amazon's authorities and the system's |
/// | `WARM_UP` | `off`, to connect to AWS with the first event, and not before |
/// | `METRICS_NAMESPACE` | turns [metrics](crate::operations) on, in this namespace of CloudWatch |
/// | `AWS_LAMBDA_LOG_FORMAT` | `JSON` for JSON logs |
/// | `AWS_LAMBDA_LOG_LEVEL`, `RUST_LOG` | what is logged; `INFO` by default |
///
/// Each stage needs a table of its own. In a shared table a room has the members of all stages, and every message
/// costs a request for each member that it cannot reach.
///
/// `_X_AMZN_TRACE_ID` is not set, because glibc never frees an old value of a variable: a program that sets it for
/// every event, as `lambda_runtime::run` does, grows by about 155 bytes per event. Log lines have the trace id,
/// and handlers find it in [`Context::trace_id`](crate::Context::trace_id). The requests of an event have it in the header
/// `X-Amzn-Trace-Id`: see [Tracing](crate::guide::tracing).
///
/// Under `sam local`, which has no websockets, connections are kept in memory and messages are logged
/// instead of sent, unless the two endpoint variables are set.
///
/// # Publishing
///
/// Besides the events of its API the function serves those of others who want to reach clients: an event
/// `{"publish": {"room": "prices", "data": {"tea": 3}}}`, by direct invocation, in the message of an SNS
/// notification, in the body of an SQS message, or in the `detail` of an EventBridge event. It is for a
/// `room`, a `user`, a `connection` (by its id) or, with `"everyone": true`, all; `data` is text, or any
/// JSON, which is sent as such. The answer is `{"sent": 3, "gone": 0, "throttled": 0, "failed": 0}`, with
/// `tasks` if some go on. The text of a message or a notification may be an event of SNS or EventBridge itself. Who
/// may invoke the function may publish: IAM guards it. `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI` has to be set, because
/// such an event does not tell where clients are.
///
/// A batch of SQS is answered with the messages that failed, and the trigger needs
/// `FunctionResponseTypes: [ReportBatchItemFailures]`. Without it Lambda ignores this answer and deletes the failed
/// messages, unless all of them failed: then the invocation fails, and all are delivered again.
///
/// # Errors
///
/// Outside Lambda, and if a variable is missing or wrong: at once, with what to do. Later errors are
/// answers to their event.
pub async fn run(router: Router) -> Result<(), Error> {
    App::new(router).run().await
}

/// A program that serves the events of a WebSocket API: what [`run`] runs, with choices.
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
    #[cfg(feature = "otel")]
    otel: Option<crate::otel::Otel>,
}

impl App {
    /// An app that serves events with `router`, with everything else from the environment.
    pub fn new(router: Router) -> Self {
        Self {
            router,
            store: None,
            transport: None,
            config: None,
            #[cfg(feature = "otel")]
            otel: None,
        }
    }

    /// Keeps connections in `store` instead of the table named by `CONNECTIONS_TABLE`.
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Sends by `transport` instead of the API Gateway Management API.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Calls AWS as `config` says, with its region, credentials, endpoints, timeouts and client, instead of as the
    /// variables of Lambda's environment do. It is for other credentials than those of the function's role, and for
    /// programs that Lambda does not run: `aws_config::load_defaults` reads profiles, too, which makes them 0.8 MB
    /// larger. Give it an [`https_client`](crate::transport::https_client).
    #[cfg(feature = "sdk")]
    pub fn config(mut self, config: aws_config::SdkConfig) -> Self {
        self.config = Some(config);
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
    pub async fn run(self) -> Result<(), Error> {
        let began = Instant::now();
        let environment = Environment::process();
        let runtime = environment.runtime()?;
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
                metrics.count(Metric::ColdStarts);
                metrics.time(Metric::InitTime, began.elapsed());
                backend.measured(metrics)
            }
            None => backend,
        };
        let dispatcher = Dispatcher::new(self.router, backend);
        #[cfg(feature = "otel")]
        let dispatcher = dispatcher.traced(self.otel);
        if environment.is_concurrent {
            warn!(
                "AWS_LAMBDA_MAX_CONCURRENCY is more than 1, but this program handles one event at a time: \
                 set it to 1, and Lambda starts as many processes as it needs"
            );
        }
        if environment.is_restored {
            runtime.restored().await?;
        }
        runtime.run(dispatcher).await.map_err(Error::from)
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").finish_non_exhaustive()
    }
}
