//! `$connect`.

use super::{Dispatcher, OpenedConnections};
use crate::app::backend::EventScope;
use crate::app::lambda_response::LambdaResponse;
use crate::connection::RecordCache;
use crate::context::Context;
use crate::event::{Connect, EventData};
use crate::metrics::Metric;
use crate::payload::Payload;
use crate::response::Response;
use crate::sender::{EventOrigin, Sender};
use crate::store::Record;
use crate::{ConnectionId, Timestamp};
use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderValue, StatusCode};
use lambda_ws_protocol::event::{BEARER, OfferedProtocols};
use std::error::Error;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{debug, error, warn};

/// How long `$connect` checks for a close by another event during the handshake. A sender repeats its close for longer.
const CLOSE_CHECK: Duration = Duration::from_secs(1);

impl Dispatcher {
    pub(super) async fn connect(
        &self,
        context: Context,
        data: Connect,
        scope: &EventScope,
        opened: &OpenedConnections,
    ) -> LambdaResponse {
        let offer = OfferedProtocols::of(&data.headers);
        let id = context.connection_id();
        let origin = EventOrigin::Handshake(id.clone());
        let sender = self.backend.sender_for(&context, scope, origin);
        let data = EventData::Connect(data);
        let handled = self.handle(
            context.clone(),
            data,
            sender.clone(),
            RecordCache::default(),
        );
        let mut response = handled.await;
        if !response.status.is_success() {
            return refuse(&response, scope);
        }
        choose_protocol(&mut response, &offer);
        let (record, announcements, presence) = {
            let mut registration = scope.effects.registration();
            let (id, at) = (id.clone(), context.connected_at());
            let (record, presence) = registration.take_record(id, at, context.api(), sender.now());
            let announcements = std::mem::take(&mut registration.announcements);
            (record, announcements, presence)
        };
        if !self.register(&record).await {
            return refuse(&Response::new(StatusCode::SERVICE_UNAVAILABLE), scope);
        }
        if let Some(limiter) = self.router.limiter()
            && let Some(response) = limiter.registered(&record, &context, &sender).await
        {
            self.unregister(&record).await;
            return refuse(&response, scope);
        }
        let registered = Instant::now();
        scope.count(Metric::Connects);
        let joins = self.make_present(&record, presence.as_deref()).await;
        announce(&sender, id, announcements).await;
        if self.router.handles_opened() {
            self.queue_opened(context.clone(), scope, opened).await;
        }
        if let Some(joins) = joins {
            let origin = EventOrigin::JoinedInHandshake(id.clone());
            let sender = self.backend.sender_for(&context, scope, origin);
            self.announce_joins(joins, &context, &sender).await;
        }
        if registered.elapsed() >= CLOSE_CHECK && self.is_closed(id, record.at).await {
            debug!("the connection was closed during its handshake");
            return refuse(&Response::new(StatusCode::FORBIDDEN), scope);
        }
        LambdaResponse::new(&response, None)
    }

    /// Stores a connection. Whether it is stored: a client that is connected always is.
    async fn register(&self, record: &Record) -> bool {
        let store = &self.backend.store;
        let Err(error) = store.register(record).await else {
            return true;
        };
        error!(
            error = &error as &dyn Error,
            "the connection could not be registered"
        );
        self.unregister(record).await;
        false
    }

    /// Removes a connection that is rejected.
    async fn unregister(&self, record: &Record) {
        if let Err(error) = self.backend.store.remove(&record.id, record.at).await {
            warn!(
                error = &error as &dyn Error,
                "the rejected connection could not be removed from the store; it expires there"
            );
        }
    }

    /// Returns whether another event closed a connection since its registration, and removes its record then.
    async fn is_closed(&self, id: &ConnectionId, at: Timestamp) -> bool {
        let now = self.backend.clock().now();
        let found = self.backend.store.record(id, now).await;
        let is_closed = found.is_ok_and(|record| record.is_none_or(|record| record.gone));
        if is_closed && let Err(error) = self.backend.store.remove(id, at).await {
            let error = &error as &dyn Error;
            warn!(
                error,
                "the record of a closed connection could not be removed; it expires"
            );
        }
        is_closed
    }
}

/// Rejects a handshake.
fn refuse(response: &Response, scope: &EventScope) -> LambdaResponse {
    scope.count(Metric::Refusals);
    LambdaResponse::new(response, None)
}

/// Sends the announcements of a connection to its rooms.
async fn announce(sender: &Sender, id: &ConnectionId, announcements: Vec<(String, Payload)>) {
    for (room, payload) in announcements {
        match sender.room(&*room).except(id).send(payload).await {
            Ok(delivery) if delivery.rest.is_some() => {
                error!(
                    room,
                    "the announcement did not reach all recipients before the deadline"
                );
            }
            Ok(_) => {}
            Err(error) => error!(
                room,
                error = &error as &dyn Error,
                "the announcement failed"
            ),
        }
    }
}

/// Selects the sub-protocol for a client that offers a token as one. Warns if the client will close the connection
/// (conformance B8).
fn choose_protocol(response: &mut Response, offer: &OfferedProtocols) {
    // The offered protocols are not logged: some clients send a token as a sub-protocol.
    let chosen = response.headers.get(SEC_WEBSOCKET_PROTOCOL);
    let known = |name: &str| offer.protocols.iter().any(|p| p == name);
    match chosen.map(|chosen| chosen.to_str().unwrap_or_default()) {
        Some(BEARER) if offer.token.is_some() => {}
        Some(chosen) if known(chosen) => {}
        Some(chosen) => warn!(
            chosen,
            offered = offer.protocols.len(),
            "the response selects a sub-protocol that the client did not offer: browsers close such a connection"
        ),
        None if offer.token.is_some() => {
            let bearer = HeaderValue::from_static(BEARER);
            response.headers.insert(SEC_WEBSOCKET_PROTOCOL, bearer);
        }
        None if offer.protocols.is_empty() => {}
        None => warn!(
            offered = offer.protocols.len(),
            "the client offers sub-protocols and the response selects none: browsers close such a connection; \
             fix: return the result of `Protocols::choose`"
        ),
    }
}
