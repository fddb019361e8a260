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
#[cfg(test)]
mod tests;
mod throttle;

pub use audience::Audience;
pub(crate) use broadcast::{Checkpoint, SEND_TASKS, TaskHandOff};
pub use bye::Bye;
pub use delivery::Delivery;
pub(crate) use event_origin::EventOrigin;
#[cfg(test)]
pub(crate) use gone::ALL_GONE;
pub(crate) use gone::{EndpointState, GoneMemory};
pub(crate) use histories::{Histories, RoomPattern};
pub use presence::RoomPresence;
pub use publication::Publication;
#[cfg(test)]
pub(crate) use throttle::ACCOUNT_THROTTLED;
pub(crate) use throttle::{RateLimiter, SEND_RATE, SLOW_CLOSE, SlowClients};

use crate::clock::{Clock, SystemClock};
use crate::effects::Effects;
use crate::error::SendError;
use crate::metrics::{Metric, Metrics};
use crate::payload::{IntoPayload, Payload};
use crate::presence::{PendingChange, PresenceLedger, PresenceState};
use crate::store::{DynStore, Scope, Store, check_name};
use crate::transport::{DynTransport, Inspection, Transport};
use crate::{ConnectionId, Timestamp};
use attempts::{Attempts, RequestKind};
use gone::GoneCheck;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Sends messages to clients; cheap to clone.
///
/// In a handler it is an argument; elsewhere, in a job or another function, [`Sender::from_env`]
/// makes one.
///
/// ```
/// use lambda_ws::{Error, Json, Sender};
///
/// async fn price_changed(sender: &Sender, cents: u32) -> Result<(), Error> {
///     let delivery = sender.room("prices").send(Json(cents)).await?;
///     println!("{} heard it, {} were gone", delivery.sent, delivery.gone);
///     Ok(())
/// }
/// ```
///
/// # What is gone
///
/// API Gateway returns 410 for a connection that is not open yet, and sometimes for one that lives. Every 410
/// is confirmed before the connection is removed. The store is asked first: a connection without a record has
/// ended. Then the post is repeated, to a connection younger than 5 s for a while, to any other after 250 ms,
/// and GetConnection is called. A connection that is gone is removed from the store beside the other messages,
/// but only 30 s after its `$connect` began: until then its handshake may be running. The process remembers
/// 10 000 connections that have ended, and neither posts to them nor confirms them again.
///
/// If nothing was delivered to an audience of 20 or more, the endpoint may be wrong. Then nobody is removed,
/// unless the endpoint has reached a connection in this process, or the URL contains the API.
///
/// # Slow clients
///
/// API Gateway answers 429 for two reasons: the account sends too much, or the buffer of one client is
/// full because the client does not read (conformance G6). A sender tells these apart:
///
/// - **The account**: posts to many connections are throttled and succeed when they are repeated. The
///   process then sends at half its rate, and returns to the full rate within 20 s after the last of these.
/// - **A slow client**: one connection is throttled at all four attempts, which take about 0.85 s, while other
///   requests succeed. It does not lower the rate. The process remembers it for 5 minutes, for up to
///   10 000 connections. Until it accepts a message again, it gets one attempt for each message, so
///   that it does not delay the others, and [`Delivery::throttled`] counts it.
///
/// A connection that stays slow for 60 s, with a message at least every 10 s, is closed: its client has missed
/// all messages of that time, and can connect again. `SLOW_CLOSE` sets another time in seconds, and 0
/// closes none.
#[derive(Clone)]
pub struct Sender(Arc<Inner>);

#[derive(Clone)]
pub(crate) struct Inner {
    pub(crate) store: Arc<dyn DynStore>,
    pub(crate) transport: Arc<dyn DynTransport>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) effects: Effects,
    pub(crate) origin: EventOrigin,
    /// The API and stage the transport reaches, as `<apiId>/<stage>`, where it is known.
    pub(crate) api: Option<String>,
    /// The connections that have ended, as far as the process knows.
    pub(crate) gone: Arc<GoneMemory>,
    pub(crate) endpoint: Arc<EndpointState>,
    pub(crate) rate_limiter: Arc<RateLimiter>,
    /// The deadline of broadcasts.
    pub(crate) deadline: Option<Instant>,
    /// Who goes on then.
    pub(crate) relay: Option<TaskHandOff>,
    /// Who keeps presences; nobody, where there is no router.
    pub(crate) presences: Option<Arc<PresenceState>>,
    /// The rooms that have a history, if there are channels.
    pub(crate) histories: Option<Arc<Histories>>,
    /// Who counts; nobody, unless it is asked for.
    pub(crate) metrics: Option<Arc<Metrics>>,
}

