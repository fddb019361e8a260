//! Messages to clients: one, a room, a user, everyone.

mod attempts;
mod audience;
mod broadcast;
mod bye;
mod delivery;
mod event_origin;
mod gone;
mod histories;
mod presence;
mod publication;
mod recent;
mod registration;
#[cfg(test)]
mod tests;
mod throttle;

pub use audience::Audience;
pub(crate) use broadcast::{Checkpoint, ParentTask, SEND_TASKS, TaskHandOff};
pub use bye::Bye;
pub use delivery::Delivery;
pub(crate) use event_origin::EventOrigin;
#[cfg(test)]
pub(crate) use gone::ALL_GONE;
pub(crate) use gone::{EndpointState, GoneMemory};
pub(crate) use histories::{Histories, RoomPattern};
pub use presence::RoomPresence;
pub use publication::Publication;
pub(crate) use recent::Recent;
#[cfg(test)]
pub(crate) use throttle::ACCOUNT_THROTTLED;
pub(crate) use throttle::{RateLimiter, SEND_RATE, SLOW_CLOSE, SlowClients};

use crate::clock::{Clock, SystemClock};
use crate::effects::Effects;
use crate::error::SendError;
use crate::metrics::{EventMetrics, Metric};
use crate::payload::{IntoPayload, Payload};
use crate::presence::{PendingChange, PresenceLedger, PresenceState};
use crate::store::{DynStore, Scope, Store, check_name};
use crate::transport::{DynTransport, Inspection, Transport};
use crate::{ConnectionId, Timestamp};
use attempts::{Attempts, RequestKind};
use gone::{GoneCheck, Idle};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Sends messages to clients. Clones are cheap.
///
/// Handlers take it as an argument. Jobs and other functions create one with [`Sender::from_env`].
///
/// ```
/// use lambda_ws::{Error, Json, Sender};
///
/// async fn price_changed(sender: &Sender, cents: u32) -> Result<(), Error> {
///     let delivery = sender.room("prices").send(Json(cents)).await?;
///     println!("{} received it, {} were gone", delivery.sent, delivery.gone);
///     Ok(())
/// }
/// ```
///
/// # Gone connections
///
/// API Gateway returns 410 for a connection that is not open yet, and sometimes for a live one. Every 410 is
/// confirmed before the connection is removed:
///
/// 1. The store is read. A connection without a record has ended.
/// 2. The post is repeated: for a while to a connection younger than 5 s, and after 250 ms to any other.
/// 3. GetConnection is called.
///
/// If an event has nothing else to send, the second post follows after 60 ms, and the message counts as gone if
/// GetConnection returns 410. The connection is removed only if GetConnection returns 410 once more, 250 ms after the
/// first 410 or later. The process does this after the event. If the connection is alive, it posts the message and
/// those that found the connection gone meanwhile, in their order. At most 10 000 messages wait for this. A router that
/// keeps presences waits for it in the event.
///
/// Gone connections are removed from the store while other messages are sent, but at the earliest 30 s after their
/// `$connect` began: until then the handshake may be running. The process remembers 10 000 ended connections, and
/// neither posts to them nor confirms them again.
///
/// If a broadcast to 20 or more connections reaches none, the endpoint may be wrong. Then no connection is removed,
/// unless the endpoint has reached a connection in this process, or the URL contains the API.
///
/// # Slow clients
///
/// API Gateway returns 429 for two reasons: the account exceeds its quota, or the buffer of one client is full
/// because the client does not read (conformance G6). A sender distinguishes them:
///
/// - **The account**: posts to many connections are throttled and succeed when they are retried. The process then
///   sends at half its rate, and returns to the full rate within 20 s after the last of these.
/// - **A slow client**: one connection is throttled at all four attempts, which take about 0.85 s, while other
///   requests succeed. It does not lower the rate. The process remembers it for 5 minutes, for up to 10 000
///   connections. Until the client accepts a message again, it gets one attempt per message, so that it does not
///   delay the others. [`Delivery::throttled`] counts these.
///
/// A connection that stays slow for 60 s, with a message at least every 10 s, is closed. Its client has missed all
/// messages of that time and can connect again. `SLOW_CLOSE` sets another time in seconds; 0 disables closing.
#[derive(Clone)]
pub struct Sender(Arc<Inner>);

