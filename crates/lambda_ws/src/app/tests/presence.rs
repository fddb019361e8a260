//! Users who join and leave rooms, and who is told.

use super::*;
use crate::ConnectionId;
use crate::clock::Clock;
use crate::payload::Payload;
use crate::presence::{ChangeKind, PendingChange, PendingShard, PresenceLedger, SHARDS, Shard};
use crate::task::Tasks;
use crate::transport::{Inspection, Transport};
use crate::{PresenceChange, Sender};
use futures_util::future::join_all;
use futures_util::{FutureExt, TryStreamExt};
use serde_json::json;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);
const BEGINNING: Timestamp = Timestamp::from_secs(1_767_607_440);

type Said = Arc<Mutex<Vec<String>>>;

async fn connect(me: Opening, Query(query): Query<Vec<(String, String)>>) -> Result<(), Error> {
    for (name, value) in query {
        match &*name {
            "user" => me.user(&value)?,
            "room" => me.join(&value)?,
            _ => {}
        }
    }
    Ok(())
}

async fn joined(State(said): State<Said>, PresenceChange { room, users }: PresenceChange) {
    let users = users
        .into_iter()
        .map(|user| format!("{user} joined {room}"));
    said.lock().unwrap().extend(users);
}

async fn left(State(said): State<Said>, PresenceChange { room, users }: PresenceChange) {
    let users = users.into_iter().map(|user| format!("{user} left {room}"));
    said.lock().unwrap().extend(users);
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

fn hooked(said: &Said) -> Router {
    let router = Router::new().connect(connect).fallback(moves);
    router.joined(joined).left(left).with_state(said.clone())
}

fn said(said: &Said) -> Vec<String> {
    let mut said = std::mem::take(&mut *said.lock().unwrap());
    said.sort();
    said
}

#[tokio::test]
async fn a_user_joins_with_the_first_connection_and_leaves_with_the_last() {
    let log = Said::default();
    let gateway = Gateway::new(hooked(&log));
    let phone = gateway.connect("/?user=ann&room=tea").await.unwrap();
    assert_eq!(said(&log), ["ann joined tea"]);
    let laptop = gateway
        .connect("/?user=ann&room=tea&room=milk")
        .await
        .unwrap();
    let bob = gateway.connect("/?user=bob&room=tea").await.unwrap();
    assert_eq!(said(&log), ["ann joined milk", "bob joined tea"]);
    phone.close().await;
    bob.send(r#"["join","tea"]"#).await;
    assert_eq!(said(&log), [""; 0]);
    laptop.close().await;
    assert_eq!(said(&log), ["ann left milk", "ann left tea"]);
    let _again = gateway.connect("/?user=ann&room=tea").await.unwrap();
    assert_eq!(said(&log), ["ann joined tea"]);
}

#[tokio::test]
async fn messages_join_leave_and_enter_rooms() {
    let log = Said::default();
    let gateway = Gateway::new(hooked(&log));
    let phone = gateway.connect("/?user=ann").await.unwrap();
    let laptop = gateway.connect("/?user=ann").await.unwrap();
    phone.send(r#"["join","tea"]"#).await;
    laptop.send(r#"["join","tea"]"#).await;
    assert_eq!(said(&log), ["ann joined tea"]);
    phone.send(r#"["leave","tea"]"#).await;
    assert_eq!(said(&log), [""; 0]);
    laptop.send(r#"["enter","milk"]"#).await;
    assert_eq!(said(&log), ["ann joined milk", "ann left tea"]);
    phone.send(r#"["leave","milk"]"#).await;
    phone.send(r#"["enter","milk"]"#).await;
    laptop.send(r#"["leave","milk"]"#).await;
    assert_eq!(said(&log), [""; 0]);
    phone.close().await;
    assert_eq!(said(&log), ["ann left milk"]);
}

#[tokio::test]
async fn a_connection_of_no_user_is_nobody_who_joins() {
    let log = Said::default();
    let gateway = Gateway::new(hooked(&log));
    let ann = gateway.connect("/?room=tea").await.unwrap();
    ann.send(r#"["join","milk"]"#).await;
    ann.send(r#"["enter","milk"]"#).await;
    ann.close().await;
    assert_eq!(said(&log), [""; 0]);
    assert_eq!(gateway.sender().presence("tea").count().await.unwrap(), 0);
}

#[tokio::test]
async fn who_is_found_gone_has_left() {
    let log = Said::default();
    let gateway = Gateway::new(hooked(&log));
    let bob = gateway.connect("/?user=bob&room=milk").await.unwrap();
    for _ in 0..2 {
        let ann = gateway.connect("/?user=ann&room=tea").await.unwrap();
        ann.drop_silently();
    }
    gateway.advance(SECOND * 60).await;
    said(&log);
    bob.send(r#"["hello","tea"]"#).await;
    assert_eq!(said(&log), ["ann left tea"]);
    bob.send(r#"["hello","tea"]"#).await;
    assert_eq!(said(&log), [""; 0]);
}

#[tokio::test]
async fn a_room_hears_of_those_who_come_and_go() {
    async fn joined(
        PresenceChange { room, users }: PresenceChange,
        me: ConnectionId,
        context: crate::Context,
        sender: Sender,
    ) -> Result<(), Error> {
        assert_eq!(&me, context.connection_id());
        let told =
            sender
                .room(&room)
                .send(format!("{} joined by {}", users[0], context.route_key()));
        assert_eq!(told.await?.failed, 0);
        Ok(())
    }
    async fn left(
        PresenceChange { room, users }: PresenceChange,
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
    // Whoever is told may be found gone, and others are told of that.
    let cat = gateway.connect("/?user=cat&room=tea").await.unwrap();
    gateway.advance(SECOND * 60).await;
    cat.drop_silently();
    ann.recv_all();
    bob.send(r#"["enter","tea"]"#).await;
    assert_eq!(ann.recv_all(), ["bob joined by $default", "cat left"]);
}

#[tokio::test]
async fn those_who_are_present_are_counted_once() {
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
    // Whoever joins is there at once.
    let mut ann = gateway.connect("/?user=ann").await.unwrap();
    ann.send("who?").await;
    assert_eq!(ann.recv().await, "[true,1]");
}

#[tokio::test]
async fn a_router_that_keeps_no_presence_says_so() {
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
fn a_grace_that_no_function_could_wait_for_is_refused_at_once() {
    let refused = std::panic::catch_unwind(|| Router::<()>::new().grace(SECOND * 21));
    assert!(refused.is_err());
    let _: Router = Router::new().grace(SECOND * 20);
}

/// A shard of departures.
fn pending(world: &World, number: u8) -> PendingShard<'_> {
    let kind = ChangeKind::Left;
    PendingShard {
        store: &world.store,
        clock: world,
        shard: Shard { kind, number },
    }
}

/// Everything around functions that is theirs together: a store, clients, a queue, a clock.
#[derive(Clone)]
struct World {
    store: Memory,
    /// What the store was asked.
    asked: Arc<Mutex<Vec<&'static str>>>,
    gone: Arc<Mutex<HashSet<ConnectionId>>>,
    queue: Arc<Mutex<Vec<String>>>,
    /// Refuses to queue.
    closed: bool,
    began: Instant,
    said: Said,
}

impl Transport for World {
    async fn post(&self, id: &ConnectionId, _: &Payload) -> Result<(), SendError> {
        match self.gone.lock().unwrap().contains(id) {
            true => Err(SendError::Gone),
            false => Ok(()),
        }
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), SendError> {
        self.inspect(id).await.map(drop)
    }

    async fn inspect(&self, id: &ConnectionId) -> Result<Inspection, SendError> {
        match self.gone.lock().unwrap().contains(id) {
            true => Err(SendError::Gone),
            false => Ok(Inspection::default()),
        }
    }

    fn url(&self) -> &str {
        "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/dev"
    }
}

impl Tasks for World {
    fn queue(&self, event: String) -> BoxFuture<'_, Result<(), BoxError>> {
        let queued = match self.closed {
            true => Err("the queue is closed".into()),
            false => {
                self.queue.lock().unwrap().push(event);
                Ok(())
            }
        };
        Box::pin(std::future::ready(queued))
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        BEGINNING + self.began.elapsed()
    }
}

impl World {
    fn new() -> Self {
        Self {
            store: Memory::new(),
            asked: Arc::default(),
            gone: Arc::default(),
            queue: Arc::default(),
            closed: false,
            began: Instant::now(),
            said: Said::default(),
        }
    }

    fn backend(&self) -> Backend {
        let asked = self.asked.clone();
        let store = InterceptedStore {
            store: self.store.clone(),
            before: move |name: &'static str| -> BoxFuture<'static, Result<(), StoreError>> {
                asked.lock().unwrap().push(name);
                Box::pin(std::future::ready(Ok(())))
            },
        };
        let transports = Transports::one(Arc::new(self.clone()));
        Backend::new(Arc::new(store), transports).with_clock(self.clone())
    }

    /// One process of the function.
    fn process(&self) -> Dispatcher {
        self.process_of(hooked(&self.said))
    }

    fn process_of(&self, router: Router) -> Dispatcher {
        let backend = self.backend().with_tasks(Arc::new(self.clone()), 3);
        Dispatcher::new(router, backend)
    }

    fn event(&self, kind: &str, id: &str, query: &Value, body: &str) -> String {
        let key = match kind {
            "MESSAGE" => "$default".to_owned(),
            kind => format!("${}", kind.to_lowercase()),
        };
        let event = json!({
            "requestContext": {
                "eventType": kind, "routeKey": key, "connectionId": id,
                "connectedAt": BEGINNING.millis(), "requestId": "r", "requestTimeEpoch": 0,
                "apiId": "a1b2c3d4e5", "stage": "dev", "domainName": "example.com",
            },
            "headers": {}, "multiValueHeaders": {},
            "multiValueQueryStringParameters": query,
            "body": body,
        });
        event.to_string()
    }

    async fn connects(&self, host: &Dispatcher, id: &str, user: &str, rooms: &[&str]) {
        let query = json!({"user": [user], "room": rooms});
        let reply = call(host, &self.event("CONNECT", id, &query, ""))
            .await
            .unwrap();
        assert_eq!(reply["statusCode"], 200);
    }

    async fn disconnects(&self, host: &Dispatcher, id: &str) {
        let event = self.event("DISCONNECT", id, &Value::Null, "");
        call(host, &event).await.unwrap();
    }

    async fn says(&self, host: &Dispatcher, id: &str, message: &str) {
        call(host, &self.event("MESSAGE", id, &Value::Null, message))
            .await
            .unwrap();
    }

    fn queued(&self) -> Vec<String> {
        std::mem::take(&mut self.queue.lock().unwrap())
    }

    /// Does what is queued, and what that queues, each in a process of its own with so many seconds.
    async fn work(&self, seconds: u32) -> usize {
        let mut count = 0;
        loop {
            let tasks = self.queued();
            if tasks.is_empty() {
                return count;
            }
            count += tasks.len();
            let work = tasks.iter().map(|task| self.task(task, seconds));
            for done in join_all(work).await {
                assert_eq!(done.unwrap(), "done");
            }
        }
    }

    async fn task(&self, task: &str, seconds: u32) -> Result<Value, BoxError> {
        let occasion = InvocationContext {
            deadline: Some(Instant::now() + SECOND * seconds),
            ..InvocationContext::default()
        };
        let reply = self.process().call(task, occasion).await?;
        Ok(serde_json::to_value(reply)?)
    }

    fn said(&self) -> Vec<String> {
        said(&self.said)
    }

    fn asked(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for name in std::mem::take(&mut *self.asked.lock().unwrap()) {
            *counts.entry(name).or_default() += 1;
        }
        counts
    }
}

#[tokio::test(start_paused = true)]
async fn who_comes_back_within_the_grace_has_neither_left_nor_joined() {
    let (world, host) = (World::new(), World::process);
    let host = host(&world);
    world.connects(&host, "a1", "ann", &["tea"]).await;
    assert_eq!(world.said(), ["ann joined tea"]);
    world.disconnects(&host, "a1").await;
    let back = async {
        sleep(SECOND * 4).await;
        world.connects(&host, "a2", "ann", &["tea"]).await;
    };
    tokio::join!(world.work(29), back);
    assert_eq!(world.said(), [""; 0]);
    world.disconnects(&host, "a2").await;
    let began = Instant::now();
    assert_eq!(world.work(29).await, 1);
    assert_eq!(world.said(), ["ann left tea"]);
    assert_eq!(began.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn each_who_leaves_has_the_whole_grace_though_one_task_waits_for_all() {
    let (world, grace) = (World::new(), SECOND * 10);
    let host = world.process_of(hooked(&world.said).grace(grace));
    for number in 0..40 {
        let id = format!("c{number}");
        world.connects(&host, &id, &id, &["tea"]).await;
    }
    world.work(29).await;
    world.said();
    let began = Instant::now();
    let leaves = async {
        for number in 0..40 {
            sleep(SECOND).await;
            world.disconnects(&host, &format!("c{number}")).await;
        }
    };
    let tasks = async {
        let mut tasks = 0;
        for _ in 0..60 {
            sleep(SECOND).await;
            let working = world.queued();
            tasks += working.len();
            for task in working {
                let world = world.clone();
                tokio::spawn(async move { world.task(&task, 300).await.unwrap() });
            }
            let gone = world.said.lock().unwrap().len();
            let elapsed = began.elapsed().as_secs() as usize;
            assert!(
                gone <= elapsed.saturating_sub(9),
                "{gone} after {elapsed} s"
            );
            assert!(gone + 13 >= elapsed.min(53), "{gone} after {elapsed} s");
        }
        tasks
    };
    let ((), tasks) = tokio::join!(leaves, tasks);
    assert_eq!(world.said().len(), 40);
    assert!(tasks <= 40, "{tasks}");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_who_leave_at_once_are_seen_off_by_few_tasks() {
    let world = World::new();
    let host = world.process();
    let names: Vec<_> = (0..1000).map(|number| format!("c{number:03}")).collect();
    let connects = names
        .iter()
        .map(|id| world.connects(&host, id, id, &["tea"]));
    join_all(connects).await;
    let tasks = world.work(29).await;
    assert!((1..=4).contains(&tasks), "{tasks}");
    assert_eq!(world.said().len(), 1000);
    join_all(names.iter().map(|id| world.disconnects(&host, id))).await;
    let tasks = world.work(29).await;
    assert!((1..=4).contains(&tasks), "{tasks}");
    let said = world.said();
    assert_eq!(said.len(), 1000);
    assert!(said.iter().all(|said| said.ends_with("left tea")));
    assert_eq!(HashSet::<String>::from_iter(said).len(), 1000);
}

#[tokio::test(start_paused = true)]
async fn a_connection_leaves_a_hundred_rooms_at_once() {
    let world = World::new();
    let host = world.process();
    let rooms: Vec<_> = (0..100).map(|number| format!("r{number:02}")).collect();
    let rooms: Vec<_> = rooms.iter().map(|room| &**room).collect();
    world.connects(&host, "a1", "ann", &rooms).await;
    world.connects(&host, "a2", "ann", &["r07"]).await;
    assert_eq!(world.said().len(), 100);
    world.asked();
    world.disconnects(&host, "a1").await;
    world.work(29).await;
    let said = world.said();
    assert_eq!(said.len(), 99);
    assert!(!said.contains(&"ann left r07".to_owned()));
    let asked = world.asked();
    assert_eq!(
        (asked["page"], asked["records"]),
        (1, 1),
        "the user is looked at once"
    );
    assert_eq!((asked["read_values"], asked["replace_value"]), (1, 99));
}

#[tokio::test(start_paused = true)]
async fn a_router_without_hooks_costs_not_one_request() {
    let world = World::new();
    let router = || Router::new().connect(connect).fallback(moves);
    let host = world.process_of(router());
    world.connects(&host, "a1", "ann", &["tea"]).await;
    world.says(&host, "a1", r#"["join","milk"]"#).await;
    world.says(&host, "a1", r#"["leave","tea"]"#).await;
    world.says(&host, "a1", r#"["enter","water"]"#).await;
    world.disconnects(&host, "a1").await;
    let expected = [
        ("switch_room", 1),
        ("join", 1),
        ("leave", 1),
        ("record", 1),
        ("register", 1),
        ("remove", 1),
    ];
    assert_eq!(world.asked(), BTreeMap::from(expected));
    // In a process whose router is not known yet.
    world.connects(&host, "a2", "ann", &["tea"]).await;
    world.gone.lock().unwrap().insert("a2".into());
    sleep(SECOND * 60).await;
    world.asked();
    let publish = r#"{"publish": {"room": "tea", "data": 1}}"#;
    let reply = call(&world.process_of(router()), publish).await.unwrap();
    assert_eq!(reply["gone"], 1);
    let expected = [("mark_gone", 1), ("page", 1), ("record", 1)];
    assert_eq!(world.asked(), BTreeMap::from(expected));
    assert!(world.queued().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_is_published_finds_users_who_have_left_in_a_process_that_knows_no_router_yet() {
    let world = World::new();
    world
        .connects(&world.process(), "a1", "ann", &["tea", "milk"])
        .await;
    world.gone.lock().unwrap().insert("a1".into());
    sleep(SECOND * 60).await;
    world.said();
    let publish = r#"{"publish": {"room": "tea", "data": 1}}"#;
    call(&world.process(), publish).await.unwrap();
    assert_eq!(world.said(), [""; 0]);
    assert_eq!(world.work(29).await, 1);
    assert_eq!(world.said(), ["ann left milk", "ann left tea"]);
}

#[tokio::test(start_paused = true)]
async fn where_there_are_no_tasks_or_none_can_be_queued_who_leaves_has_left_at_once() {
    let mut world = World::new();
    world.closed = true;
    let hosts = [
        Dispatcher::new(hooked(&world.said), world.backend()),
        world.process(),
        World {
            closed: false,
            ..world.clone()
        }
        .process_of(hooked(&world.said).grace(Duration::ZERO)),
    ];
    for host in &hosts {
        world.connects(host, "a1", "ann", &["tea"]).await;
        world.disconnects(host, "a1").await;
        assert_eq!(world.said(), ["ann joined tea", "ann left tea"]);
        assert!(world.queued().is_empty());
        sleep(SECOND * 2).await;
    }
    assert_eq!(world.began.elapsed(), SECOND * 6);
}

#[tokio::test(start_paused = true)]
async fn whoever_relied_on_a_task_that_could_not_be_queued_is_seen_off_too() {
    let mut world = World::new();
    world.closed = true;
    let host = world.process();
    for number in 0..SHARDS {
        let pending = pending(&world, number);
        let record = Record::new("b1".into(), BEGINNING, "a1b2c3d4e5/dev", BEGINNING);
        let departure = PendingChange {
            id: record.id,
            at: record.at,
            api: Some(record.api),
            user: format!("b{number}"),
            rooms: vec!["tea".to_owned()],
        };
        let kept = PresenceLedger {
            store: &world.store,
            clock: &world,
        };
        kept.touch("tea", &departure.user).await.unwrap();
        let due = BEGINNING + SECOND * 5;
        pending.add(due, &[departure]).await.unwrap();
    }
    world.connects(&host, "a1", "ann", &["tea"]).await;
    world.said();
    world.disconnects(&host, "a1").await;
    let said = world.said();
    assert_eq!((said.len(), &*said[0]), (2, "ann left tea"), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn to_come_from_nowhere_leaves_nothing_to_see_off() {
    let world = World::new();
    let host = world.process();
    world.connects(&host, "a1", "ann", &[]).await;
    world.says(&host, "a1", r#"["enter","tea"]"#).await;
    assert_eq!(world.said(), ["ann joined tea"]);
    assert!(world.queued().is_empty());
    let asked = world.asked();
    let values: Vec<_> = asked
        .iter()
        .filter(|(name, _)| name.contains("value"))
        .collect();
    let expected = [
        (&"insert_value", &1),
        (&"read_value", &1),
        (&"replace_value", &1),
    ];
    assert_eq!(values, expected);
    assert_eq!(asked["record"], 1);
}

#[tokio::test(start_paused = true)]
async fn several_tasks_wait_in_turn_for_a_grace_that_is_longer_than_the_functions_timeout() {
    let world = World::new();
    let host = world.process_of(hooked(&world.said).grace(SECOND * 20));
    world.connects(&host, "a1", "ann", &["tea"]).await;
    world.said();
    world.disconnects(&host, "a1").await;
    assert_eq!(world.work(6).await, 7);
    assert_eq!(world.said(), ["ann left tea"]);
    assert_eq!(world.began.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_while_it_waits_loses_nobody() {
    let world = World::new();
    let host = world.process();
    world.connects(&host, "a1", "ann", &["tea"]).await;
    world.said();
    world.disconnects(&host, "a1").await;
    let [task] = <[String; 1]>::try_from(world.queued()).unwrap();
    let killed = timeout(SECOND * 3, world.task(&task, 29)).await;
    assert!(killed.is_err());
    sleep(SECOND * 60).await;
    for _ in 0..2 {
        world.task(&task, 29).await.unwrap();
    }
    assert_eq!(world.said(), ["ann left tea"]);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_in_a_handler_does_not_call_that_again_but_the_others() {
    async fn left(State(said): State<Said>, presence: PresenceChange) {
        let is_first = {
            let mut said = said.lock().unwrap();
            said.push(format!("{:?} left {}", presence.users, presence.room));
            said.len() == 1
        };
        if is_first {
            std::future::pending::<()>().await;
        }
    }
    let world = World::new();
    let router = || {
        let router = Router::new().connect(connect).left(left);
        router.with_state(world.said.clone())
    };
    let host = world.process_of(router());
    let rooms = ["tea", "milk"];
    for id in ["a1", "a2", "b1"] {
        world.connects(&host, id, &id[..1], &rooms).await;
        world.disconnects(&host, id).await;
    }
    let tasks = world.queued();
    for task in tasks.iter().chain(&tasks) {
        let process = world.process_of(router());
        let call = process.call(task, InvocationContext::default());
        drop(timeout(SECOND * 20, call).await);
    }
    let mut left = HashSet::new();
    for line in world.said() {
        let (users, room) = line.split_once(" left ").unwrap();
        let users: Vec<String> = serde_json::from_str(users).unwrap();
        for user in users {
            assert!(left.insert((user, room.to_owned())), "twice: {line}");
        }
    }
    assert_eq!(left.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_before_it_called_joined_leaves_a_user_who_is_present() {
    async fn joined(_: PresenceChange) {
        std::future::pending::<()>().await;
    }
    let world = World::new();
    let router = Router::new().connect(connect).joined(joined);
    let host = world.process_of(router);
    let killed = timeout(SECOND, world.connects(&host, "a1", "ann", &["tea"])).await;
    assert!(killed.is_err());
    // Nobody was told: so it is until the user has left and comes again.
    let host = world.process();
    world.connects(&host, "a2", "ann", &["tea"]).await;
    assert_eq!(world.said(), [""; 0]);
    world.disconnects(&host, "a1").await;
    world.disconnects(&host, "a2").await;
    world.work(29).await;
    world.connects(&host, "a3", "ann", &["tea"]).await;
    assert_eq!(world.said(), ["ann joined tea", "ann left tea"]);
}

#[tokio::test(start_paused = true)]
async fn a_note_that_comes_too_late_for_a_task_calls_for_another() {
    let world = World::new();
    let host = world.process();
    for id in ["a", "b"] {
        world.connects(&host, id, id, &["tea"]).await;
        world.work(29).await;
    }
    world.said();
    // It goes on while the notes are read.
    world.disconnects(&host, "a").await;
    let task = world.queued().remove(0);
    let mut work = Box::pin(world.task(&task, 29));
    assert!((&mut work).now_or_never().is_none());
    sleep(SECOND * 4).await;
    world.disconnects(&host, "b").await;
    work.await.unwrap();
    world.work(29).await;
    assert_eq!(world.said(), ["a left tea", "b left tea"]);
    assert!(world.began.elapsed() >= SECOND * 9);
    for number in 0..SHARDS {
        let pending = pending(&world, number);
        assert!(pending.batches(None).await.unwrap().0.is_empty());
    }
}

#[tokio::test]
async fn layers_see_who_comes_and_goes_and_one_that_answers_itself_hides_no_hook() {
    let log = Said::default();
    let seen = Said::default();
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
    assert_eq!(said(&log), ["ann joined tea", "ann left tea"]);
    let joined = r#"PresenceChange { room: "tea", users: ["ann"] }"#;
    assert_eq!(*seen.lock().unwrap(), [joined, "$left a1b2c3d4e5 test"]);
}

#[tokio::test(start_paused = true)]
async fn fault_m1_a_connection_that_is_closed_while_it_is_announced_is_rejected() {
    async fn joined(id: ConnectionId, State(store): State<Memory>) {
        sleep(SECOND * 2).await;
        assert!(Store::mark_gone(&store, &id, BEGINNING).await.unwrap());
    }
    let world = World::new();
    let router = Router::new().connect(connect).joined(joined);
    let host = world.process_of(router.with_state(world.store.clone()));
    let query = json!({"user": ["ann"], "room": ["tea"]});
    let reply = call(&host, &world.event("CONNECT", "a1", &query, "")).await;
    assert_eq!(reply.unwrap()["statusCode"], 403);
    let record = Store::record(&world.store, &"a1".into(), BEGINNING).await;
    assert_eq!(record.unwrap(), None, "no `$disconnect` follows");
}

#[tokio::test(start_paused = true)]
async fn fault_l7_a_departure_is_stored_before_the_connection_is_removed() {
    let world = World::new();
    let host = world.process();
    world.connects(&host, "a1", "ann", &["tea"]).await;
    let store = InterceptedStore {
        store: world.store.clone(),
        // It ends when it has removed the connection, and before it requests the sweep.
        before: |name: &str| -> BoxFuture<'static, Result<(), StoreError>> {
            match name {
                "insert_value" => Box::pin(std::future::pending()),
                _ => Box::pin(std::future::ready(Ok(()))),
            }
        },
    };
    let backend = Backend::new(Arc::new(store), Transports::one(Arc::new(world.clone())));
    let backend = backend.with_clock(world.clone());
    let backend = backend.with_tasks(Arc::new(world.clone()), 3);
    let dying = Dispatcher::new(hooked(&world.said), backend);
    let killed = timeout(SECOND, world.disconnects(&dying, "a1")).await;
    assert!(killed.is_err());
    let record = Store::record(&world.store, &"a1".into(), BEGINNING).await;
    assert_eq!(record.unwrap(), None);
    assert_eq!(world.queued(), [""; 0]);
    // The next change requests the sweep of the same shard, sooner or later.
    for number in 0..40 {
        let id = format!("c{number}");
        world.connects(&host, &id, &id, &["tea"]).await;
        world.disconnects(&host, &id).await;
    }
    world.work(29).await;
    assert!(world.said().contains(&"ann left tea".to_owned()));
}
