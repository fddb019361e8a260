//! Calls the handler of an event.

use super::Router;
use super::handler_timer::HandlerTimer;
use super::route::Route;
use crate::error::Error;
use crate::event::{AnyEvent, Authorize, Event, EventData, Kind, Message, Opened};
use crate::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use lambda_ws_protocol::selection::{Member, member};
use std::sync::Arc;

impl Router {
    pub(crate) fn handles_opened(&self) -> bool {
        self.handlers.opened.is_some()
    }

    /// Calls the handler of an event, without layers.
    pub(crate) async fn respond(&self, event: AnyEvent) -> Response {
        let metrics = event.sender.metrics().cloned();
        let handlers = &self.handlers;
        let (data, event) = event.split();
        let is_message = matches!(data, EventData::Message(_));
        let (route, response) = match data {
            EventData::Authorize(data) => ("$authorize", Some(self.authorized(event.with(data)))),
            EventData::Connect(data) => ("$connect", call(&handlers.connect, event.with(data))),
            EventData::Opened(data) => (Opened::ROUTE, call(&handlers.opened, event.with(data))),
            EventData::Message(data) => {
                let (route, response) = self.message(event.with(data));
                (route, Some(response))
            }
            EventData::Disconnect(data) => {
                let event = event.with(data);
                ("$disconnect", call(&handlers.disconnect, event))
            }
            EventData::Joined(data) => ("$joined", call(&handlers.joined, event.with(data))),
            EventData::Left(data) => ("$left", call(&handlers.left, event.with(data))),
            EventData::Changed(data) => ("$changed", call(&handlers.changed, event.with(data))),
            EventData::Trigger(data) => {
                let route = self.trigger(data.source);
                (
                    data.route(),
                    route.map(|route| route.call(event.with(data))),
                )
            }
        };
        let Some(response) = response else {
            return Response::default();
        };
        let Some(metrics) = metrics else {
            return response.await;
        };
        if is_message {
            metrics.message(route);
        }
        let timer = HandlerTimer::new(metrics, route);
        let response = response.await;
        timer.end(&response);
        response
    }

    fn authorized(&self, event: Event<Authorize>) -> BoxFuture<'static, Response> {
        call(&self.handlers.authorize, event).unwrap_or_else(|| {
            let error = Error::from(
                "the API uses this function as its authorizer, but the router has no `authorize` handler: add one, or \
                 remove the authorizer from `$connect`",
            );
            let response = IntoResponse::<Authorize>::into_response(error);
            Box::pin(std::future::ready(response))
        })
    }

    /// Returns the route of a message and its response.
    fn message(&self, mut event: Event<Message>) -> (&str, BoxFuture<'static, Response>) {
        if let Some(channels) = &self.channels {
            match channels.respond(event) {
                Ok(answer) => return answer,
                Err(other) => event = other,
            }
        }
        let key = event.context.route_key();
        if let Some((key, route)) = self.routes.get_key_value(key) {
            return (key, route.call(event));
        }
        let found = member(&event.data.body, &self.member);
        if let Member::Text(selected) = &found
            && let Some((key, route)) = self.routes.get_key_value(&**selected)
        {
            event.data.selected = Some(Arc::from(&**selected));
            return (key, route.call(event));
        }
        if let Some(fallback) = &self.handlers.fallback {
            return ("$default", fallback.call(event));
        }
        let response = IntoResponse::<Message>::into_response(self.unknown(&found));
        ("$default", Box::pin(std::future::ready(response)))
    }

    fn unknown(&self, found: &Member<'_>) -> Error {
        let member = &self.member;
        let known: Vec<_> = self.routes.keys().map(|key| format!("`{key}`")).collect();
        let known = known.join(", ");
        match found {
            _ if self.routes.is_empty() => {
                Error::client("unknown_action", "this API accepts no messages")
            }
            Member::Text(key) => {
                // The error repeats only a part of the client's input.
                let key: String = key.chars().take(64).collect();
                let message = format!("`{key}` is not a valid {member}: expected one of {known}");
                Error::client("unknown_action", message)
            }
            Member::Missing => {
                let message = format!("`{member}` is missing: expected one of {known}");
                Error::client("bad_message", message)
            }
            Member::NotJson => {
                let message = format!(
                    "the message is not a JSON object: expected `{member}` with one of {known}"
                );
                Error::client("bad_message", message)
            }
        }
    }
}

fn call<K: Kind>(
    route: &Option<Route<K, ()>>,
    event: Event<K>,
) -> Option<BoxFuture<'static, Response>> {
    route.as_ref().map(|route| route.call(event))
}
