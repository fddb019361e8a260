use super::socket::{Ended, Sockets};
use crate::app::{Dispatcher, InvocationContext};
use crate::error::BoxError;
use crate::sender::Sender;
use crate::store::Memory;
use crate::sync::lock;
use crate::{ConnectionId, Timestamp};
use lambda_ws_protocol::authorizer::IdentitySource;
use lambda_ws_protocol::event::{self, ConnectionDetails, Identity, ProxyRequest, RequestContext};
use lambda_ws_protocol::limits::INTEGRATION_TIMEOUT;
use lambda_ws_protocol::response::{ErrorFrame, ProxyResponse};
use lambda_ws_protocol::selection::Expression;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::Notify;

pub(super) const API: &str = "a1b2c3d4e5";
pub(super) const STAGE: &str = "test";
pub(super) const DOMAIN: &str = "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com";

/// An API and its state, which a gateway, its requests and its clients share.
#[derive(Clone)]
pub(super) struct Handle {
    pub(super) shared: Arc<Shared>,
    pub(super) api: Arc<Api>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway")
            .field("api", &self.api)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
pub(super) struct Api {
    pub(super) expression: Expression,
    /// The routes of messages, with `true` for two-way routes.
    pub(super) routes: BTreeMap<String, bool>,
    pub(super) authorizer: Option<Vec<IdentitySource>>,
}

/// An event that the application received.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Invocation {
    /// `CONNECT`, `MESSAGE` or `DISCONNECT`; `REQUEST` for an authorizer's event.
    pub event_type: String,
    /// The route that the gateway selected.
    pub route_key: String,
    /// The connection's id.
    pub connection_id: ConnectionId,
    /// The event's id, which error frames contain.
    pub request_id: String,
    /// The event as it was sent.
    pub json: serde_json::Value,
}

impl Invocation {
    pub(super) fn new(event_type: &str, context: &RequestContext<'_>, json: &str) -> Self {
        Self {
            event_type: event_type.to_owned(),
            route_key: context.route_key.to_owned(),
            connection_id: context.connection_id.into(),
            request_id: context.request_id.to_owned(),
            json: serde_json::from_str(json).unwrap_or_default(),
        }
    }
}

pub(super) struct Shared {
    dispatcher: Arc<Dispatcher>,
    pub(super) store: Memory,
    pub(super) sender: Sender,
    now: AtomicU64,
    random: Mutex<fastrand::Rng>,
    sockets: Mutex<Sockets>,
    changed: Notify,
    invocations: Mutex<Vec<Invocation>>,
}

impl Shared {
    pub(super) fn new(
        dispatcher: Dispatcher,
        store: Memory,
        sender: Sender,
        beginning: Timestamp,
    ) -> Self {
        Self {
            dispatcher: Arc::new(dispatcher),
            store,
            sender,
            now: AtomicU64::new(beginning.millis()),
            random: Mutex::new(fastrand::Rng::with_seed(7)),
            sockets: Mutex::default(),
            changed: Notify::new(),
            invocations: Mutex::default(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.load(Ordering::SeqCst))
    }

    pub(super) fn set_now(&self, now: Timestamp) {
        self.now.store(now.millis(), Ordering::SeqCst);
    }

    pub(super) fn random(&self) -> MutexGuard<'_, fastrand::Rng> {
        lock(&self.random)
    }

    pub(super) fn new_id(&self) -> String {
        event::new_id(&mut self.random())
    }

