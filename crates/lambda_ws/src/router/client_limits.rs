//! Limits around a router.

use super::Router;
use super::layer::RouterService;
use crate::client_limits::{ClientLimits, Limiter};
use crate::context::Context;
use crate::error::{BoxError, Error};
use crate::event::{AnyEvent, Authorize, EventData};
use crate::response::{IntoResponse, Response};
use crate::sender::Sender;
use crate::store::Record;
use futures_util::future::BoxFuture;
use lambda_runtime::tower::util::BoxCloneSyncService;
use lambda_runtime::tower::{ServiceExt, service_fn};
use std::sync::Arc;

/// Applies limits. Only [`Router::client_limits`] creates one, so that a program without limits does not contain the
/// code.
pub(crate) trait ApplyLimits: Send + Sync {
    /// Wraps the router and its layers. `authorizes` is whether the router has an authorizer.
    fn wrap(self: Arc<Self>, service: RouterService, authorizes: bool) -> RouterService;

    /// Returns the response to the handshake of a registered connection that must be removed again.
    fn registered<'a>(
        &'a self,
        record: &'a Record,
        context: &'a Context,
        sender: &'a Sender,
    ) -> BoxFuture<'a, Option<Response>>;
}

impl ApplyLimits for Limiter {
    fn wrap(self: Arc<Self>, service: RouterService, authorizes: bool) -> RouterService {
        BoxCloneSyncService::new(service_fn(move |event| {
            let (limiter, service) = (self.clone(), service.clone());
            async move { limiter.serve(event, service, authorizes).await }
        }))
    }

    fn registered<'a>(
        &'a self,
        record: &'a Record,
        context: &'a Context,
        sender: &'a Sender,
    ) -> BoxFuture<'a, Option<Response>> {
        Box::pin(async move {
            let exceeds = self.exceeds_registered(record, context, sender).await;
            exceeds.then(Limiter::too_many)
        })
    }
}

impl Limiter {
    async fn serve(
        &self,
        event: AnyEvent,
        service: RouterService,
        authorizes: bool,
    ) -> Result<Response, BoxError> {
        match &event.data {
            EventData::Message(message) => {
                if let Some(response) = self.message(&event, message.body.len()).await {
                    return Ok(response);
                }
            }
            EventData::Authorize(_) if self.rejects(&event).await => {
                let error = Error::forbidden("too many connections");
                return Ok(IntoResponse::<Authorize>::into_response(error));
            }
            EventData::Connect(_) => {
                // The authorizer of this router has counted it.
                let is_counted = authorizes && event.context().authorizer().is_some();
                if !is_counted && self.rejects(&event).await {
                    return Ok(Self::too_many());
                }
                let (context, sender) = (event.context.clone(), event.sender.clone());
                let response = service.oneshot(event).await?;
                let is_accepted = response.status().is_success();
                return match is_accepted && self.has_too_many(&context, &sender).await {
                    true => Ok(Self::too_many()),
                    false => Ok(response),
                };
            }
            _ => {}
        }
        service.oneshot(event).await
    }
}

impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// Limits what each client may use: messages, bytes, connections and handshakes. The limits apply before all handlers
    /// and [layers](Self::layer).
    ///
    /// ```
    /// use lambda_ws::testing::Gateway;
    /// use lambda_ws::{ClientLimits, Rate, Router};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let limits = ClientLimits::new().messages_per_connection(Rate::per_second(2));
    /// let router = Router::new().fallback(async || "ok").client_limits(limits);
    /// let gateway = Gateway::new(router);
    /// let mut ann = gateway.connect("/").await.expect("accepted");
    /// for _ in 0..3 {
    ///     ann.send("hello").await;
    /// }
    /// let [first, second, third] = ann.recv_all().try_into().expect("three answers");
    /// assert_eq!([first, second], ["ok", "ok"]);
    /// assert!(third.contains(r#""code":"too_many_requests""#) && third.contains(r#""retry":500"#));
    ///
    /// gateway.advance(Duration::from_millis(500)).await;
    /// ann.send("hello").await;
    /// assert_eq!(ann.recv().await, "ok");
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// If the router already has limits.
    #[track_caller]
    pub fn client_limits(mut self, limits: ClientLimits) -> Self {
        let limiter: Arc<dyn ApplyLimits> = Arc::new(Limiter::new(limits));
        super::set(&mut self.client_limits, "client_limits", limiter);
        self
    }
}

impl Router {
    /// Returns what limits clients, if the router has limits.
    pub(crate) fn limiter(&self) -> Option<&dyn ApplyLimits> {
        self.client_limits.as_deref()
    }
}
