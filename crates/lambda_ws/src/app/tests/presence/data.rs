//! Tests of the data of users.

use super::*;
use crate::{PresenceData, UserPresence};
use serde_json::to_string;

async fn connect(me: Opening, Query(query): Query<Vec<(String, String)>>) -> Result<(), Error> {
    for (name, value) in query {
        match &*name {
            "user" => me.user(&value)?,
            "room" => me.join(&value)?,
            "data" => me.presence(&value)?,
            _ => {}
        }
    }
    Ok(())
}

/// Sets data: `["ann", "tea", "busy"]`.
async fn set(
    Json((user, room, data)): Json<(String, String, String)>,
    sender: Sender,
) -> Result<Json<bool>, Error> {
    Ok(Json(sender.presence(room).set(&user, &data).await?))
}

fn line(kind: &str, room: &str, users: Vec<UserPresence<String>>) -> String {
    let user = |user: UserPresence<String>| match user.data {
        Some(data) => format!("{}={data}", user.user),
        None => user.user,
    };
    let users: Vec<_> = users.into_iter().map(user).collect();
    format!("{room} {kind} {}", users.join(" "))
}

async fn joined(
    State(log): State<Log>,
    change: PresenceChange,
    PresenceData(users): PresenceData<String>,
) {
    log.lock()
        .unwrap()
        .push(line("joined", &change.room, users));
}

async fn changed(
    State(log): State<Log>,
    change: PresenceChange,
    PresenceData(users): PresenceData<String>,
) {
    assert!(change.users.iter().eq(users.iter().map(|user| &user.user)));
    assert!(users.is_sorted_by_key(|user| &user.user));
    log.lock()
        .unwrap()
        .push(line("changed", &change.room, users));
}

fn router(log: &Log) -> Router {
    let router = Router::new().connect(connect).fallback(set);
    let router = router.joined(joined).left(left).changed(changed);
    router.with_state(log.clone())
}

impl World {
    fn with_data(&self) -> Dispatcher {
        self.process_of(router(&self.log))
    }

    async fn sets(&self, dispatcher: &Dispatcher, user: &str, data: &str) {
        let message = to_string(&(user, "tea", data)).unwrap();
        self.says(dispatcher, "a1", &message).await;
    }

    /// Runs the queued tasks, and those that they queue. Returns how many there were.
    async fn work_with_data(&self) -> usize {
        let mut count = 0;
        loop {
            let tasks = self.queued();
            if tasks.is_empty() {
                return count;
            }
            count += tasks.len();
            for task in tasks {
                let done = self.invoke(&self.with_data(), &task, 29).await;
                assert_eq!(done.unwrap(), "done");
            }
        }
    }
}