#[derive(Clone)]
pub(crate) struct Inner {
    pub(crate) store: Arc<dyn DynStore>,
    pub(crate) transport: Arc<dyn DynTransport>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) effects: Effects,
    pub(crate) origin: EventOrigin,
    /// The API and stage of the transport as `<apiId>/<stage>`, if known.
    pub(crate) api: Option<String>,
    /// The connections that this process knows as ended.
    pub(crate) gone: Arc<GoneMemory>,
    pub(crate) endpoint: Arc<EndpointState>,
    pub(crate) rate_limiter: Arc<RateLimiter>,
    pub(crate) deadline: Option<Instant>,
    /// Continues broadcasts after the deadline.
    pub(crate) hand_off: Option<TaskHandOff>,
    pub(crate) presences: Option<Arc<PresenceState>>,
    /// The rooms that have a history, if there are channels.
    pub(crate) histories: Option<Arc<Histories>>,
    /// Who counts; nobody, unless it is asked for.
    pub(crate) metrics: Option<Arc<EventMetrics>>,
}

impl Sender {
    /// Creates a sender that sends through `transport` to the connections in `store`.
    ///
    /// `api` is the API and stage of `transport`, as `<apiId>/<stage>`. Connections of another API or stage are never
    /// treated as gone.
    pub fn new(store: impl Store, transport: impl Transport, api: &str) -> Self {
        Self::from(Inner {
            store: Arc::new(store),
            transport: Arc::new(transport),
            clock: Arc::new(SystemClock),
            effects: Effects::inline(),
            origin: EventOrigin::Outside,
            api: Some(api.to_owned()),
            gone: Arc::default(),
            endpoint: Arc::default(),
            rate_limiter: Arc::new(RateLimiter::new(SEND_RATE)),
            deadline: None,
            hand_off: None,
            presences: None,
            histories: None,
            metrics: None,
        })
    }

