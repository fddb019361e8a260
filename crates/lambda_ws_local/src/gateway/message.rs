//! The messages of a client and its last event, from the socket to the integration and back.

use super::api::Route;
use super::connection::{Close, Connection, InFlight};
use super::events;
use super::integration::{Failure, answer};
use super::state::GatewayState;
use crate::activity::{Operation, OperationKind, Outcome};
use crate::faults::{Kind, Place};
use bytes::Bytes;
use lambda_ws_protocol::limits::MESSAGE_BYTES;
use lambda_ws_protocol::response::{ErrorFrame, ProxyResponse, error_frame};
use std::fmt;
use std::sync::Arc;
use tokio::time::Instant;

/// Passes a message to its integration, in the order of the calls. The client gets the response when the integration
/// has responded (conformance F8).
pub(super) fn receive(state: &Arc<GatewayState>, connection: &Arc<Connection>, body: &str) {
    let now = state.now();
    connection.touch(now);
    let mut message = Message {
        state: Arc::clone(state),
        connection: Arc::clone(connection),
        request_id: state.new_id(),
        key: None,
        started: Instant::now(),
    };
    let Some((key, route)) = select(state, body) else {
        message.fail(ErrorFrame::Forbidden, None);
        return;
    };
    message.key = Some(Arc::clone(key));
    if !state.options.throttle.message(key) {
        message.fail(ErrorFrame::TooManyRequests, None);
        return;
    }
    if let Some(models) = &route.models
        && let Err(bad) = models.check(body)
    {
        message.fail(ErrorFrame::BadRequestBody, Some(&bad));
        return;
    }
    let event = events::message(state, connection, key, body, &message.request_id, now);
    let invocation = route.integration.invoke(event, &message.request_id);
    let in_flight = InFlight::new(connection, state.in_flight_bounds(), body.len());
    let (timeout, two_way) = (route.timeout, route.two_way);
    tokio::spawn(async move {
        match answer(invocation, timeout, in_flight).await {
            Ok(response) => message.answered(response, two_way),
            Err(failure) => message.failed(&failure),
        }
    });
}

fn select<'a>(state: &'a GatewayState, body: &str) -> Option<(&'a Arc<str>, &'a Route)> {
    let exists = |key: &str| state.route(key).is_some();
    state.route(&state.expression.route_key(body, exists)?)
}

struct Message {
    state: Arc<GatewayState>,
    connection: Arc<Connection>,
    request_id: String,
    key: Option<Arc<str>>,
    started: Instant,
}

impl Message {
    /// Handles a response. On a two-way route the client gets its body, whatever the status (conformance E2). Otherwise
    /// it is ignored (conformance E1).
    fn answered(&self, response: ProxyResponse, two_way: bool) {
        if !two_way {
            return self.observe(Outcome::Done, None);
        }
        let body = response.body.unwrap_or_default();
        if body.len() > MESSAGE_BYTES {
            let detail = "the response's body exceeds the maximum size of a message, 128 KB";
            return self.fail(ErrorFrame::InternalServerError, Some(&detail));
        }
        let outcome = if self.push(body) {
            Outcome::Answered
        } else {
            Outcome::Undelivered
        };
        self.observe(outcome, None);
    }

    fn failed(&self, failure: &Failure) {
        self.fail(failure.frame(), Some(failure));
    }

    /// Sends an error frame (conformance D4, D7, E3, E4, E5, E6).
    fn fail(&self, error: ErrorFrame, detail: Option<&dyn fmt::Display>) {
        let id = self.connection.id.as_str();
        let text = match error {
            // The message's own id, which no event contains yet.
            ErrorFrame::BadRequestBody => error_frame(error, id, &self.state.new_id()),
            _ => error_frame(error, id, &self.request_id),
        };
        let outcome = if self.push(text) {
            Outcome::Frame(error)
        } else {
            Outcome::Undelivered
        };
        self.observe(outcome, detail);
    }

    fn push(&self, text: String) -> bool {
        let pushed = self
            .connection
            .outbox
            .push(Bytes::from(text), self.state.outbox_bounds());
        pushed.is_ok()
    }

    fn observe(&self, outcome: Outcome, detail: Option<&dyn fmt::Display>) {
        self.state.observe(Operation {
            kind: OperationKind::Message,
            route: self.key.as_deref().unwrap_or_default(),
            connection_id: self.connection.id.as_str(),
            request_id: &self.request_id,
            outcome,
            detail,
            duration: self.started.elapsed(),
        });
    }
}

/// Invokes `$disconnect`. Its response is ignored (conformance E8).
pub(super) async fn disconnect(state: &Arc<GatewayState>, connection: &Connection, close: &Close) {
    let Some((key, route)) = state.route("$disconnect") else {
        return;
    };
    let started = Instant::now();
    let request_id = state.new_id();
    let faults = &state.options.faults;
    let answer = match faults.happens(Place::Gateway, Kind::LostDisconnect) {
        true => Err(Failure::OnPurpose(Kind::LostDisconnect)),
        false => {
            let now = state.now();
            let event = events::disconnect(state, connection, close, &request_id, now);
            let invocation = route.integration.invoke(event, &request_id);
            answer(invocation, route.timeout, ()).await
        }
    };
    let failure = answer.as_ref().err();
    state.observe(Operation {
        kind: OperationKind::Disconnect,
        route: key,
        connection_id: connection.id.as_str(),
        request_id: &request_id,
        outcome: failure.map_or(Outcome::Done, |_| Outcome::Failed),
        detail: failure.map(|failure| failure as &dyn fmt::Display),
        duration: started.elapsed(),
    });
}
