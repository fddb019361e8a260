//! Users who join and leave rooms.

mod data;
mod grace;
mod killed;
mod requests;
mod sweeps;
mod world;

use super::world::{BEGINNING, SECOND, World};
use super::*;
use crate::ConnectionId;
use crate::presence::{ChangeKind, PendingChange, PendingShard, PresenceLedger, SHARDS, Shard};
use crate::{PresenceChange, Sender};
use futures_util::future::join_all;
use futures_util::{FutureExt, TryStreamExt};
use serde_json::json;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

type Log = Arc<Mutex<Vec<String>>>;

pub(super) async fn connect(
    me: Opening,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<(), Error> {
    for (name, value) in query {
        match &*name {
            "user" => me.user(&value)?,
            "room" => me.join(&value)?,
            _ => {}
        }
    }
    Ok(())
}

async fn joined(State(log): State<Log>, PresenceChange { room, users, .. }: PresenceChange) {
    let users = users
        .into_iter()
        .map(|user| format!("{user} joined {room}"));
    log.lock().unwrap().extend(users);
}

async fn left(State(log): State<Log>, PresenceChange { room, users, .. }: PresenceChange) {
    let users = users.into_iter().map(|user| format!("{user} left {room}"));
    log.lock().unwrap().extend(users);
}

async fn moves(me: Connection, Json((how, room)): Json<(String, String)>) -> Result<(), Error> {
    match &*how {
        "join" => me.join(&room).await?,
        "leave" => me.leave(&room).await?,
        "enter" => drop(me.switch_room(&room).await?),
        _ => drop(me.room(room).send(how).await?),
    }
    Ok(())
}

fn hooked(log: &Log) -> Router {
    let router = Router::new().connect(connect).fallback(moves);
    router.joined(joined).left(left).with_state(log.clone())
}

fn take(log: &Log) -> Vec<String> {
    let mut lines = std::mem::take(&mut *log.lock().unwrap());
    lines.sort();
    lines
}

#[tokio::test]
async fn a_user_joins_with_the_first_connection_and_leaves_with_the_last() {
    let log = Log::default();
    let gateway = Gateway::new(hooked(&log));
    let phone = gateway.connect("/?user=ann&room=tea").await.unwrap();
    assert_eq!(take(&log), ["ann joined tea"]);
    let result = gateway.connect("/?user=ann&room=tea&room=milk").await;
    let laptop = result.unwrap();
    let bob = gateway.connect("/?user=bob&room=tea").await.unwrap();
    assert_eq!(take(&log), ["ann joined milk", "bob joined tea"]);
    phone.close().await;
    bob.send(r#"["join","tea"]"#).await;
    assert_eq!(take(&log), [""; 0]);
    laptop.close().await;
    assert_eq!(take(&log), ["ann left milk", "ann left tea"]);
    let _again = gateway.connect("/?user=ann&room=tea").await.unwrap();
    assert_eq!(take(&log), ["ann joined tea"]);
}

#[tokio::test]
async fn messages_join_leave_and_enter_rooms() {
    let log = Log::default();
    let gateway = Gateway::new(hooked(&log));
    let phone = gateway.connect("/?user=ann").await.unwrap();
    let laptop = gateway.connect("/?user=ann").await.unwrap();
    phone.send(r#"["join","tea"]"#).await;
    laptop.send(r#"["join","tea"]"#).await;
    assert_eq!(take(&log), ["ann joined tea"]);
    phone.send(r#"["leave","tea"]"#).await;
    assert_eq!(take(&log), [""; 0]);
    laptop.send(r#"["enter","milk"]"#).await;
    assert_eq!(take(&log), ["ann joined milk", "ann left tea"]);
    phone.send(r#"["leave","milk"]"#).await;
    phone.send(r#"["enter","milk"]"#).await;
    laptop.send(r#"["leave","milk"]"#).await;
    assert_eq!(take(&log), [""; 0]);
    phone.close().await;
    assert_eq!(take(&log), ["ann left milk"]);
}

#[tokio::test]
async fn a_connection_without_a_user_joins_no_room_as_a_user() {
    let log = Log::default();
    let gateway = Gateway::new(hooked(&log));
    let ann = gateway.connect("/?room=tea").await.unwrap();
    ann.send(r#"["join","milk"]"#).await;
    ann.send(r#"["enter","milk"]"#).await;
    ann.close().await;
    assert_eq!(take(&log), [""; 0]);
    assert_eq!(gateway.sender().presence("tea").count().await.unwrap(), 0);
}

#[tokio::test]
async fn a_user_whose_connections_are_gone_has_left() {
    let log = Log::default();
    let gateway = Gateway::new(hooked(&log));
    let bob = gateway.connect("/?user=bob&room=milk").await.unwrap();
    for _ in 0..2 {
        let ann = gateway.connect("/?user=ann&room=tea").await.unwrap();
        ann.drop_silently();
    }
    gateway.advance(SECOND * 60).await;
    take(&log);
    bob.send(r#"["hello","tea"]"#).await;
    assert_eq!(take(&log), ["ann left tea"]);
    bob.send(r#"["hello","tea"]"#).await;
    assert_eq!(take(&log), [""; 0]);
}

#[tokio::test]
async fn handlers_announce_joins_and_departures_to_the_room() {
    async fn joined(
        PresenceChange { room, users, .. }: PresenceChange,
        me: ConnectionId,
        context: crate::Context,
        sender: Sender,
    ) -> Result<(), Error> {
        assert_eq!(&me, context.connection_id());
        let sent =
            sender
                .room(&room)
                .send(format!("{} joined by {}", users[0], context.route_key()));
        assert_eq!(sent.await?.failed, 0);
        Ok(())
    }
    async fn left(
        PresenceChange { room, users, .. }: PresenceChange,
        sender: Sender,
    ) -> Result<(), Error> {
        let message = format!("{} left", users.join(" and "));
        sender.room(&room).send(message).await?;
        Ok(())
    }
    let router = Router::new().connect(connect).fallback(moves);
    let gateway = Gateway::new(router.joined(joined).left(left));
    let mut ann = gateway.connect("/?user=ann&room=tea").await.unwrap();
    let mut bob = gateway.connect("/?user=bob&room=tea").await.unwrap();
    assert_eq!(ann.recv_all(), ["bob joined by $connect"]);
    bob.send(r#"["enter","milk"]"#).await;
    assert_eq!(ann.recv_all(), ["bob left"]);
    assert_eq!(bob.recv_all(), ["bob joined by $default"]);
    // A recipient of the announcement may be gone, and its departure is announced too.
    let cat = gateway.connect("/?user=cat&room=tea").await.unwrap();
    gateway.advance(SECOND * 60).await;
    cat.drop_silently();
    ann.recv_all();
    bob.send(r#"["enter","tea"]"#).await;
    assert_eq!(ann.recv_all(), ["bob joined by $default", "cat left"]);
}

#[tokio::test]
async fn a_present_user_is_counted_once() {
    async fn who(me: Connection, sender: Sender) -> Result<Json<(bool, usize)>, Error> {
        me.join("milk").await?;
        let milk = sender.presence("milk");
        Ok(Json((milk.contains("ann").await?, milk.count().await?)))
    }
    let router = Router::new().connect(connect).fallback(who).presence();
    let gateway = Gateway::new(router);
    let mut clients = Vec::new();
    for number in 0..1100 {
        let uri = format!("/?user=u{number:04}&room=tea");
        clients.push(gateway.connect(&uri).await.unwrap());
    }
    let _again = gateway.connect("/?user=u0007&room=tea").await.unwrap();
    let tea = gateway.sender().presence("tea");
    assert_eq!(tea.count().await.unwrap(), 1100);
    let users: Vec<String> = tea.users().try_collect().await.unwrap();
    assert!(users.is_sorted() && users.len() == 1100);
    clients.swap_remove(0).close().await;
    assert!(!tea.contains("u0000").await.unwrap());
    assert_eq!(tea.count().await.unwrap(), 1099);
    // A user who joins is present at once.
    let mut ann = gateway.connect("/?user=ann").await.unwrap();
    ann.send("who?").await;
    assert_eq!(ann.recv().await, "[true,1]");
}

#[tokio::test]
async fn presence_of_a_router_that_keeps_none_is_an_error() {
    async fn who(sender: Sender) -> String {
        let count = sender.presence("tea").count().await;
        count.unwrap_err().to_string()
    }
    let gateway = Gateway::new(Router::new().connect(connect).fallback(who));
    let mut ann = gateway.connect("/?user=ann&room=tea").await.unwrap();
    ann.send("who?").await;
    assert!(ann.recv().await.contains("`presence()`"));
}

#[test]
fn a_grace_over_20_s_panics() {
    let refused = std::panic::catch_unwind(|| Router::<()>::new().grace(SECOND * 21));
    assert!(refused.is_err());
    let _: Router = Router::new().grace(SECOND * 20);
}

#[tokio::test]
async fn layers_see_joins_and_departures() {
    let log = Log::default();
    let seen = Log::default();
    let layer = {
        let seen = seen.clone();
        tower::util::MapRequestLayer::new(move |event: crate::AnyEvent| {
            let name = match &event.data {
                crate::EventData::Joined(joined) => format!("{:?}", joined.presence),
                crate::EventData::Left(_) => {
                    let context = event.context();
                    format!(
                        "{} {} {}",
                        context.route_key(),
                        context.api_id(),
                        context.stage()
                    )
                }
                _ => return event,
            };
            seen.lock().unwrap().push(name);
            event
        })
    };
    let gateway = Gateway::new(hooked(&log).layer(layer));
    let ann = gateway.connect("/?user=ann&room=tea").await.unwrap();
    ann.close().await;
    assert_eq!(take(&log), ["ann joined tea", "ann left tea"]);
    let joined = r#"PresenceChange { room: "tea", users: ["ann"] }"#;
    assert_eq!(*seen.lock().unwrap(), [joined, "$left a1b2c3d4e5 test"]);
}
