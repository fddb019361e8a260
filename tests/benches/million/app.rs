//! The application: rooms, and presence if a scenario wants it.

use super::bucket::Times;
use super::gateway::{Gateway, Management};
use super::lambda::Factory;
use super::table::Table;
use super::world::Quotas;
use lambda_ws::testing::Process;
use lambda_ws::{Connection, Error, Opening, PresenceChange, Query, Router, Sender, State};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::time::Instant;

/// What the application does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Rooms only.
    Rooms,
    /// It also tells the room who joins and leaves.
    Presence,
}

/// What the handlers of presence were called with.
#[derive(Debug)]
pub(super) struct Heard {
    inner: Mutex<Announced>,
    origin: Instant,
}

#[derive(Debug, Default)]
pub(super) struct Announced {
    /// How often each user was announced.
    pub(super) joined: HashMap<String, u32>,
    pub(super) left: HashMap<String, u32>,
    pub(super) calls: u64,
    /// When users left, in ms since the start.
    pub(super) departed: HashMap<String, u64>,
    pub(super) delays: Times,
}

impl Heard {
    pub(super) fn new(origin: Instant) -> Self {
        let inner = Mutex::default();
        Self { inner, origin }
    }

    pub(super) fn get(&self) -> MutexGuard<'_, Announced> {
        self.inner.lock().expect("a simulation has one thread")
    }

    /// Notes that a user's last connection ends now.
    pub(super) fn departs(&self, user: String) {
        let now = self.now();
        self.get().departed.insert(user, now);
    }

    fn now(&self) -> u64 {
        (Instant::now() - self.origin).as_millis() as u64
    }
}

async fn connect(me: Opening, Query(query): Query<Vec<(String, String)>>) -> Result<(), Error> {
    for (name, value) in &query {
        match &**name {
            "user" => me.user(value)?,
            "room" => me.join(value)?,
            _ => {}
        }
    }
    Ok(())
}

/// A message begins with the room.
async fn say(me: Connection, body: String) -> Result<(), Error> {
    let Some((room, text)) = body.split_once(' ') else {
        return Err("a message begins with a room".into());
    };
    me.room(room).send(text.to_owned()).await?;
    Ok(())
}

async fn joined(
    PresenceChange { room, users, .. }: PresenceChange,
    sender: Sender,
    State(heard): State<Arc<Heard>>,
) -> Result<(), Error> {
    {
        let mut heard = heard.get();
        heard.calls += 1;
        for user in &users {
            *heard.joined.entry(user.clone()).or_default() += 1;
        }
    }
    sender.room(room).send(users.join(",")).await?;
    Ok(())
}

async fn left(
    PresenceChange { room, users, .. }: PresenceChange,
    sender: Sender,
    State(heard): State<Arc<Heard>>,
) -> Result<(), Error> {
    let now = heard.now();
    {
        let mut heard = heard.get();
        heard.calls += 1;
        for user in &users {
            *heard.left.entry(user.clone()).or_default() += 1;
            if let Some(at) = heard.departed.get(user).copied() {
                heard.delays.add(now - at);
            }
        }
    }
    sender.room(room).send(users.join(",")).await?;
    Ok(())
}

fn router(kind: Kind, heard: &Arc<Heard>) -> Router {
    let router = Router::new().connect(connect).fallback(say);
    let router = match kind {
        Kind::Rooms => router,
        Kind::Presence => router.joined(joined).left(left),
    };
    router.with_state(heard.clone())
}

/// Returns what starts a process of the function.
pub(super) fn factory(
    kind: Kind,
    gateway: &Arc<Gateway>,
    table: &Table,
    heard: &Arc<Heard>,
    quotas: &Quotas,
    origin: Instant,
) -> Factory {
    let (gateway, table, heard) = (gateway.clone(), table.clone(), heard.clone());
    let (rate, width) = (quotas.send_rate as u32, quotas.tasks);
    Box::new(move |lambda| {
        let lambda = Arc::downgrade(lambda);
        let queue = move |event: String| {
            let lambda = lambda.upgrade();
            async move {
                let lambda = lambda.ok_or("the simulation has ended")?;
                lambda.queue(event).await;
                Ok(())
            }
        };
        let transport = Management(gateway.clone());
        let router = router(kind, &heard);
        Process::with_tasks(
            router,
            table.clone(),
            transport,
            rate,
            origin,
            (width, queue),
        )
    })
}