#[tokio::test]
async fn data_is_in_the_join_in_the_list_and_in_the_change() {
    let log = Log::default();
    let gateway = Gateway::new(router(&log));
    let mut ann = gateway
        .connect("/?user=ann&room=tea&data=new")
        .await
        .unwrap();
    let _bob = gateway.connect("/?user=bob&room=tea").await.unwrap();
    assert_eq!(take(&log), ["tea joined ann=new", "tea joined bob"]);
    ann.send(r#"["ann","tea","busy"]"#).await;
    assert_eq!(ann.recv().await, "true");
    ann.send(r#"["cat","tea","here?"]"#).await;
    assert_eq!(ann.recv().await, "false", "cat is not present");
    assert_eq!(take(&log), ["tea changed ann=busy"]);

    let sender = gateway.sender();
    let tea = sender.presence("tea");
    let users: Vec<UserPresence<String>> = tea.users_with_data().try_collect().await.unwrap();
    assert_eq!(line("has", "tea", users.clone()), "tea has ann=busy bob");
    assert_eq!(
        tea.get::<String>("ann").await.unwrap(),
        Some(users[0].clone())
    );
    assert_eq!(tea.get::<String>("cat").await.unwrap(), None);
    let names: Vec<String> = tea.users().try_collect().await.unwrap();
    assert_eq!(names, ["ann", "bob"]);
    assert_eq!(to_string(&users[1]).unwrap(), r#"{"user":"bob"}"#);
    assert!(users[0].updated.is_some());
}

#[tokio::test]
async fn the_devices_of_a_user_share_the_data_until_the_user_leaves() {
    let log = Log::default();
    let gateway = Gateway::new(router(&log));
    let phone = gateway
        .connect("/?user=ann&room=tea&data=phone")
        .await
        .unwrap();
    let tab = gateway.connect("/?user=ann&room=tea").await.unwrap();
    let same = gateway
        .connect("/?user=ann&room=tea&data=phone")
        .await
        .unwrap();
    assert_eq!(take(&log), ["tea joined ann=phone"]);
    let laptop = gateway
        .connect("/?user=ann&room=tea&room=milk&data=laptop")
        .await
        .unwrap();
    assert_eq!(
        take(&log),
        ["milk joined ann=laptop", "tea changed ann=laptop"]
    );
    for client in [phone, tab, same, laptop] {
        client.close().await;
    }
    assert_eq!(take(&log), ["ann left milk", "ann left tea"]);
    let again = gateway.connect("/?user=ann&room=tea").await.unwrap();
    assert_eq!(take(&log), ["tea joined ann"]);
    again.close().await;
    let _again = gateway
        .connect("/?user=ann&room=tea&data=back")
        .await
        .unwrap();
    assert_eq!(take(&log), ["ann left tea", "tea joined ann=back"]);
}

#[tokio::test(start_paused = true)]
async fn changes_of_a_room_are_announced_together_and_a_second_apart() {
    let world = World::new();
    let dispatcher = world.with_data();
    for user in ["ann", "bob"] {
        world.connects(&dispatcher, user, user, &["tea"]).await;
    }
    world.work_with_data().await;
    world.announced();
    let times = Arc::new(Mutex::new(Vec::new()));
    let writer = async {
        for number in 0..50 {
            world.sets(&dispatcher, "ann", &number.to_string()).await;
            world.sets(&dispatcher, "bob", &number.to_string()).await;
            sleep(SECOND / 10).await;
        }
    };
    let tasks = async {
        let mut count = 0;
        while world.began.elapsed() < SECOND * 12 {
            for task in world.queued() {
                count += 1;
                let (world, times) = (world.clone(), times.clone());
                tokio::spawn(async move {
                    let noting =
                        async |State((log, times)): State<(Log, Arc<Mutex<Vec<Instant>>>)>,
                               PresenceData(users): PresenceData<String>| {
                            times.lock().unwrap().push(Instant::now());
                            log.lock().unwrap().push(line("changed", "tea", users));
                        };
                    let router = Router::new().changed(noting);
                    let process = world.process_of(router.with_state((world.log.clone(), times)));
                    world.invoke(&process, &task, 29).await.unwrap();
                });
            }
            sleep(SECOND / 20).await;
        }
        count
    };
    let ((), count) = tokio::join!(writer, tasks);
    let log = world.log.lock().unwrap().clone();
    assert!(count <= log.len(), "{count} tasks");
    assert!((4..=6).contains(&log.len()), "{log:?}");
    assert_eq!(log.last().unwrap(), "tea changed ann=49 bob=49");
    let times = times.lock().unwrap().clone();
    assert!(
        times.windows(2).all(|pair| pair[1] - pair[0] >= SECOND),
        "{times:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn data_that_does_not_fit_into_one_call_follows_a_second_later() {
    let world = World::new();
    let dispatcher = world.with_data();
    let users: Vec<_> = (0..150).map(|number| format!("u{number:03}")).collect();
    for user in &users {
        world.connects(&dispatcher, user, user, &["tea"]).await;
    }
    world.work_with_data().await;
    world.announced();
    let data = "x".repeat(1022);
    for user in &users {
        world.sets(&dispatcher, user, &data).await;
    }
    let began = Instant::now();
    assert_eq!(world.work_with_data().await, 1);
    let calls = world.announced();
    assert_eq!(calls.len(), 3, "150 KB in calls of 64 KB");
    assert!(calls.iter().all(|call| call.len() <= 64 * 1024 + 100));
    assert_eq!(began.elapsed().as_secs(), 3, "a call per second");
    let told: HashSet<_> = calls
        .iter()
        .flat_map(|call| call.split(' ').skip(2))
        .collect();
    assert_eq!(told.len(), 150, "each user once");
}

#[tokio::test(start_paused = true)]
async fn joins_of_a_crowd_have_data_and_fit_into_messages() {
    let world = World::new();
    let dispatcher = world.with_data();
    let data = "x".repeat(1022);
    for number in 0..100 {
        let id = format!("u{number:03}");
        let query = json!({"user": [id], "room": ["tea"], "data": [data]});
        let event = world.event("CONNECT", &id, &query, "");
        call(&dispatcher, &event).await.unwrap();
    }
    world.work_with_data().await;
    let calls = world.announced();
    assert!(calls.iter().all(|call| call.len() <= 64 * 1024 + 100));
    let told = calls.iter().flat_map(|call| call.split(' ').skip(2));
    let told: HashSet<_> = told.collect();
    assert_eq!(told.len(), 100);
    assert!(told.iter().all(|user| user.ends_with(&data)));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_during_the_call_is_repeated_by_another_one() {
    let world = World::new();
    let dispatcher = world.with_data();
    world.connects(&dispatcher, "a1", "ann", &["tea"]).await;
    world.announced();
    world.sets(&dispatcher, "ann", "busy").await;
    let tasks = world.queued();
    let never = async |_: PresenceData<String>| std::future::pending::<()>().await;
    let stuck = world.process_of(Router::new().changed(never));
    let killed = timeout(SECOND * 5, world.invoke(&stuck, &tasks[0], 29)).await;
    assert!(killed.is_err());
    let again = world.invoke(&world.with_data(), &tasks[0], 29).await;
    assert_eq!(again.unwrap(), "done");
    assert_eq!(world.announced(), ["tea changed ann=busy"]);
    let pending = PendingShard {
        store: &world.store,
        clock: &world,
        shard: Shard::of_data("tea"),
    };
    assert!(pending.batches(None).await.unwrap().0.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_program_without_the_handler_ends_the_task_of_another_version() {
    let world = World::new();
    let dispatcher = world.with_data();
    world.connects(&dispatcher, "a1", "ann", &["tea"]).await;
    world.sets(&dispatcher, "ann", "busy").await;
    let tasks = world.queued();
    assert_eq!(tasks.len(), 1);
    assert_eq!(world.task(&tasks[0], 29).await.unwrap(), "done");
    assert!(world.queued().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_user_who_has_left_is_not_announced() {
    let world = World::new();
    let router = router(&world.log).grace(Duration::ZERO);
    let dispatcher = world.process_of(router);
    world.connects(&dispatcher, "a1", "ann", &["tea"]).await;
    world.sets(&dispatcher, "ann", "busy").await;
    world.disconnects(&dispatcher, "a1").await;
    world.work_with_data().await;
    assert_eq!(world.announced(), ["ann left tea", "tea joined ann"]);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_one_read_and_two_writes() {
    let world = World::new();
    let dispatcher = world.with_data();
    world.connects(&dispatcher, "a1", "ann", &["tea"]).await;
    world.sets(&dispatcher, "ann", "1").await;
    world.requests();
    world.sets(&dispatcher, "ann", "2").await;
    let expected = [("read_value", 1), ("replace_value", 1), ("write_value", 1)];
    assert_eq!(world.requests(), BTreeMap::from(expected));
    assert_eq!(world.work_with_data().await, 1);
    let requests = world.requests();
    assert_eq!(requests["read_values"], 1);
    assert_eq!(requests["delete_values"], 1);
}

#[tokio::test]
async fn data_that_is_too_large_or_not_json_is_an_error_with_the_limit() {
    let gateway = Gateway::new(router(&Log::default()));
    let _ann = gateway
        .connect("/?user=ann&room=tea&data=old")
        .await
        .unwrap();
    let sender = gateway.sender();
    let tea = sender.presence("tea");
    assert!(tea.set("ann", &"x".repeat(1022)).await.unwrap());
    let large = tea.set("ann", &"x".repeat(1023)).await.unwrap_err();
    assert!(matches!(large, StoreError::PresenceTooLarge(1025)));
    assert!(large.to_string().contains("at most 1024 bytes"), "{large}");
    let keys = HashMap::from([(vec![1], 2)]);
    let bad = tea.set("ann", &keys).await.unwrap_err();
    assert!(matches!(bad, StoreError::BadPresence(_)));
    assert!(bad.to_string().contains("1024 bytes"), "{bad}");
    let other = tea.get::<u32>("ann").await.unwrap_err();
    assert!(matches!(other, StoreError::BadPresence(_)));
    let found = tea.get::<String>("ann").await.unwrap().unwrap();
    assert_eq!(
        found.data.unwrap().len(),
        1022,
        "the errors changed nothing"
    );
    // At connect, the handler fails and the client is rejected.
    let uri = format!("/?user=bob&room=tea&data={}", "x".repeat(1023));
    assert!(gateway.connect(&uri).await.is_err());
}

#[tokio::test]
async fn data_without_the_handler_is_an_error_that_names_it() {
    async fn sets(sender: Sender) -> String {
        let result = sender.presence("tea").set("ann", "busy").await;
        result.unwrap_err().to_string()
    }
    let router = Router::new().connect(connect).fallback(sets).presence();
    let gateway = Gateway::new(router);
    let mut ann = gateway
        .connect("/?user=ann&room=tea&data=old")
        .await
        .unwrap();
    ann.send("busy").await;
    assert!(ann.recv().await.contains("`changed` handler"));
    let found = gateway.sender().presence("tea").get::<String>("ann").await;
    assert_eq!(found.unwrap().unwrap().data, None);
}

#[tokio::test]
async fn an_update_changes_the_present_data() {
    let log = Log::default();
    let gateway = Gateway::new(router(&log));
    let _ann = gateway.connect("/?user=ann&room=tea").await.unwrap();
    let sender = gateway.sender();
    let tea = sender.presence("tea");
    let more = |data: Option<String>| data.unwrap_or_default() + "!";
    assert_eq!(tea.update("ann", more).await.unwrap().as_deref(), Some("!"));
    assert_eq!(
        tea.update("ann", more).await.unwrap().as_deref(),
        Some("!!")
    );
    assert_eq!(tea.update("cat", more).await.unwrap(), None);
}