    /// Returns a sender with its own rate limit. It and its clones send at most `per_second` messages per second (at
    /// least 1), and as many at once after a pause.
    ///
    /// By default all senders of a process share `SEND_RATE`, which is half of the account's default quota in the
    /// Region; one from [`Sender::new`] has 5 000. API Gateway counts the messages of all senders together.
    ///
    /// ```
    /// # async fn nightly() -> Result<(), lambda_ws::Error> {
    /// // A job that leaves the rest of the quota to the clients.
    /// let sender = lambda_ws::Sender::from_env().await?.paced(500);
    /// sender.everyone().send("good night").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn paced(self, per_second: u32) -> Self {
        Self::from(Inner {
            rate_limiter: Arc::new(RateLimiter::with(
                per_second,
                self.0.rate_limiter.slow().clone(),
            )),
            ..Inner::clone(&self.0)
        })
    }

    pub(crate) fn store(&self) -> &dyn DynStore {
        &*self.0.store
    }

    /// Returns the URL of the management API, without `/@connections`.
    pub fn url(&self) -> &str {
        self.0.transport.url()
    }

    /// Sends a message to one connection.
    ///
    /// # Errors
    ///
    /// - [`SendError::Gone`] if the connection has ended. The sender remembers it once it is proven.
    /// - [`SendError::NotOpen`] in its own `$connect`.
    /// - [`SendError::TooLarge`] over 128 KB.
    /// - Any other error after several attempts.
    pub async fn send(
        &self,
        id: &ConnectionId,
        message: impl IntoPayload,
    ) -> Result<(), SendError> {
        let payload = message.into_payload()?;
        self.check_open(id)?;
        let sent = self.send_confirmed(id, &payload).await;
        if let Some(metrics) = self.metrics() {
            metrics.count(match &sent {
                Ok(()) => Metric::Sent,
                Err(SendError::Gone) => Metric::Gone,
                Err(SendError::Throttled) => Metric::Throttled,
                Err(_) => Metric::Failed,
            });
        }
        sent
    }

    async fn send_confirmed(&self, id: &ConnectionId, payload: &Payload) -> Result<(), SendError> {
        if self.0.gone.find(id, || self.now()).is_some() {
            return Err(SendError::Gone);
        }
        let sent = self.post(id, payload).await;
        if !matches!(sent, Err(SendError::Gone)) {
            return sent;
        }
        match self.check_gone(id, Some(payload), Some(alone())).await {
            GoneCheck::Alive => Ok(()),
            GoneCheck::Unknown(error) => Err(error),
            GoneCheck::Suspected(suspect) => {
                self.prove_later(vec![suspect], &Scope::Everyone);
                Err(SendError::Gone)
            }
            GoneCheck::Gone(record) => {
                let (sender, id) = (self.clone(), id.clone());
                let clean_up = async move { sender.clean_up(&id, record, &Scope::Everyone).await };
                self.0.effects.run(clean_up).await;
                Err(SendError::Gone)
            }
        }
    }

    /// Returns the connections in a room.
    pub fn room(&self, room: impl Into<String>) -> Audience {
        Audience::new(self.clone(), Scope::Room(room.into()))
    }

    /// Returns the connections of a user.
    pub fn user(&self, user: impl Into<String>) -> Audience {
        Audience::new(self.clone(), Scope::User(user.into()))
    }

    /// Returns the users who are present in a room, each once, regardless of their number of connections. The router
    /// must keep presences: it needs a [`joined`](crate::Router::joined), [`left`](crate::Router::left) or
    /// [`changed`](crate::Router::changed) handler, or [`Router::presence`](crate::Router::presence).
    ///
    /// ```
    /// use futures_util::TryStreamExt;
    /// use lambda_ws::{Error, Json, Opening, Query, Router, Sender};
    ///
    /// async fn connect(me: Opening, Query(user): Query<Vec<(String, String)>>) -> Result<(), Error> {
    ///     me.user(&user[0].1)?;
    ///     Ok(me.join("tea")?)
    /// }
    ///
    /// async fn who(sender: Sender) -> Result<Json<Vec<String>>, Error> {
    ///     let tea = sender.presence("tea");
    ///     Ok(Json(tea.users().try_collect().await?))
    /// }
    ///
    /// # use lambda_ws::testing::Gateway;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let router = Router::new().connect(connect).fallback(who).presence();
    /// let gateway = Gateway::new(router);
    /// let mut phone = gateway.connect("/?user=ann").await.expect("accepted");
    /// let laptop = gateway.connect("/?user=ann").await.expect("accepted");
    /// let bob = gateway.connect("/?user=bob").await.expect("accepted");
    /// phone.send("who?").await;
    /// assert_eq!(phone.recv().await, r#"["ann","bob"]"#);
    /// laptop.close().await;
    /// bob.close().await;
    /// phone.send("who?").await;
    /// assert_eq!(phone.recv().await, r#"["ann"]"#);
    /// # }
    /// ```
    ///
    /// # Costs and precision
    ///
    /// Reading all users or their count costs the same: one request and 250 read units for each MB of names, with
    /// about 60 bytes more per name. That is about one unit for 50 users.
    ///
    /// The result changes together with the calls of [`joined`](crate::Router::joined) and
    /// [`left`](crate::Router::left): a disconnected user stays present until the grace period ends. Programs that
    /// serve no events see the presences that the function keeps. If it keeps none, the result is empty.
    pub fn presence(&self, room: impl Into<String>) -> RoomPresence {
        RoomPresence::new(self.clone(), room.into())
    }

    /// Returns all connections.
    pub fn everyone(&self) -> Audience {
        Audience::new(self.clone(), Scope::Everyone)
    }

    /// Closes a connection with code 1000; its `$disconnect` follows (conformance G9). A 410 is confirmed as for
    /// messages. A connection in its handshake is closed too: it is marked in the store, and its `$connect` rejects
    /// the handshake. That takes up to 3 s.
    ///
    /// # Errors
    ///
    /// As [`Sender::send`].
    pub async fn close(&self, id: &ConnectionId) -> Result<(), SendError> {
        self.check_open(id)?;
        if self.0.gone.find(id, || self.now()).is_some() {
            return Err(SendError::Gone);
        }
        let closed = self
            .persist(id, RequestKind::Other, || self.0.transport.close(id))
            .await;
        if !matches!(closed, Err(SendError::Gone)) {
            return closed;
        }
        match self.check_gone(id, None, Some(alone())).await {
            GoneCheck::Alive => Ok(()),
            GoneCheck::Unknown(error) => Err(error),
            GoneCheck::Suspected(suspect) => {
                self.prove_later(vec![suspect], &Scope::Everyone);
                Err(SendError::Gone)
            }
            GoneCheck::Gone(record) => {
                self.clean_up(id, record, &Scope::Everyone).await;
                Err(SendError::Gone)
            }
        }
    }

    /// Returns the state of a connection from GetConnection.
    ///
    /// # Errors
    ///
    /// As [`Sender::send`].
    pub async fn inspect(&self, id: &ConnectionId) -> Result<Inspection, SendError> {
        self.check_open(id)?;
        self.persist(id, RequestKind::Other, || self.0.transport.inspect(id))
            .await
    }

    pub(crate) fn effects(&self) -> &Effects {
        &self.0.effects
    }

    pub(crate) fn metrics(&self) -> Option<&Arc<EventMetrics>> {
        self.0.metrics.as_ref()
    }

    /// Returns the rooms that have a history, if there are channels.
    pub(crate) fn histories(&self) -> Option<&Histories> {
        self.0.histories.as_deref()
    }

    /// Returns the same sender with these rooms.
    pub(crate) fn with_histories(self, histories: Histories) -> Self {
        Self::from(Inner {
            histories: Some(Arc::new(histories)),
            ..Inner::clone(&self.0)
        })
    }

    pub(crate) fn presences(&self) -> Option<&PresenceState> {
        self.0.presences.as_deref()
    }

    /// Returns the presence ledger, if the router keeps presences.
    pub(crate) fn ledger(&self) -> Option<PresenceLedger<'_>> {
        let ledger = PresenceLedger {
            store: self.store(),
            clock: &*self.0.clock,
        };
        self.presences()
            .is_some_and(PresenceState::is_enabled)
            .then_some(ledger)
    }

    /// Returns the API and the stage as `<apiId>/<stage>`, if known.
    pub(crate) fn api(&self) -> Option<String> {
        self.0.api.clone().or_else(|| self.0.endpoint.api())
    }

    pub(crate) async fn depart(&self, departures: &[PendingChange]) {
        let Some(presences) = self.presences().filter(|_| !departures.is_empty()) else {
            return;
        };
        let ledger = PresenceLedger {
            store: self.store(),
            clock: &*self.0.clock,
        };
        presences
            .depart(ledger, self.0.hand_off.is_some(), departures)
            .await;
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) async fn pause(&self, duration: Duration, id: &ConnectionId) {
        self.0.clock.pause(duration, id).await;
    }

    /// Rejects an id that is not valid, and the connection of the running handshake (conformance G7).
    fn check_open(&self, id: &ConnectionId) -> Result<(), SendError> {
        check_name(id.as_str())?;
        match self.0.origin.handshake() == Some(id) {
            true => Err(SendError::NotOpen),
            false => Ok(()),
        }
    }

    async fn post(&self, id: &ConnectionId, payload: &Payload) -> Result<(), SendError> {
        self.persist(id, RequestKind::Post, || self.post_once(id, payload))
            .await
    }

    /// Retries a request as long as its failure is transient.
    async fn persist<T, F: Future<Output = Result<T, SendError>>>(
        &self,
        id: &ConnectionId,
        request: RequestKind,
        attempt: impl Fn() -> F,
    ) -> Result<T, SendError> {
        let mut attempts = Attempts::new(request);
        loop {
            self.0.rate_limiter.charge(Instant::now());
            let outcome = attempt().await;
            if outcome.is_ok() {
                self.0.endpoint.prove();
            }
            match self.another(id, &mut attempts, &outcome) {
                None => return outcome,
                Some(Duration::ZERO) => {}
                Some(pause) => self.wait(id, &attempts, pause).await,
            }
        }
    }
}

/// The state of a single send: it has nothing else to do.
fn alone() -> Idle {
    watch::Sender::new(true).subscribe()
}

impl From<Inner> for Sender {
    fn from(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sender").field("url", &self.url()).finish()
    }
}
