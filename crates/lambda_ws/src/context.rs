//! The context of an event.

use crate::random::new_id;
use crate::{ConnectionId, Timestamp};
use bytes::Bytes;
use lambda_ws_protocol::event::IncomingContext;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use std::fmt;
use std::sync::Arc;

/// The connection, route, time and client address of an event. Clones are cheap.
///
/// It is the event's `requestContext` (conformance C1 to C3), and an extractor for handlers of every kind.
#[derive(Debug, Clone)]
pub struct Context(Arc<Parts>);

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Parts {
    connection_id: ConnectionId,
    connected_at: Timestamp,
    request_id: String,
    request_time: Timestamp,
    route_key: String,
    stage: String,
    api_id: String,
    domain_name: String,
    source_ip: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authorizer: Option<Box<RawValue>>,
    /// The trace of this invocation. A task has its own.
    #[serde(skip)]
    trace_id: Option<Box<str>>,
    #[serde(skip)]
    json: EventJson,
}

/// The JSON text of the event of this invocation; empty in a task.
#[derive(Default)]
struct EventJson(Bytes);

// Events contain tokens, which must not be logged.
impl fmt::Debug for EventJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// The JSON form in a task.
impl Serialize for Context {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Context {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Parts::deserialize(deserializer).map(|parts| Self(Arc::new(parts)))
    }
}

impl Context {
    pub(crate) fn new(
        connection_id: ConnectionId,
        incoming: &mut IncomingContext<'_>,
        trace_id: Option<&str>,
        json: Bytes,
    ) -> Self {
        let identity = incoming.identity.take().unwrap_or_default();
        Self(Arc::new(Parts {
            connection_id,
            connected_at: Timestamp::from_millis(incoming.connected_at),
            request_id: std::mem::take(&mut incoming.request_id),
            request_time: Timestamp::from_millis(incoming.request_time_epoch),
            route_key: std::mem::take(&mut incoming.route_key),
            stage: std::mem::take(&mut incoming.stage),
            api_id: std::mem::take(&mut incoming.api_id),
            domain_name: std::mem::take(&mut incoming.domain_name),
            source_ip: identity.source_ip.unwrap_or_default(),
            user_agent: identity.user_agent,
            authorizer: incoming.authorizer.map(ToOwned::to_owned),
            trace_id: trace_id.map(Into::into),
            json: EventJson(json),
        }))
    }

    /// Returns the context of a connection of `api` (`<apiId>/<stage>`) without an event of it.
    pub(crate) fn known(
        id: ConnectionId,
        at: Timestamp,
        api: Option<&str>,
        route_key: &str,
        now: Timestamp,
    ) -> Self {
        let (api_id, stage) = api.and_then(|api| api.split_once('/')).unwrap_or_default();
        Self(Arc::new(Parts {
            connection_id: id,
            connected_at: at,
            request_id: new_id(),
            request_time: now,
            route_key: route_key.to_owned(),
            stage: stage.to_owned(),
            api_id: api_id.to_owned(),
            domain_name: String::new(),
            source_ip: String::new(),
            user_agent: None,
            authorizer: None,
            trace_id: None,
            json: EventJson::default(),
        }))
    }

    /// Returns the context of an event without a connection: the ids of its invocation, and its JSON.
    pub(crate) fn trigger(
        route_key: &str,
        request_id: Option<&str>,
        trace_id: Option<&str>,
        json: Bytes,
        now: Timestamp,
    ) -> Self {
        Self(Arc::new(Parts {
            connection_id: ConnectionId::from(""),
            connected_at: now,
            request_id: request_id.map_or_else(new_id, str::to_owned),
            request_time: now,
            route_key: route_key.to_owned(),
            stage: String::new(),
            api_id: String::new(),
            domain_name: String::new(),
            source_ip: String::new(),
            user_agent: None,
            authorizer: None,
            trace_id: trace_id.map(Into::into),
            json: EventJson(json),
        }))
    }

    /// The JSON text of the event that Lambda sent; empty if the handler runs in a task.
    pub(crate) fn json(&self) -> &Bytes {
        &self.0.json.0
    }

    /// The connection.
    pub fn connection_id(&self) -> &ConnectionId {
        &self.0.connection_id
    }

    /// Returns the time when the connection was opened.
    pub fn connected_at(&self) -> Timestamp {
        self.0.connected_at
    }

    /// Returns the event's id, which error frames and logs contain.
    pub fn request_id(&self) -> &str {
        &self.0.request_id
    }

    /// Returns the X-Ray trace of the event, for the header `X-Amzn-Trace-Id` of calls to other services. `None` in
    /// handlers that a task calls. Clients with [`https_client`](crate::transport::https_client) send it themselves.
    pub fn trace_id(&self) -> Option<&str> {
        self.0.trace_id.as_deref()
    }

    /// Returns the time of the event.
    pub fn request_time(&self) -> Timestamp {
        self.0.request_time
    }

    /// Returns the route that API Gateway selected, such as `$connect`, `$default` or a custom one.
    pub fn route_key(&self) -> &str {
        &self.0.route_key
    }

    /// Returns the API's stage.
    pub fn stage(&self) -> &str {
        &self.0.stage
    }

    /// Returns the API's id.
    pub fn api_id(&self) -> &str {
        &self.0.api_id
    }

    /// Returns the host that the client connected to: the API's own, or a custom domain.
    pub fn domain_name(&self) -> &str {
        &self.0.domain_name
    }

    /// Returns the client's IPv4 or IPv6 address.
    pub fn source_ip(&self) -> &str {
        &self.0.source_ip
    }

    /// Returns the client's `User-Agent`, if it sent one.
    pub fn user_agent(&self) -> Option<&str> {
        self.0.user_agent.as_deref()
    }

    /// Returns the authorizer's context as JSON, if there is one.
    pub fn authorizer(&self) -> Option<&RawValue> {
        self.0.authorizer.as_deref()
    }

    /// Returns the API and the stage in the format of a [`Record`](crate::store::Record).
    pub(crate) fn api(&self) -> String {
        format!("{}/{}", self.0.api_id, self.0.stage)
    }
}
