//! The application under test.

use crate::app::{Backend, Dispatcher, InvocationContext};
use crate::error::BoxError;
use crate::event::AnyEvent;
use crate::response::Response;
use futures_util::future::BoxFuture;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use tower_service::Service;

/// The application under test: from an event's JSON to the response's.
pub(super) struct App(Box<Call>);

type Call = dyn Fn(String) -> Invoked + Send + Sync;

/// One invocation.
pub(super) type Invoked = BoxFuture<'static, Result<Vec<u8>, BoxError>>;

impl App {
    pub(super) fn new<S>(service: S, backend: Backend) -> Self
    where
        S: Service<AnyEvent, Response = Response> + Clone + Send + 'static,
        S::Error: Into<BoxError>,
        S::Future: Send,
    {
        let host = Dispatcher::new(Shared(Mutex::new(service)), backend);
        Self(Box::new(move |json| {
            let host = host.clone();
            Box::pin(async move {
                let reply = host.call(&json, InvocationContext::default()).await?;
                Ok(serde_json::to_vec(&reply)?)
            })
        }))
    }

    pub(super) fn invoke(&self, json: String) -> Invoked {
        (self.0)(json)
    }
}

/// A service that several threads may clone, though it may not be `Sync` itself.
struct Shared<S>(Mutex<S>);

impl<S: Clone> Clone for Shared<S> {
    fn clone(&self) -> Self {
        let service = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Self(Mutex::new(service.clone()))
    }
}

impl<S: Service<AnyEvent>> Service<AnyEvent> for Shared<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let service = self.0.get_mut();
        service
            .unwrap_or_else(PoisonError::into_inner)
            .poll_ready(cx)
    }

    fn call(&mut self, event: AnyEvent) -> S::Future {
        let service = self.0.get_mut();
        service.unwrap_or_else(PoisonError::into_inner).call(event)
    }
}
