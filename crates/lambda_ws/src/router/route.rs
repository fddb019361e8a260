//! A route.

use crate::event::{Event, Kind, Message, Trigger};
use crate::extract::FromEvent;
use crate::handler::Handler;
use crate::response::{IntoResponse, IntoResult, Response, TwoWay};
use futures_util::future::BoxFuture;
use std::sync::Arc;

type Call<K, S> = dyn Fn(Event<K>, S) -> BoxFuture<'static, Response> + Send + Sync;

pub(super) struct Route<K, S>(Arc<Call<K, S>>);

impl<K: Kind, S: Clone + Send + Sync + 'static> Route<K, S> {
    pub(super) fn with_state(self, state: &S) -> Route<K, ()> {
        let state = state.clone();
        Route(Arc::new(move |event, ()| (self.0)(event, state.clone())))
    }
}

impl<K> Route<K, ()> {
    pub(super) fn call(&self, event: Event<K>) -> BoxFuture<'static, Response> {
        (self.0)(event, ())
    }
}

impl<K, S> Clone for Route<K, S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

pub(super) fn handled<K, S, H, Args>(handler: H) -> Route<K, S>
where
    K: Kind,
    S: Clone + Send + Sync + 'static,
    H: Handler<Args, Future: Send>,
    H::Output: IntoResponse<K>,
    H::Args: FromEvent<K, S> + Send + 'static,
{
    Route(Arc::new(move |event, state| {
        let handler = handler.clone();
        Box::pin(async move {
            match args::<H::Args, K, S>(&event, &state).await {
                Ok(args) => handler.call(args).await.into_response(),
                Err(refused) => refused,
            }
        })
    }))
}

pub(super) fn handled_two_way<S, H, Args>(handler: H) -> Route<Message, S>
where
    S: Clone + Send + Sync + 'static,
    H: Handler<Args, Future: Send>,
    H::Output: IntoResponse<TwoWay>,
    H::Args: FromEvent<Message, S> + Send + 'static,
{
    Route(Arc::new(move |event: Event<Message>, state| {
        let handler = handler.clone();
        Box::pin(async move {
            let mut response = match args::<H::Args, Message, S>(&event, &state).await {
                Ok(args) => handler.call(args).await.into_response(),
                Err(refused) => refused,
            };
            // A message through `$default` has no route response.
            response.two_way = event.data.selected.is_none();
            response
        })
    }))
}

pub(super) fn handled_trigger<S, H, Args>(handler: H) -> Route<Trigger, S>
where
    S: Clone + Send + Sync + 'static,
    H: Handler<Args, Future: Send>,
    H::Output: IntoResult,
    H::Args: FromEvent<Trigger, S> + Send + 'static,
{
    Route(Arc::new(move |event: Event<Trigger>, state| {
        let handler = handler.clone();
        Box::pin(async move {
            match args::<H::Args, Trigger, S>(&event, &state).await {
                Ok(args) => handler.call(args).await.into_result(),
                Err(refused) => refused,
            }
        })
    }))
}

/// What a handler asks of an event, or the response that refuses it.
async fn args<A: FromEvent<K, S>, K, S>(event: &Event<K>, state: &S) -> Result<A, Response> {
    let args = A::from_event(event, state).await;
    args.map_err(IntoResponse::<K>::into_response)
}