impl Sender {
    /// Sends through `transport` to the connections in `store`.
    ///
    /// `api` is the API and stage that `transport` reaches, as `<apiId>/<stage>`: connections of any
    /// other are never taken for gone.
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
            relay: None,
            presences: None,
            histories: None,
            metrics: None,
        })
    }

    /// The same sender at a pace of its own: it and its clones send at most so many messages a second
    /// (at least 1), and as many at once after a pause.
    ///
    /// Without it a sender's pace is that of its process, `SEND_RATE`, which is by default half of the account's
    /// default quota in the Region; one from [`Sender::new`] has 5 000. API Gateway counts the messages of all
    /// senders together.
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

    /// Where messages are posted: the management API's URL, without `/@connections`.
    pub fn url(&self) -> &str {
        self.0.transport.url()
    }

    /// Sends a message to one connection.
    ///
    /// # Errors
    ///
    /// [`SendError::Gone`] if it has ended, which is then remembered; [`SendError::NotOpen`] from its
    /// own `$connect`; [`SendError::TooLarge`] over 128 KB; any other after several attempts.
    pub async fn send(
        &self,
        id: &ConnectionId,
        message: impl IntoPayload,
    ) -> Result<(), SendError> {
        let payload = message.into_payload()?;
        self.check_open(id)?;
        let sent = self.send_surely(id, &payload).await;
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

    async fn send_surely(&self, id: &ConnectionId, payload: &Payload) -> Result<(), SendError> {
        if self.0.gone.find(id, || self.now()).is_some() {
            return Err(SendError::Gone);
        }
        let sent = self.post(id, payload).await;
        if !matches!(sent, Err(SendError::Gone)) {
            return sent;
        }
        match self.check_gone(id, Some(payload)).await {
            GoneCheck::Alive => Ok(()),
            GoneCheck::Unknown(error) => Err(error),
            GoneCheck::Gone(record) => {
                let (sender, id) = (self.clone(), id.clone());
                let clean_up = async move { sender.clean_up(&id, record, &Scope::Everyone).await };
                self.0.effects.run(clean_up).await;
                Err(SendError::Gone)
            }
        }
    }

    /// Those in a room.
    pub fn room(&self, room: impl Into<String>) -> Audience {
        Audience::new(self.clone(), Scope::Room(room.into()))
    }

    /// The connections of a user.
    pub fn user(&self, user: impl Into<String>) -> Audience {
        Audience::new(self.clone(), Scope::User(user.into()))
    }

    /// The users who are present in a room: each once, however many connections there are. It takes a
    /// router that keeps presences: one with a [`joined`](crate::Router::joined) or
    /// [`left`](crate::Router::left) handler, or [`Router::presence`](crate::Router::presence).
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
    /// All users and their count are the same reading: a request and 250 read units for each MB of names,
    /// with about 60 bytes beside each; so about one unit for 50 users.
    ///
    /// It says what [`joined`](crate::Router::joined) and [`left`](crate::Router::left) say, at the same
    /// time: a user who has gone is present until the grace is over. Programs that serve no events see
    /// what the function keeps, and nobody if it keeps nothing.
    pub fn presence(&self, room: impl Into<String>) -> RoomPresence {
        RoomPresence::new(self.clone(), room.into())
    }

    /// All connections.
    pub fn everyone(&self) -> Audience {
        Audience::new(self.clone(), Scope::Everyone)
    }

    /// Closes a connection, with code 1000; its `$disconnect` follows (conformance G9). A 410 is confirmed as
    /// for messages. A connection whose handshake is running is closed as well: it is marked in the store, and
    /// its `$connect` rejects the handshake. That takes up to 3 s.
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
        match self.check_gone(id, None).await {
            GoneCheck::Alive => Ok(()),
            GoneCheck::Unknown(error) => Err(error),
            GoneCheck::Gone(record) => {
                self.clean_up(id, record, &Scope::Everyone).await;
                Err(SendError::Gone)
            }
        }
    }

    /// Looks at a connection.
    ///
    /// # Errors
    ///
    /// As [`Sender::send`].
    pub async fn inspect(&self, id: &ConnectionId) -> Result<Inspection, SendError> {
        self.check_open(id)?;
        self.persist(id, RequestKind::Other, || self.0.transport.inspect(id))
            .await
    }

    /// The effects of the event that the sender belongs to.
    pub(crate) fn effects(&self) -> &Effects {
        &self.0.effects
    }

    pub(crate) fn metrics(&self) -> Option<&Arc<Metrics>> {
        self.0.metrics.as_ref()
    }

    /// The rooms that have a history, if there are channels.
    pub(crate) fn histories(&self) -> Option<&Histories> {
        self.0.histories.as_deref()
    }

    /// The same sender with these rooms.
    pub(crate) fn with_histories(self, histories: Histories) -> Self {
        Self::from(Inner {
            histories: Some(Arc::new(histories)),
            ..Inner::clone(&self.0)
        })
    }

    /// What is known of presences, where there is a router.
    pub(crate) fn presences(&self) -> Option<&PresenceState> {
        self.0.presences.as_deref()
    }

    /// Presences, if the router keeps any.
    pub(crate) fn kept(&self) -> Option<PresenceLedger<'_>> {
        let kept = PresenceLedger {
            store: self.store(),
            clock: &*self.0.clock,
        };
        self.presences()
            .is_some_and(PresenceState::are_kept)
            .then_some(kept)
    }

    /// The API and the stage, as `<apiId>/<stage>`, where they are known.
    pub(crate) fn api(&self) -> Option<String> {
        self.0.api.clone().or_else(|| self.0.endpoint.api())
    }

    /// Stores that connections are about to leave rooms, for those who announce it.
    pub(crate) async fn depart(&self, departures: &[PendingChange]) {
        let Some(presences) = self.presences().filter(|_| !departures.is_empty()) else {
            return;
        };
        let kept = PresenceLedger {
            store: self.store(),
            clock: &*self.0.clock,
        };
        presences
            .depart(kept, self.0.relay.is_some(), departures)
            .await;
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) async fn pause(&self, duration: Duration, id: &ConnectionId) {
        self.0.clock.pause(duration, id).await;
    }

    /// Refuses an id that no connection can have, and the connection that is just being opened (conformance G7).
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

    /// Makes another attempt for as long as the failure may pass.
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
