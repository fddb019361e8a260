//! Handlers and settings of presence.

use super::Router;
use super::handlers::set;
use super::route::handled;
use crate::event::{Joined, Left};
use crate::extract::FromEvent;
use crate::handler::Handler;
use crate::presence::{GRACE, Hooks, LONGEST_GRACE};
use crate::response::IntoResponse;
use std::time::Duration;

impl<S: Clone + Send + Sync + 'static> Router<S> {
    /// Handles users who have joined a room: each with the first connection there that belongs to the user
    /// ([`Opening::user`](crate::Opening::user)). The place to announce them to the room.
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
    /// A user who joins a quiet room is announced in the same event, after the event's own handler:
    /// `$connect`, whose client cannot receive yet and is left out of what is sent to the room; a message; or
    /// [`opened`](Self::opened). The users who follow within about a second are announced together, by a
    /// task: a crowd that arrives at once costs each member a few messages, not one for each user. The
    /// connection id is then that of one of them. Where the function cannot invoke itself, and in a
    /// [`testing::Gateway`](crate::testing::Gateway), each is announced at once.
    ///
    /// # What is promised
    ///
    /// - `joined` and [`left`](Self::left) of a user in a room alternate, however many connections come
    ///   and go at once and wherever. But each runs in an invocation of its own: when they follow one
    ///   another closely, the later one may be done first.
    /// - Each happens once at most. A process that ends between noting that a user has joined or left and
    ///   calling the handler, or in the handler, does not call it again; nor is `joined` called behind a
    ///   handler that panics. A departure is stored before the connection is removed: a process that ends
    ///   after that loses nothing, because another one goes on.
    /// - The library learns of a vanished client by `$disconnect`, which may come late or never, or when
    ///   this function sends to it. A user who is never missed is present until 2 h 5 min after joining
    ///   last, and then is not, without `left`; so is one whose `$disconnect` was cut off. Programs of
    ///   their own ([`Sender::from_env`](crate::Sender::from_env)) have no handlers that could be called:
    ///   let them [publish](crate::run#publishing) by the function.
    ///
    /// # Costs
    ///
    /// Without a `joined` and a `left` handler, and without [`presence`](Self::presence), none. With them:
    ///
    /// - To join a room is two more requests, of one read and one write unit, and one more write with a
    ///   `joined` handler.
    /// - To leave rooms, or to disconnect, is one read and one or two writes, and after the grace about one
    ///   read for the user and one write for each room. Crowds share the requests for a task.
    /// - A message whose handler does not ask for the user or another part of the record reads that to join
    ///   or leave.
    ///
    /// # Panics
    ///
    /// If there is such a handler already.
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

    /// Handles users who have left a room with all their connections: who left it, disconnected, or were
    /// found gone, and did not come back within the [grace](Self::grace). Users who leave at about the same
    /// time are announced together. See [`joined`](Self::joined).
    ///
    /// It runs in a task: an invocation of its own that the function asks itself for. Where it cannot
    /// invoke itself, it runs at the end of the event, without a grace.
    ///
    /// # Panics
    ///
    /// If there is such a handler already.
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

    /// How long a user who is in a room no more may take to come back as if nothing had happened: 5 s,
    /// unless this says otherwise. Browsers reconnect within seconds when a network changes or a page is
    /// loaded again.
    ///
    /// A task waits for it, one for all who leave at about the same time, and AWS bills its time; where the
    /// function's timeout is shorter, several tasks wait in turn. With a grace of zero `left` needs no task:
    /// it runs at the end of the event, and for each user separately.
    ///
    /// # Panics
    ///
    /// Over 20 s: then no function with API Gateway's timeout could wait for it.
    #[track_caller]
    pub fn grace(mut self, grace: Duration) -> Self {
        assert!(
            grace <= LONGEST_GRACE,
            "a grace of {grace:?} is too long: at most {LONGEST_GRACE:?}"
        );
        self.grace = Some(grace);
        self
    }

    /// Keeps who is present for [`Sender::presence`](crate::Sender::presence), also without a
    /// [`joined`](Self::joined) and a [`left`](Self::left) handler, and at the same cost.
    pub fn presence(mut self) -> Self {
        self.keeps_presence = true;
        self
    }
}

impl Router {
    /// Returns how the router handles presence, if it keeps any.
    pub(crate) fn presence_hooks(&self) -> Option<Hooks> {
        let joins = self.handlers.joined.is_some();
        let is_kept = joins || self.handlers.left.is_some() || self.keeps_presence;
        is_kept.then(|| Hooks {
            grace: self.grace.unwrap_or(GRACE),
            announces_joins: joins,
        })
    }
}
