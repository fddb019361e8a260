//! Layers around a router.

use super::Router;
use crate::error::BoxError;
use crate::event::AnyEvent;
use crate::response::Response;
use lambda_runtime::tower::util::BoxCloneSyncService;
use lambda_runtime::tower::{Layer, Service, ServiceExt, service_fn};
use std::sync::Arc;

/// The service that a layer wraps: a router and the layers that were added to it before.
pub type RouterService = BoxCloneSyncService<AnyEvent, Response, BoxError>;

pub(super) type ApplyLayer = dyn Fn(RouterService) -> RouterService + Send + Sync;

impl<S> Router<S> {
    /// Wraps the router in a [tower](https://docs.rs/tower) layer, which gets every event before the router selects a
    /// handler.
    ///
    /// A layer may add [extensions](crate::Extension) to an event, limit its time, or respond itself. A failed layer
    /// is an internal error. Each layer wraps the whole router with all earlier layers, so the last layer gets an
    /// event first. The order of [`route`](Self::route) and `layer` does not matter: a layer also wraps handlers that
    /// are added, or [merged](Self::merge), after it.
    ///
    /// ```
    /// use lambda_ws::{AnyEvent, Extension, Router};
    /// use tower::util::MapRequestLayer;
    /// # use lambda_ws::testing::Gateway;
    ///
    /// #[derive(Clone)]
    /// struct Stage(String);
    ///
    /// let add_stage = MapRequestLayer::new(|mut event: AnyEvent| {
    ///     let stage = Stage(event.context().stage().to_owned());
    ///     event.extensions.insert(stage);
    ///     event
    /// });
    /// let router = Router::new()
    ///     .fallback(async |Extension(stage): Extension<Stage>| stage.0)
    ///     .layer(add_stage);
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let mut ann = Gateway::new(router).connect("/").await.unwrap();
    /// # ann.send("hello").await;
    /// # assert_eq!(ann.recv().await, "test");
    /// # });
    /// ```
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<RouterService> + Send + Sync + 'static,
        L::Service: Service<AnyEvent, Response = Response> + Clone + Send + Sync + 'static,
        <L::Service as Service<AnyEvent>>::Error: Into<BoxError>,
        <L::Service as Service<AnyEvent>>::Future: Send + 'static,
    {
        self.layers.push(Arc::new(move |service| {
            BoxCloneSyncService::new(layer.layer(service).map_err(Into::into))
        }));
        self
    }
}

impl Router {
    pub(crate) fn layered(self: &Arc<Self>) -> Option<RouterService> {
        if self.layers.is_empty() && self.client_limits.is_none() {
            return None;
        }
        let router = self.clone();
        let innermost = BoxCloneSyncService::new(service_fn(move |event| {
            let router = router.clone();
            async move { Ok(router.respond(event).await) }
        }));
        let layers = self.layers.iter();
        let service = layers.fold(innermost, |service, apply| apply(service));
        Some(match self.client_limits.clone() {
            // The outermost layer: what is over a limit costs as little as possible.
            Some(limits) => limits.wrap(service, self.handlers.authorize.is_some()),
            None => service,
        })
    }
}
