//! Applies limits to events.

use super::bucket::{Denial, Grant};
use super::client::{Client, Decision, User};
use super::connections;
use super::scope::{Scope, grant};
use super::table::{Table, hash};
use super::{ClientLimits, LimitScope, Limited, LimitedResource, Reaction};
use crate::context::Context;
use crate::error::{Error, SendError};
use crate::event::{AnyEvent, Connect, Message};
use crate::metrics::Metric;
use crate::response::{IntoResponse, Response};
use crate::sender::{Bye, Sender};
use crate::store::{Record, StoreError};
use crate::{ConnectionId, Timestamp};
use http::StatusCode;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tracing::{debug, warn};

/// The longest wait for the store. A message does not wait longer than that for its limit.
const PATIENCE: Duration = Duration::from_secs(1);

/// The pause between two warnings about the store, in ms.
const WARNING: u64 = 60_000;

/// The code of the errors of clients.
const CODE: &str = "too_many_requests";

/// The limits of an application, with what this process knows of its clients.
pub(crate) struct Limiter {
    limits: ClientLimits,
    connection: Scope,
    user: Scope,
    address: Scope,
    clients: Table,
    /// The time of the last warning about the store.
    warned: AtomicU64,
}

/// Why the store does not decide.
enum Unanswered {
    Error(StoreError),
    TimedOut,
}

impl Limiter {
    pub(crate) fn new(limits: ClientLimits) -> Self {
        let delay = limits.delay;
        let of_connection = [limits.connection_messages, limits.connection_bytes];
        let of_user = [limits.user_messages, limits.user_bytes];
        let of_address = [limits.handshakes, None];
        Self {
            connection: Scope::new(LimitScope::Connection, of_connection, delay),
            user: Scope::new(LimitScope::User, of_user, delay),
            address: Scope::new(LimitScope::Address, of_address, Duration::ZERO),
            limits,
            clients: Table::new(),
            warned: AtomicU64::new(0),
        }
    }

    /// Decides about a message of `bytes` bytes. Returns its response if its handler must not run.
    pub(crate) async fn message(&self, event: &AnyEvent, bytes: usize) -> Option<Response> {
        let (id, costs) = (event.connection_id(), [1.0, bytes as f64]);
        let key = table_key(id);
        let mut denied = None;
        if self.connection.is_limited() {
            let name = || id.as_str().to_owned();
            let admitted = self.admit(&self.connection, key, &name, costs, event);
            denied = admitted.await.map(|denial| (&self.connection, denial));
        }
        if denied.is_none()
            && self.user.is_limited()
            && let Some(user) = self.user_of(event, key).await
        {
            let name = || format!("{user:016x}");
            let admitted = self.admit(&self.user, user, &name, costs, event);
            denied = admitted.await.map(|denial| (&self.user, denial));
        }
        let (scope, denial) = denied?;
        let resource = match denial.kind {
            0 => LimitedResource::Messages,
            _ => LimitedResource::Bytes,
        };
        let limited = Limited {
            scope: scope.which,
            resource,
            retry_after: Duration::from_millis(denial.wait),
            context: event.context().clone(),
        };
        let reaction = self.report(&limited, key, &event.sender);
        Some(self.react(reaction, limited, key, &event.sender).await)
    }

    /// Decides about a handshake by its address. Returns `true` if it must be rejected.
    pub(crate) async fn rejects(&self, event: &AnyEvent) -> bool {
        if !self.address.is_limited() {
            return false;
        }
        let name = address(event.context().source_ip());
        let key = hash(name.as_bytes());
        let name = || name.clone();
        let admitted = self.admit(&self.address, key, &name, [1.0, 0.0], event);
        let Some(denial) = admitted.await else {
            return false;
        };
        let limited = Limited {
            scope: LimitScope::Address,
            resource: LimitedResource::Handshakes,
            retry_after: Duration::from_millis(denial.wait),
            context: event.context().clone(),
        };
        self.report(&limited, key, &event.sender);
        true
    }

