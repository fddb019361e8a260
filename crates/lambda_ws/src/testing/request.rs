//! Handshakes.

use super::client::Client;
use super::shared::{DOMAIN, Handle};
use super::socket::{Socket, State};
use crate::ConnectionId;
use http::StatusCode;
use lambda_ws_protocol::event::Pairs;
use serde::Serialize;
use serde_json::Value;

/// A client's request to open a connection: see [`Gateway::request`](super::Gateway::request).
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

/// A connection that `$connect` refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the handshake is refused with status {status}")]
#[non_exhaustive]
pub struct Refusal {
    /// The HTTP status, which is all the client learns (conformance B4, B5): the handler's own, or 502
    /// if it panicked, or 504 if it took longer than 29 s.
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

    /// Offers a sub-protocol, behind those offered before.
    pub fn protocol(mut self, protocol: &str) -> Self {
        self.protocols.push(protocol.to_owned());
        self
    }

    /// What the API's authorizer said of the client: `principalId` and the members of its context,
    /// in every event of the connection. Numbers and booleans become text (conformance C1). The
    /// application is not asked any more, if it is the authorizer ([`Gateway::authorizer`](super::Gateway::authorizer)).
    ///
    /// # Panics
    ///
    /// If JSON cannot express it.
    #[track_caller]
    pub fn authorizer(mut self, said: impl Serialize) -> Self {
        let mut said = serde_json::to_value(said).expect("what an authorizer says is JSON");
        for value in said
            .as_object_mut()
            .into_iter()
            .flat_map(|o| o.values_mut())
        {
            if value.is_number() || value.is_boolean() {
                *value = Value::String(value.to_string());
            }
        }
        self.authorizer = Some(said);
        self
    }

    /// The client's address, instead of `192.0.2.1`.
    pub fn source_ip(mut self, ip: &str) -> Self {
        self.source_ip = ip.to_owned();
        self
    }

    /// Sends the request and waits for the end of `$connect`.
    ///
    /// A client that offered sub-protocols is connected even if none was chosen
    /// ([`Client::protocol`] tells): that is what API Gateway does, though browsers then give up
    /// (conformance B8).
    ///
    /// # Errors
    ///
    /// [`Refusal`].
    pub async fn connect(self) -> Result<Client, Refusal> {
        let headers = self.all_headers();
        let (handle, authorizer) = (self.handle, self.authorizer);
        let asked = authorizer.is_none();
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
            authorizer: authorizer.and_then(|said| serde_json::value::to_raw_value(&said).ok()),
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
        let said = match &handle.api.authorizer {
            Some(sources) if asked => shared.authorize(sources, &event).await,
            _ => Ok(None),
        };
        let status = match said {
            Ok(said) => {
                if let Some(said) = &said {
                    event.request_context.authorizer = Some(said);
                    shared.change(|sockets| {
                        if let Some(socket) = sockets.all.get_mut(&id) {
                            socket.authorizer = Some(said.clone());
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
        shared.tell_ends().await;
        match status {
            Ok(protocol) => Ok(Client::new(handle, id, protocol)),
            Err(status) => Err(Refusal {
                status: StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY),
            }),
        }
    }

    /// The headers API Gateway hands on (conformance C1), by name.
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
