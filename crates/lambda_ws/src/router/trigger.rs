//! Handlers of events that do not come from a connection.

use super::Router;
use super::handlers::set;
use super::route::{Route, handled_trigger};
use crate::event::{EventSource, Trigger};
use crate::extract::FromEvent;
use crate::handler::Handler;
use crate::response::IntoResult;

impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// Handles the events of another source in the same function: a schedule, a queue, a bucket, a stream.
    ///
    /// ```
    /// use aws_lambda_events::s3::S3Event;
    /// use lambda_ws::{Error, EventSource, Raw, Router, Sender};
    ///
    /// async fn uploaded(Raw(event): Raw<S3Event>, sender: Sender) -> Result<(), Error> {
    ///     for record in event.records {
    ///         let key = record.s3.object.key.unwrap_or_default();
    ///         sender.room("uploads").send(key).await?;
    ///     }
    ///     Ok(())
    /// }
    ///
    /// async fn tick(sender: Sender) -> Result<usize, Error> {
    ///     Ok(sender.everyone().send("tick").await?.sent)
    /// }
    ///
    /// let router: Router = Router::new()
    ///     .on(EventSource::S3, uploaded)
    ///     .on(EventSource::Schedule, tick);
    /// ```
    ///
    /// The handler takes the event with [`Raw`](crate::Raw), and [`Sender`](crate::Sender), [`Kv`](crate::Kv),
    /// [`State`](crate::State), [`Context`](crate::Context) and [`Extension`](crate::Extension). It returns `()` or a
    /// `Result`: see [`IntoResult`]. Its deadline is the function's timeout.
    ///
    /// [Publish events](crate::run#publishing) and the library's own tasks never get here. In a batch of SQS or a
    /// notification of SNS with both, the library publishes first, and the handler gets an event with the other records.
    ///
    /// Sending needs `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI`, because such an event does not contain the URL.
    /// Without the variable it fails with [`SendError::NoEndpoint`](crate::SendError::NoEndpoint).
    ///
    /// # Errors of the handler
    ///
    /// An error or a panic fails the invocation, and the log has its type and message. Lambda retries an asynchronous
    /// event, such as those of S3, SNS and EventBridge, and repeats a batch of SQS or a stream. To repeat only a part of
    /// a batch, return the `SqsBatchResponse` of `aws_lambda_events` and set
    /// `FunctionResponseTypes: [ReportBatchItemFailures]` at the trigger.
    ///
    /// # Panics
    ///
    /// If this source has a handler already.
    #[track_caller]
    pub fn on<H, Args>(self, source: EventSource, handler: H) -> Self
    where
        H: Handler<Args, Future: Send>,
        H::Output: IntoResult,
        H::Args: FromEvent<Trigger, S> + Send + 'static,
    {
        self.add_trigger(source, handled_trigger(handler))
    }

    /// Handles all other events that do not come from a connection: direct invocations, sources without a handler of
    /// [`on`](Self::on), and sources that [`EventSource`] does not list. It is any JSON.
    ///
    /// ```
    /// use lambda_ws::{Error, Raw, Router, Sender};
    /// use serde_json::{Value, json};
    ///
    /// async fn event(Raw(event): Raw<Value>, sender: Sender) -> Result<Value, Error> {
    ///     let delivery = sender.everyone().send(event.to_string()).await?;
    ///     Ok(json!({"sent": delivery.sent}))
    /// }
    /// # use lambda_ws::testing::Gateway;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let gateway = Gateway::new(Router::new().event(event));
    /// let mut ann = gateway.connect("/").await.expect("accepted");
    /// let result = gateway.invoke(json!({"order": 7})).await;
    /// assert_eq!(result, Ok(json!({"sent": 1})));
    /// assert_eq!(ann.recv().await, r#"{"order":7}"#);
    /// # }
    /// ```
    ///
    /// Without it such an event fails the invocation, with an error that names the missing handler.
    ///
    /// # Panics
    ///
    /// If there is such a handler already.
    #[track_caller]
    pub fn event<H, Args>(mut self, handler: H) -> Self
    where
        H: Handler<Args, Future: Send>,
        H::Output: IntoResult,
        H::Args: FromEvent<Trigger, S> + Send + 'static,
    {
        set(&mut self.handlers.event, "event", handled_trigger(handler));
        self
    }

    #[track_caller]
    pub(super) fn add_trigger(mut self, source: EventSource, route: Route<Trigger, S>) -> Self {
        let old = self.triggers.insert(source, route);
        assert!(old.is_none(), "`on({source})` is defined twice");
        self
    }
}

impl Router {
    /// The handler of an event of this source, if there is one.
    pub(super) fn trigger(&self, source: Option<EventSource>) -> Option<&Route<Trigger, ()>> {
        let own = source.and_then(|source| self.triggers.get(&source));
        own.or(self.handlers.event.as_ref())
    }

    /// Whether there is a handler of an event of this source.
    pub(crate) fn handles(&self, source: Option<EventSource>) -> bool {
        self.trigger(source).is_some()
    }
}