    /// Decides about a connection that the `$connect` handler has accepted, before anything is written. Returns `true` if
    /// its user has too many connections.
    pub(crate) async fn has_too_many(&self, context: &Context, sender: &Sender) -> bool {
        let user = sender.effects().registration().user_name();
        let Some(user) = user else { return false };
        let hash = user_hash(&user);
        if self.user.is_limited() {
            // Its messages need not read it.
            let (id, now) = (context.connection_id(), sender.now().millis());
            let key = table_key(id);
            let remember = |client: &mut Client| client.user = Some(Some(hash));
            self.clients.with(key, now, remember);
        }
        let Some(most) = self.limits.connections else {
            return false;
        };
        // One more is not registered yet.
        self.exceeds(&user, hash, most - 1, context, sender).await
    }

    /// Decides about a registered connection. Returns `true` if its user has too many connections now: of several
    /// handshakes at the same time, each sees all that are registered before it.
    pub(crate) async fn exceeds_registered(
        &self,
        record: &Record,
        context: &Context,
        sender: &Sender,
    ) -> bool {
        let (Some(user), Some(most)) = (&record.user, self.limits.connections) else {
            return false;
        };
        let hash = user_hash(user);
        self.exceeds(user, hash, most, context, sender).await
    }

    async fn exceeds(
        &self,
        user: &str,
        hash: u64,
        most: usize,
        context: &Context,
        sender: &Sender,
    ) -> bool {
        let now = sender.now();
        let may_search = |client: &mut Client| client.may_search(now.millis());
        let may_search = self.clients.with(hash, now.millis(), may_search);
        match connections::exceed(user, most, sender, may_search).await {
            Ok(false) => false,
            Ok(true) => {
                if may_search {
                    let searched = |client: &mut Client| client.searched = now.millis();
                    self.clients.with(hash, now.millis(), searched);
                }
                let limited = Limited {
                    scope: LimitScope::User,
                    resource: LimitedResource::Connections,
                    retry_after: Duration::ZERO,
                    context: context.clone(),
                };
                self.report(&limited, hash, sender);
                true
            }
            Err(error) => {
                self.warn_about_store(now, &Unanswered::Error(error));
                false
            }
        }
    }

    /// Returns the denial of a use, if it is denied.
    async fn admit(
        &self,
        scope: &Scope,
        key: u64,
        name: &(dyn Fn() -> String + Sync),
        costs: [f64; 2],
        event: &AnyEvent,
    ) -> Option<Denial> {
        let sender = &event.sender;
        let now = sender.now();
        let decide =
            |client: &mut Client| client.decide(now.millis(), &scope.rates, costs, scope.longest);
        let asked = match self.clients.with(key, now.millis(), decide) {
            Decision::Allow => return None,
            Decision::Deny(denial) => return Some(denial),
            Decision::Ask(asked) => asked,
        };
        let namespace = scope.namespace(&name());
        let grant = Box::pin(grant(scope, &namespace, asked.ask, sender));
        let answer = match tokio::time::timeout(PATIENCE, grant).await {
            Ok(answer) => answer.map_err(Unanswered::Error),
            Err(_) => Err(Unanswered::TimedOut),
        };
        let now = sender.now();
        self.clients
            .with(key, now.millis(), |client| match &answer {
                Ok(Ok(grant)) => client.granted(&scope.rates, asked, *grant),
                Ok(Err(denial)) => client.denied(now.millis(), &scope.rates, asked, *denial),
                Err(_) => client.unanswered(now.millis(), &scope.rates, asked),
            });
        match answer {
            Ok(Ok(Grant { wait: 0, .. })) => None,
            Ok(Ok(Grant { wait, .. })) => {
                count(sender, Metric::LimitDelayed);
                let wait = Duration::from_millis(wait);
                sender.pause(wait, event.connection_id()).await;
                None
            }
            Ok(Err(denial)) => Some(denial),
            Err(error) => {
                self.warn_about_store(now, &error);
                None
            }
        }
    }

