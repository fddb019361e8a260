//! Handshakes.

use super::client::Client;
use super::shared::{DOMAIN, Handle};
use super::socket::{Socket, State};
use crate::ConnectionId;
use http::StatusCode;
use lambda_ws_protocol::event::Pairs;
use serde::Serialize;
use serde_json::Value;

/// A handshake of a client. See [`Gateway::request`](super::Gateway::request).
#[must_use = "a request does nothing until you call `connect`"]
#[derive(Debug)]
pub struct Request {
    handle: Handle,
    query: Pairs,
    headers: Pairs,
    protocols: Vec<String>,
    authorizer: Option<Value>,
    source_ip: String,
}

/// The rejection of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the handshake is rejected with status {status}")]
#[non_exhaustive]
pub struct Refusal {
    /// The HTTP status, which is all the client gets (conformance B4, B5): the handler's own, 502 after a panic, or
    /// 504 after 29 s.
    pub status: StatusCode,
}

impl Request {
    pub(super) fn new(handle: Handle, uri: &str) -> Self {
        let query = uri.split_once('?').map_or("", |(_, query)| query);
        let query = query.split('#').next().unwrap_or_default();
        let query: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
        Self {
            handle,
            query: query.into_iter().collect(),
            headers: Pairs::default(),
            protocols: Vec::new(),
            authorizer: None,
            source_ip: "192.0.2.1".to_owned(),
        }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(name, value);
        self
    }

    /// Offers a sub-protocol, after those offered before.
    pub fn protocol(mut self, protocol: &str) -> Self {
        self.protocols.push(protocol.to_owned());
        self
    }

    /// Sets the context from the API's authorizer for all events of the connection: `principalId` and the members of
    /// its context. Numbers and booleans become text (conformance C1). It replaces the application's own authorizer
    /// ([`Gateway::authorizer`](super::Gateway::authorizer)).
    ///
    /// # Panics
    ///
    /// If it cannot be encoded as JSON.
    #[track_caller]
    pub fn authorizer(mut self, context: impl Serialize) -> Self {
        let mut context = serde_json::to_value(context).expect("the context is valid JSON");
        for value in context
            .as_object_mut()
            .into_iter()
            .flat_map(|o| o.values_mut())
        {
            if value.is_number() || value.is_boolean() {
                *value = Value::String(value.to_string());
            }
        }
        self.authorizer = Some(context);
        self
    }

    /// Sets the client's address. The default is `192.0.2.1`.
    pub fn source_ip(mut self, ip: &str) -> Self {
        self.source_ip = ip.to_owned();
        self
    }

    /// Sends the handshake and waits for the end of `$connect`.
    ///
    /// A client that offers sub-protocols is connected even if the response selects none ([`Client::protocol`]). API
    /// Gateway does the same, though browsers then close the connection (conformance B8).
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub async fn connect(self) -> Result<Client, Refusal> {
        let headers = self.all_headers();
        let (handle, authorizer) = (self.handle, self.authorizer);
        let is_unset = authorizer.is_none();
        let shared = handle.shared.clone();
        let _action = shared.action();
        let id = ConnectionId::from(shared.new_id());
        let now = shared.now();
        let mut socket = Socket {
            number: 0,
            state: State::Opening,
            connected_at: now,
            last_active_at: now,
            source_ip: self.source_ip,
            user_agent: headers.value("User-Agent").map(str::to_owned),
            authorizer: authorizer
                .and_then(|context| serde_json::value::to_raw_value(&context).ok()),
            messages: Vec::new(),
            seen: 0,
        };
        shared.change(|sockets| {
            socket.number = sockets.all.len();
            sockets.all.insert(id.clone(), socket);
        });
        let (client, request_id) = (shared.client(&id), shared.new_id());
        let mut event = client.event("$connect", "CONNECT", &request_id, now);
        event.headers = Some(&headers);
        event.multi_value_headers = Some(&headers);
        let query = Some(&self.query).filter(|query| !query.is_empty());
        event.query_string_parameters = query;
        event.multi_value_query_string_parameters = query;
        let context = match &handle.api.authorizer {
            Some(sources) if is_unset => shared.authorize(sources, &event).await,
            _ => Ok(None),
        };
        let status = match context {
            Ok(context) => {
                if let Some(context) = &context {
                    event.request_context.authorizer = Some(context);
                    shared.change(|sockets| {
                        if let Some(socket) = sockets.all.get_mut(&id) {
                            socket.authorizer = Some(context.clone());
                        }
                    });
                }
                match shared.invoke(&event).await {
                    Ok(response) if response.accepts() => Ok(response.protocol),
                    Ok(response) => Err(response.status),
                    Err(failure) => Err(failure.status()),
                }
            }
            Err(status) => Err(status),
        };
        shared.change(|sockets| {
            if let Some(socket) = sockets.all.get_mut(&id) {
                socket.state = match status {
                    Ok(_) => State::Open,
                    Err(_) => State::Ended,
                };
            }
        });
        shared.send_disconnects().await;
        match status {
            Ok(protocol) => Ok(Client::new(handle, id, protocol)),
            Err(status) => Err(Refusal {
                status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY),
            }),
        }
    }

    /// Returns the headers that API Gateway forwards (conformance C1), by name.
    fn all_headers(&self) -> Pairs {
        let own = [
            ("Host", DOMAIN),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("Sec-WebSocket-Version", "13"),
            ("X-Forwarded-For", &self.source_ip),
            ("X-Forwarded-Port", "443"),
            ("X-Forwarded-Proto", "https"),
        ];
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        let mut headers: Vec<_> = own
            .into_iter()
            .chain(self.headers.iter())
            .map(owned)
            .collect();
        if !self.protocols.is_empty() {
            headers.push(owned((
                "Sec-WebSocket-Protocol",
                &self.protocols.join(", "),
            )));
        }
        headers.sort_by_key(|(name, _)| name.to_ascii_lowercase());
        headers.into_iter().collect()
    }
}
