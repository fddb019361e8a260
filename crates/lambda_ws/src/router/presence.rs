//! The presence handlers and settings of a router.

use super::Router;
use super::handlers::set;
use super::route::handled;
use crate::event::{Changed, Joined, Left};
use crate::extract::FromEvent;
use crate::handler::Handler;
use crate::presence::{GRACE, Hooks, KEPT_DATA, LONGEST_GRACE};
use crate::response::IntoResponse;
use std::time::Duration;

/// The shortest interval of [`Router::last_seen`], because each interval costs a write.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(60);

impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// Sets the handler of users who joined a room. A user ([`Opening::user`](crate::Opening::user)) joins with the
    /// first connection in the room. Use it to announce users to the room.
    ///
    /// ```
    /// use lambda_ws::{ConnectionId, Error, Opening, PresenceChange, Query, Router, Sender};
    /// # use lambda_ws::testing::Gateway;
    ///
    /// async fn connect(me: Opening, Query(user): Query<Vec<(String, String)>>) -> Result<(), Error> {
    ///     me.user(&user[0].1)?;
    ///     Ok(me.join("tea")?)
    /// }
    ///
    /// async fn joined(PresenceChange { room, users, .. }: PresenceChange, id: ConnectionId, sender: Sender) -> Result<(), Error> {
    ///     let message = format!("joined: {}", users.join(", "));
    ///     sender.room(room).except(&id).send(message).await?;
    ///     Ok(())
    /// }
    ///
    /// async fn left(PresenceChange { room, users, .. }: PresenceChange, sender: Sender) -> Result<(), Error> {
    ///     sender.room(room).send(format!("left: {}", users.join(", "))).await?;
    ///     Ok(())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let router = Router::new().connect(connect).joined(joined).left(left);
    /// # let gateway = Gateway::new(router);
    /// # let mut ann = gateway.connect("/?user=ann").await.expect("accepted");
    /// # let phone = gateway.connect("/?user=bob").await.expect("accepted");
    /// # let laptop = gateway.connect("/?user=bob").await.expect("accepted");
    /// # phone.close().await;
    /// # assert_eq!(ann.recv_all(), ["joined: bob"]);
    /// # laptop.close().await;
    /// # assert_eq!(ann.recv_all(), ["left: bob"]);
    /// # }
    /// ```
    ///
    /// The first user who joins a quiet room is announced at the end of the same event. In `$connect` the new client
    /// cannot receive yet, and broadcasts to the room exclude it. Users who follow within about a second are
    /// announced together by a task, so a crowd costs each member a few messages. The connection id then belongs to
    /// one of them. Where the function cannot invoke itself, and in a [`testing::Gateway`](crate::testing::Gateway),
    /// each user is announced at once.
    ///
    /// # Guarantees
    ///
    /// - `joined` and [`left`](Self::left) of a user in a room alternate, regardless of the number of connections.
    ///   But each runs in its own invocation, so the later one may finish first.
    /// - Each runs at most once. If a process ends after it has recorded a change, before or in the handler, the
    ///   handler is not called again. `joined` is not called after a handler that panics. A departure is stored
    ///   before the connection is removed, so another process announces it if this one ends.
    /// - The library learns of a vanished client by `$disconnect`, which may be late or missing, or by a 410. Without
    ///   either, the user stays present for 2 h 5 min after the last join, and then disappears without `left`.
    ///   Programs that serve no events ([`Sender::from_env`](crate::Sender::from_env)) have no handlers: let them
    ///   [publish](crate::run#publishing) through the function.
    ///
    /// # Costs
    ///
    /// No cost without a `joined`, `left` or [`changed`](Self::changed) handler or [`presence`](Self::presence). With
    /// them:
    ///
    /// - To join a room takes two more requests, of one read and one write unit, and one more write with a `joined`
    ///   handler.
    /// - To leave rooms or to disconnect takes one read and one or two writes. After the grace period it takes about
    ///   one read for the user and one write for each room. Crowds share the requests for a task.
    /// - A message that joins or leaves a room reads the connection's record, unless its handler already did.
    ///
    /// # Panics
    ///
    /// If the router already has this handler.
    #[track_caller]
    pub fn joined<H, Args>(mut self, handler: H) -> Self
    where
        H: Handler<Args, Future: Send>,
        H::Output: IntoResponse<Joined>,
        H::Args: FromEvent<Joined, S> + Send + 'static,
    {
        set(&mut self.handlers.joined, "joined", handled(handler));
        self
    }

    /// Sets the handler of users who left a room with all their connections: they left, disconnected, or were gone,
    /// and did not return within the [grace period](Self::grace). Users who leave at about the same time are
    /// announced together. See [`joined`](Self::joined).
    ///
    /// It runs in a follow-up task of the function. Where the function cannot invoke itself, it runs at the end of
    /// the event without a grace period.
    ///
    /// # Panics
    ///
    /// If the router already has this handler.
    #[track_caller]
    pub fn left<H, Args>(mut self, handler: H) -> Self
    where
        H: Handler<Args, Future: Send>,
        H::Output: IntoResponse<Left>,
        H::Args: FromEvent<Left, S> + Send + 'static,
    {
        set(&mut self.handlers.left, "left", handled(handler));
        self
    }

    /// Keeps data of the users in a room, and sets the handler of users whose data has changed. The data is JSON of at
    /// most 1 KB ([`PRESENCE_BYTES`](crate::store::PRESENCE_BYTES)): a name, a status, a cursor. See
    /// [the guide](crate::guide::presence#data-of-users).
    ///
    /// [`Opening::presence`](crate::Opening::presence) and [`RoomPresence::set`](crate::RoomPresence::set) set the
    /// data. The extractor [`PresenceData`](crate::PresenceData) reads it here and in [`joined`](Self::joined).
    ///
    /// ```
    /// use lambda_ws::{Connection, Error, Json, Opening, PresenceChange, PresenceData, Query, Router, Sender, User};
    /// use serde::{Deserialize, Serialize};
    /// # use lambda_ws::testing::Gateway;
    ///
    /// #[derive(Serialize, Deserialize)]
    /// struct Cursor {
    ///     x: u32,
    /// }
    ///
    /// async fn connect(me: Opening, Query(user): Query<Vec<(String, String)>>) -> Result<(), Error> {
    ///     me.user(&user[0].1)?;
    ///     Ok(me.join("tea")?)
    /// }
    ///
    /// async fn moved(User(user): User, Json(cursor): Json<Cursor>, sender: Sender) -> Result<(), Error> {
    ///     sender.presence("tea").set(&user, &cursor).await?;
    ///     Ok(())
    /// }
    ///
    /// async fn changed(
    ///     PresenceChange { room, .. }: PresenceChange,
    ///     PresenceData(users): PresenceData<Cursor>,
    ///     sender: Sender,
    /// ) -> Result<(), Error> {
    ///     sender.room(room).send(Json(users)).await?;
    ///     Ok(())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let router = Router::new().connect(connect).route("moved", moved).changed(changed);
    /// # let gateway = Gateway::new(router);
    /// # let mut ann = gateway.connect("/?user=ann").await.expect("accepted");
    /// # ann.send(r#"{"action":"moved","x":7}"#).await;
    /// # assert!(ann.recv().await.starts_with(r#"[{"user":"ann","data":{"x":7},"updated":"#));
    /// # }
    /// ```
    ///
    /// A task collects the changes of a room and announces them together, about a second after the first one: at most
    /// one call for each room and second, with at most 64 KB of names and data. Other users follow a second later. A
    /// user who has left meanwhile is not announced. Where the function cannot invoke itself, each event announces its
    /// own changes at its end.
    ///
    /// The handler gets the data that is stored when the task runs, not that of each change. If the process ends before
    /// the handler finishes, another one calls it again with the same users. A handler that fails is not called again.
    ///
    /// # Panics
    ///
    /// If the router already has this handler.
    #[track_caller]
    pub fn changed<H, Args>(mut self, handler: H) -> Self
    where
        H: Handler<Args, Future: Send>,
        H::Output: IntoResponse<Changed>,
        H::Args: FromEvent<Changed, S> + Send + 'static,
    {
        set(&mut self.handlers.changed, "changed", handled(handler));
        self.presence_data = Some(KEPT_DATA);
        self
    }

    /// Sets the grace period: how long a user may be absent from a room before `left` runs. The default is 5 s,
    /// because browsers reconnect within seconds after a network change or a page reload.
    ///
    /// A task waits for the grace period, one for all users who leave at about the same time, and AWS bills its time.
    /// If the function's timeout is shorter, several tasks wait in turn. With a grace period of zero `left` needs no
    /// task: it runs at the end of the event, separately for each user.
    ///
    /// # Panics
    ///
    /// If it is over 20 s: a function with API Gateway's timeout could not wait for it.
    #[track_caller]
    pub fn grace(mut self, grace: Duration) -> Self {
        assert!(
            grace <= LONGEST_GRACE,
            "the grace period {grace:?} is too long: expected at most {LONGEST_GRACE:?}"
        );
        self.grace = Some(grace);
        self
    }

    /// Keeps presences for [`Sender::presence`](crate::Sender::presence) without a [`joined`](Self::joined) or
    /// [`left`](Self::left) handler, at the same cost.
    pub fn presence(mut self) -> Self {
        self.keeps_presence = true;
        self
    }

    /// Stores when each client was last seen: a mark in the record of its connection, which
    /// [`Record::last_seen`](crate::store::Record::last_seen) and [`Audience::last_seen`](crate::Audience::last_seen)
    /// return. Every message of the client counts, also a `$ping` of lossless rooms. See
    /// [the guide](crate::guide::connections#last-seen).
    ///
    /// A connection costs at most one write per interval, and none in its first interval. A process without a message
    /// of the connection in the interval reads its record first, unless the handler has read it. 5 minutes is a good
    /// interval.
    ///
    /// # Panics
    ///
    /// If the interval is shorter than a minute, or if the router already has one.
    #[track_caller]
    pub fn last_seen(mut self, interval: Duration) -> Self {
        assert!(
            interval >= SHORTEST_INTERVAL,
            "the interval {interval:?} of `last_seen` is too short: expected at least {SHORTEST_INTERVAL:?}"
        );
        set(&mut self.seen_interval, "last_seen", interval);
        self
    }
}

impl Router {
    /// Returns the interval of marks, if the router stores when clients were last seen.
    pub(crate) fn seen_interval(&self) -> Option<Duration> {
        self.seen_interval
    }

    /// Returns the presence settings, if the router keeps presences.
    pub(crate) fn presence_hooks(&self) -> Option<Hooks> {
        let joins = self.handlers.joined.is_some();
        let is_enabled = joins
            || self.handlers.left.is_some()
            || self.keeps_presence
            || self.presence_data.is_some();
        is_enabled.then(|| Hooks {
            grace: self.grace.unwrap_or(GRACE),
            announces_joins: joins,
            data: self.presence_data,
        })
    }
}