    /// Returns the user of a connection, as a hash.
    async fn user_of(&self, event: &AnyEvent, key: u64) -> User {
        let now = event.sender.now().millis();
        if let Some(user) = self.clients.with(key, now, |client| client.user) {
            return user;
        }
        let (id, at) = (event.connection_id(), event.context().connected_at());
        match event.record_cache.user(&event.sender, id, at).await {
            Ok(user) => {
                let user = user.as_deref().map(user_hash);
                let remember = |client: &mut Client| client.user = Some(user);
                self.clients.with(key, now, remember);
                user
            }
            Err(error) => {
                self.warn_about_store(event.sender.now(), &Unanswered::Error(error));
                None
            }
        }
    }

    /// Counts a denial, logs it, and returns the reaction that the application wants.
    fn report(&self, limited: &Limited, key: u64, sender: &Sender) -> Reaction {
        count(sender, Metric::Limited);
        let now = sender.now().millis();
        if self.clients.with(key, now, |client| client.warns(now)) {
            warn!(
                scope = ?limited.scope,
                resource = ?limited.resource,
                address = limited.context.source_ip(),
                "a client is over its limit; it is not logged again for a minute"
            );
        }
        match &self.limits.hook {
            Some(hook) => hook(limited),
            None => self.limits.reaction,
        }
    }

    async fn react(
        &self,
        reaction: Reaction,
        limited: Limited,
        key: u64,
        sender: &Sender,
    ) -> Response {
        let now = sender.now().millis();
        match reaction {
            Reaction::Error => {
                if !self.clients.with(key, now, |client| client.answers(now)) {
                    return Response::default();
                }
                IntoResponse::<Message>::into_response(error(limited))
            }
            Reaction::Disconnect => {
                if self.clients.with(key, now, |client| client.closes(now)) {
                    close(&limited, sender).await;
                }
                Response::default()
            }
        }
    }

    /// Returns the response to a handshake that is over a limit.
    pub(crate) fn too_many() -> Response {
        let error = Error::client(CODE, "too many connections");
        let error = error.with_status(StatusCode::TOO_MANY_REQUESTS);
        IntoResponse::<Connect>::into_response(error)
    }

    fn warn_about_store(&self, now: Timestamp, error: &Unanswered) {
        let (now, last) = (now.millis(), self.warned.load(Ordering::Relaxed));
        if now.abs_diff(last) < WARNING {
            return;
        }
        self.warned.store(now, Ordering::Relaxed);
        let error = match error {
            Unanswered::Error(error) => crate::error::chain(error),
            Unanswered::TimedOut => format!("no answer within {PATIENCE:?}"),
        };
        warn!(
            error,
            "the connection store does not answer: each process applies the limits of clients by itself"
        );
    }
}

fn error(limited: Limited) -> Error {
    let message = limited.to_string();
    Error::client(CODE, message)
        .with_status(StatusCode::TOO_MANY_REQUESTS)
        .with_source(limited)
}

async fn close(limited: &Limited, sender: &Sender) {
    count(sender, Metric::LimitClosed);
    let id = limited.context.connection_id();
    let closed = match sender.histories() {
        Some(_) => {
            let bye = Bye::new(CODE).retry(limited.retry_after);
            sender.close_with(id, bye).await
        }
        None => sender.close(id).await,
    };
    match closed {
        Ok(()) | Err(SendError::Gone) => debug!("a client over its limit is disconnected"),
        Err(error) => warn!(
            error = &error as &dyn std::error::Error,
            "a client over its limit could not be disconnected"
        ),
    }
}

fn count(sender: &Sender, metric: Metric) {
    if let Some(metrics) = sender.metrics() {
        metrics.count(metric);
    }
}

fn table_key(id: &ConnectionId) -> u64 {
    hash(id.as_str().as_bytes())
}

/// Returns the hash of a user. Clients choose names, so it must not be possible to find two with the same hash easily.
fn user_hash(user: &str) -> u64 {
    let digest = Sha256::digest(user);
    u64::from_be_bytes(std::array::from_fn(|index| digest[index]))
}

/// Returns the name of an address. A client with IPv6 usually has all addresses with the same first 64 bits.
fn address(ip: &str) -> String {
    match ip.parse() {
        Ok(IpAddr::V6(ip)) => format!("{:016x}", u128::from(ip) >> 64),
        _ => ip.to_owned(),
    }
}
