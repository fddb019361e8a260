//! The HTTP service beside the handlers.

use super::Router;
use super::handlers::set;
use crate::auth::Tickets;
use crate::error::BoxError;
use crate::sender::Sender;
use futures_util::future::BoxFuture;
use lambda_http::request::LambdaRequest;
use lambda_http::{Adapter, IntoResponse, LambdaEvent, Request};
use lambda_runtime::tower::{Service, ServiceExt, service_fn};
use serde_json::value::{RawValue, to_raw_value};
use std::sync::Arc;

/// A request to the HTTP service.
pub(crate) struct HttpCall {
    pub(crate) request: LambdaRequest,
    pub(crate) context: lambda_http::Context,
    pub(crate) sender: Sender,
}

type Call = dyn Fn(HttpCall) -> BoxFuture<'static, Result<Box<RawValue>, BoxError>> + Send + Sync;

/// A service of any type.
pub(super) type HttpService = Arc<Call>;

impl<S> Router<S> {
    /// Serves the HTTP requests of the same function with a service of [tower](https://docs.rs/tower), such as an
    /// `axum::Router`: pages, webhooks, an endpoint that issues tickets or publishes.
    ///
    /// It gets the events of API Gateway's HTTP APIs (payload format 2.0 and 1.0) and REST APIs, of function URLs and of
    /// Application Load Balancers, as requests of [`lambda_http`](https://docs.rs/lambda_http), whose `RequestExt` has
    /// the rest of the event. A [`Sender`](crate::Sender) and [`Tickets`] are extensions of each request.
    ///
    /// ```
    /// use axum::extract::Extension;
    /// use axum::routing::post;
    /// use lambda_ws::{Router, Sender};
    ///
    /// async fn publish(Extension(sender): Extension<Sender>, text: String) -> Result<String, String> {
    ///     let sent = sender.everyone().send(text).await;
    ///     let delivery = sent.map_err(|error| error.to_string())?;
    ///     Ok(format!("{} sent\n", delivery.sent))
    /// }
    ///
    /// let http = axum::Router::new().route("/publish", post(publish));
    /// let router: Router = Router::new().http(http);
    /// ```
    ///
    /// [Layers](Self::layer) of this router do not see the requests: add them to the service. Sending needs
    /// `AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI`, because a request does not contain the URL; tickets and
    /// [`Kv`](crate::Kv) need only the table. Broadcasts return within 25 s, before API Gateway gives up.
    ///
    /// An error of the service, or a panic, fails the invocation; the client sees 500 or 502.
    ///
    /// # Panics
    ///
    /// If there is such a service already.
    #[track_caller]
    pub fn http<T>(mut self, service: T) -> Self
    where
        T: Service<Request> + Clone + Send + Sync + 'static,
        T::Response: IntoResponse + Send + 'static,
        T::Error: Into<BoxError> + Send + 'static,
        T::Future: Send + 'static,
    {
        let call = move |call: HttpCall| -> BoxFuture<'static, _> {
            let (service, sender) = (service.clone(), call.sender);
            let service = service_fn(move |mut request: Request| {
                request.extensions_mut().insert(Tickets::of(sender.clone()));
                request.extensions_mut().insert(sender.clone());
                service.clone().oneshot(request)
            });
            let event = LambdaEvent::new(call.request, call.context);
            let response = Adapter::from(service).call(event);
            Box::pin(async move { Ok(to_raw_value(&response.await.map_err(Into::into)?)?) })
        };
        set(&mut self.http, "http", Arc::new(call));
        self
    }
}

impl Router {
    /// The HTTP service, if there is one.
    pub(crate) fn http_service(&self) -> Option<&Call> {
        self.http.as_deref()
    }
}