    pub(super) fn invocations(&self) -> MutexGuard<'_, Vec<Invocation>> {
        lock(&self.invocations)
    }

    pub(super) fn sockets(&self) -> MutexGuard<'_, Sockets> {
        lock(&self.sockets)
    }

    /// Changes the connections and wakes the tasks that wait for a change.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Sockets) -> T) -> T {
        let changed = change(&mut self.sockets());
        self.changed.notify_waiters();
        changed
    }

    pub(super) async fn wait_until(&self, condition: impl Fn(&Sockets) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            if condition(&self.sockets()) {
                return;
            }
            changed.await;
        }
    }

    /// Makes clients wait for their messages until the action ends.
    pub(super) fn action(self: &Arc<Self>) -> Action {
        self.change(|sockets| sockets.under_way += 1);
        Action(self.clone())
    }

    pub(super) fn task(self: &Arc<Self>) -> Task {
        self.change(|sockets| sockets.tasks += 1);
        Task {
            shared: self.clone(),
            _action: self.action(),
        }
    }

    pub(super) async fn invoke(
        self: &Arc<Self>,
        event: &ProxyRequest<'_>,
    ) -> Result<ProxyResponse, ErrorFrame> {
        let context = &event.request_context;
        match self.run(context.event_type, context, event).await {
            Ok(json) => ProxyResponse::read(&json).map_err(|_| ErrorFrame::InternalServerError),
            Err(Failure::TimedOut) => Err(ErrorFrame::EndpointRequestTimedOut),
            Err(Failure::Error(_) | Failure::Panicked) => Err(ErrorFrame::InternalServerError),
        }
    }

    pub(super) fn call(
        &self,
        json: String,
    ) -> impl Future<Output = Result<Vec<u8>, BoxError>> + Send + 'static {
        let dispatcher = self.dispatcher.clone();
        async move {
            let response = dispatcher.call(&json, InvocationContext::default()).await?;
            Ok(serde_json::to_vec(&response)?)
        }
    }

    /// Runs the application. It continues after the gateway's timeout (conformance E5).
    pub(super) async fn run(
        self: &Arc<Self>,
        event_type: &str,
        context: &RequestContext<'_>,
        event: &impl Serialize,
    ) -> Result<Vec<u8>, Failure> {
        let json = serde_json::to_string(event).expect("strings and numbers are always JSON");
        let seen = Invocation::new(event_type, context, &json);
        self.invocations().push(seen);
        let (action, call) = (self.action(), self.call(json));
        let task = tokio::spawn(async move {
            let response = call.await;
            drop(action);
            response
        });
        match tokio::time::timeout(INTEGRATION_TIMEOUT, task).await {
            Ok(Ok(done)) => done.map_err(|error| Failure::Error(error.to_string())),
            // The panic is in the test's output.
            Ok(Err(_)) => Err(Failure::Panicked),
            Err(_) => Err(Failure::TimedOut),
        }
    }

    /// Sends the application the `$disconnect` of ended connections (conformance C3, E8), and waits for its tasks.
    pub(super) async fn send_disconnects(self: &Arc<Self>) {
        let _action = self.action();
        loop {
            let ended = self.sockets().ended.pop_front();
            let Some(Ended { id, code, reason }) = ended else {
                if self.sockets().tasks == 0 {
                    return;
                }
                let more = |sockets: &Sockets| sockets.tasks == 0 || !sockets.ended.is_empty();
                self.wait_until(more).await;
                continue;
            };
            let client = self.client(&id);
            let (request_id, headers) = (self.new_id(), event::disconnect_headers(DOMAIN));
            let mut event = client.event("$disconnect", "DISCONNECT", &request_id, self.now());
            event.headers = Some(&headers);
            event.multi_value_headers = Some(&headers);
            event.request_context.disconnect_status_code = Some(code);
            event.request_context.disconnect_reason = Some(&reason);
            // The gateway ignores the outcome.
            let _ = self.invoke(&event).await;
        }
    }

    pub(super) fn client(&self, id: &ConnectionId) -> ClientParts {
        let sockets = self.sockets();
        let socket = sockets.all.get(id).expect("connections are kept");
        ClientParts {
            id: id.clone(),
            connected_at: socket.connected_at,
            source_ip: socket.source_ip.clone(),
            user_agent: socket.user_agent.clone(),
            authorizer: socket.authorizer.clone(),
        }
    }
}

pub(super) enum Failure {
    Error(String),
    Panicked,
    TimedOut,
}

/// An action of a test, until it ends.
pub(super) struct Action(Arc<Shared>);

impl Drop for Action {
    fn drop(&mut self) {
        self.0.change(|sockets| sockets.under_way -= 1);
    }
}

/// A task of the application, until it ends.
pub(super) struct Task {
    shared: Arc<Shared>,
    _action: Action,
}

impl Drop for Task {
    fn drop(&mut self) {
        self.shared.change(|sockets| sockets.tasks -= 1);
    }
}

pub(super) struct ClientParts {
    id: ConnectionId,
    connected_at: Timestamp,
    source_ip: String,
    user_agent: Option<String>,
    authorizer: Option<Box<serde_json::value::RawValue>>,
}

impl ClientParts {
    pub(super) fn event<'a>(
        &'a self,
        route_key: &'a str,
        event_type: &'a str,
        request_id: &'a str,
        now: Timestamp,
    ) -> ProxyRequest<'a> {
        let origin = ConnectionDetails {
            api_id: API,
            stage: STAGE,
            stage_variables: None,
            domain_name: DOMAIN,
            connection_id: self.id.as_str(),
            connected_at: self.connected_at,
            identity: Identity {
                user_agent: self.user_agent.as_deref(),
                source_ip: &self.source_ip,
                ..Identity::default()
            },
            authorizer: self.authorizer.as_deref(),
        };
        origin.event(route_key, event_type, request_id, now)
    }
}
