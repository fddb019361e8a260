//! Users who join and leave rooms.

use super::{Host, Occasion, SETTLE, event, log};
use crate::app::backend::Particulars;
use crate::connection::Known;
use crate::error::BoxError;
use crate::event::{AnyEvent, Asked, Context, Joined, Left};
use crate::extract::Presence;
use crate::presence::{Departure, Hooks, Lot};
use crate::response::Response;
use crate::sender::{Cleanup, Sender};
use crate::store::{Record, StoreError};
use crate::task::{MOST_HOPS, Sweep, Task, Tasks, new_id};
use crate::{ConnectionId, Timestamp};
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;
use tower_service::Service;
use tracing::{Instrument, debug, error, error_span, warn};

/// How many hooks run at once, and how many rooms or users are looked at.
const AT_ONCE: usize = 8;

/// How much of an invocation's time is kept for what follows a wait.
const MARGIN: Duration = Duration::from_secs(3);

impl<S> Host<S>
where
    S: Service<AnyEvent, Response = Response> + Clone,
    S::Error: Into<BoxError>,
{
    /// Makes the user of a new connection present, and returns in which rooms that is news.
    pub(super) async fn arrivals(&self, context: &Context, record: &Record) -> Vec<Presence> {
        let Some(user) = record.user.as_ref().filter(|_| !record.rooms.is_empty()) else {
            return Vec::new();
        };
        if self.hooks(context).await.is_none() {
            return Vec::new();
        }
        let mut touches = FuturesUnordered::new();
        let mut arrived = Vec::new();
        for room in &record.rooms {
            let room = room.clone();
            let user = user.clone();
            touches.push(self.arrival(Presence { room, user }));
            if touches.len() == AT_ONCE {
                arrived.extend(touches.next().await.flatten());
            }
        }
        while let Some(touched) = touches.next().await {
            arrived.extend(touched);
        }
        arrived
    }

    /// Makes a user present in a room; `None`, if that is no news.
    async fn arrival(&self, presence: Presence) -> Option<Presence> {
        let Presence { room, user } = &presence;
        match self.backend.kept().touch(room, user).await {
            Ok(is_news) => is_news.then_some(presence),
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                error!(room, error, "a user who has joined is not present");
                None
            }
        }
    }

    /// Calls the handler of those who have joined.
    pub(super) async fn welcome(&self, arrived: Vec<Presence>, context: &Context, sender: &Sender) {
        let mut calls = FuturesUnordered::new();
        for presence in arrived {
            calls.push(self.welcome_one(presence, context, sender));
            if calls.len() == AT_ONCE {
                calls.next().await;
            }
        }
        while calls.next().await.is_some() {}
    }

    async fn welcome_one(&self, presence: Presence, context: &Context, sender: &Sender) {
        let (room, user) = (&presence.room, &presence.user);
        let span = error_span!("joined", route = "$joined", room, user);
        let data = Joined { presence };
        let event = event(context.clone(), data, sender.clone(), Known::default());
        let response = self.respond(AnyEvent::Joined(event));
        async { log(&response.await) }.instrument(span).await;
    }

    /// Sees to those who were found to have left, now or after a grace.
    pub(super) async fn see_off(&self, occasion: Occasion<'_>) {
        // Whoever is told that somebody left may be found gone.
        for _ in 0..MOST_HOPS {
            let departed = self.backend.presences().departed();
            let Some(first) = departed.first() else {
                return;
            };
            let context = self.context_of(first, "");
            let Some(Hooks { grace }) = self.hooks(&context).await else {
                return;
            };
            match self.backend.tasks() {
                Some(tasks) if grace > Duration::ZERO => {
                    match self.note(tasks, grace, &departed, occasion).await {
                        Ok(()) => continue,
                        Err(error) => warn!(
                            error = &*error,
                            "it cannot be noted who has left: they have left at once"
                        ),
                    }
                }
                None if grace > Duration::ZERO && self.backend.presences().is_first() => warn!(
                    "this function cannot invoke itself here: who leaves a room has left at once, without a grace"
                ),
                _ => {}
            }
            let cleanup = Cleanup::beside();
            if let Err(error) = self.bid_farewell(departed, occasion, &cleanup).await {
                error!(
                    error = &error as &dyn std::error::Error,
                    "users stay present who have left"
                );
            }
            cleanup.settle(SETTLE).await;
        }
    }

    /// Notes who has left, for a task after the grace.
    async fn note(
        &self,
        tasks: &dyn Tasks,
        grace: Duration,
        departed: &[Departure],
        occasion: Occasion<'_>,
    ) -> Result<(), BoxError> {
        let lot = Lot::any(&*self.backend.store, self.backend.clock());
        let due = lot.clock.now() + grace;
        lot.note(due, departed).await?;
        if !lot.call(due).await? {
            return Ok(());
        }
        let sweep = Sweep {
            lot: lot.number,
            due,
        };
        let task = Task::sweep(new_id(), 1, sweep);
        let Err(error) = tasks.queue(task.event()).await else {
            return Ok(());
        };
        warn!(
            error = &*error,
            "no task waits for who has left to come back: they have left at once"
        );
        // Others too may have relied on this call.
        let cleanup = Cleanup::beside();
        self.empty(lot, None, occasion, &cleanup).await?;
        cleanup.settle(SETTLE).await;
        Ok(())
    }

    /// Sees off a lot of users when they have had their time to come back, as a task.
    pub(super) async fn sweep(
        &self,
        (id, hop): (String, u32),
        sweep: Sweep,
        occasion: Occasion<'_>,
        cleanup: &Cleanup,
    ) -> Result<(), BoxError> {
        let lot = Lot {
            store: &*self.backend.store,
            clock: self.backend.clock(),
            number: sweep.lot,
        };
        let mut until = sweep.due;
        loop {
            let is_enough = self.wait(until, occasion).await;
            let next = self.empty(lot, is_enough.then_some(until), occasion, cleanup);
            let Some(next) = next.await? else {
                return Ok(());
            };
            if !lot.call(next).await? {
                return Ok(());
            }
            if time_left(occasion).is_some_and(|left| (next - lot.clock.now()) > left)
                && hop < MOST_HOPS
                && let Some(tasks) = self.backend.tasks()
            {
                let sweep = Sweep { due: next, ..sweep };
                let task = Task::sweep(format!("{id}+"), hop + 1, sweep);
                match tasks.queue(task.event()).await {
                    Ok(()) => return Ok(()),
                    Err(error) => warn!(error = &*error, "no task goes on: the grace is cut short"),
                }
            }
            until = next;
        }
    }

    /// Sees off a lot of users, those who are due `until` then or else all, and returns when the next are.
    async fn empty(
        &self,
        lot: Lot<'_>,
        until: Option<Timestamp>,
        occasion: Occasion<'_>,
        cleanup: &Cleanup,
    ) -> Result<Option<Timestamp>, BoxError> {
        // Before the notes are read: who notes anything behind that calls again.
        lot.uncall().await?;
        let (mut keys, mut departed, mut next) = (Vec::new(), Vec::new(), None);
        for (key, note) in lot.notes().await? {
            if until.is_some_and(|until| note.due > until) {
                next = Some(next.map_or(note.due, |next: Timestamp| next.min(note.due)));
                continue;
            }
            keys.push(key);
            departed.extend(note.departed);
        }
        self.bid_farewell(departed, occasion, cleanup).await?;
        // Not before: if this process ends, another one finds them.
        lot.discard(keys).await?;
        Ok(next)
    }

    /// Waits, as long as there is time. Whether it was long enough.
    async fn wait(&self, until: Timestamp, occasion: Occasion<'_>) -> bool {
        let pause = until - self.backend.clock().now();
        let (pause, is_enough) = match time_left(occasion) {
            Some(left) if left < pause => (left, false),
            _ => (pause, true),
        };
        let nobody = ConnectionId::from("");
        self.backend.clock().pause(pause, &nobody).await;
        is_enough
    }

    /// Takes note that users have left rooms, if they have, and calls the handler of those who did.
    async fn bid_farewell(
        &self,
        departed: Vec<Departure>,
        occasion: Occasion<'_>,
        cleanup: &Cleanup,
    ) -> Result<(), StoreError> {
        let mut users: BTreeMap<String, Vec<Departure>> = BTreeMap::new();
        for departure in departed {
            let user = users.entry(departure.user.clone()).or_default();
            user.push(departure);
        }
        debug!(users = users.len(), "users are seen off");
        let mut farewells = FuturesUnordered::new();
        let mut noted = Ok(());
        for (user, departed) in users {
            farewells.push(self.bid_user_farewell(user, departed, occasion, cleanup));
            if farewells.len() == AT_ONCE {
                noted = noted.and(farewells.next().await.unwrap_or(Ok(())));
            }
        }
        while let Some(done) = farewells.next().await {
            noted = noted.and(done);
        }
        noted
    }

    async fn bid_user_farewell(
        &self,
        user: String,
        departed: Vec<Departure>,
        occasion: Occasion<'_>,
        cleanup: &Cleanup,
    ) -> Result<(), StoreError> {
        let rooms = departed.iter().flat_map(|departure| &departure.rooms);
        let rooms: BTreeSet<_> = rooms.cloned().collect();
        let (rooms, mut left) = (rooms.into_iter().collect(), Vec::new());
        let noted = self.backend.kept().leave(&user, rooms, &mut left).await;
        for room in left {
            let of_room = |departure: &&Departure| departure.rooms.contains(&room);
            let departure = departed.iter().rfind(of_room);
            let departure = departure.expect("the rooms are theirs");
            let user = user.clone();
            let presence = Presence { room, user };
            self.farewell(presence, departure, occasion, cleanup).await;
        }
        noted
    }

    async fn farewell(
        &self,
        presence: Presence,
        departure: &Departure,
        occasion: Occasion<'_>,
        cleanup: &Cleanup,
    ) {
        let (room, user) = (&presence.room, &presence.user);
        let span = error_span!("left", route = "$left", connection = %departure.id, room, user);
        let particulars = Particulars {
            deadline: occasion.deadline,
            ..Particulars::default()
        };
        let api = departure.api.as_deref();
        let sender = self.backend.sender_at(api, cleanup.clone(), particulars);
        let Some(sender) = sender else {
            error!(
                "it is not known of which API a connection was: nobody is told that a user left"
            );
            return;
        };
        let context = self.context_of(departure, "$left");
        let event = event(context, Left { presence }, sender, Known::default());
        let response = self.respond(AnyEvent::Left(event));
        async { log(&response.await) }.instrument(span).await;
    }

    /// What the router does with presences, if anything. Where no event has reached it yet, it is asked.
    async fn hooks(&self, context: &Context) -> Option<Hooks> {
        let presences = self.backend.presences();
        if presences.hooks().is_none() {
            let (cleanup, particulars) = (Cleanup::awaited(), Particulars::default());
            let sender = self.backend.sender_for(context, cleanup, particulars);
            let event = event(context.clone(), Asked, sender, Known::default());
            log(&self.respond(AnyEvent::Asked(event)).await);
        }
        presences.hooks().flatten()
    }

    fn context_of(&self, departure: &Departure, route_key: &str) -> Context {
        let (id, at) = (departure.id.clone(), departure.at);
        let now = self.backend.clock().now();
        Context::known(id, at, departure.api.as_deref(), route_key, now)
    }
}

/// How long an invocation may wait.
fn time_left(occasion: Occasion<'_>) -> Option<Duration> {
    let left = occasion.deadline?.saturating_duration_since(Instant::now());
    Some(left.saturating_sub(MARGIN.min(left / 2)))
}
