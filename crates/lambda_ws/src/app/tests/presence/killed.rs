//! Tests of processes and connections that end in the middle of an event.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_during_the_grace_loses_no_departure() {
    let world = World::new();
    let dispatcher = world.process();
    world.connects(&dispatcher, "a1", "ann", &["tea"]).await;
    world.announced();
    world.disconnects(&dispatcher, "a1").await;
    let [task] = <[String; 1]>::try_from(world.queued()).unwrap();
    let killed = timeout(SECOND * 3, world.task(&task, 29)).await;
    assert!(killed.is_err());
    sleep(SECOND * 60).await;
    for _ in 0..2 {
        world.task(&task, 29).await.unwrap();
    }
    assert_eq!(world.announced(), ["ann left tea"]);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_in_a_handler_does_not_call_it_again_but_calls_the_others() {
    async fn left(State(log): State<Log>, presence: PresenceChange) {
        let is_first = {
            let mut log = log.lock().unwrap();
            log.push(format!("{:?} left {}", presence.users, presence.room));
            log.len() == 1
        };
        if is_first {
            std::future::pending::<()>().await;
        }
    }
    let world = World::new();
    let router = || {
        let router = Router::new().connect(connect).left(left);
        router.with_state(world.log.clone())
    };
    let dispatcher = world.process_of(router());
    let rooms = ["tea", "milk"];
    for id in ["a1", "a2", "b1"] {
        world.connects(&dispatcher, id, &id[..1], &rooms).await;
        world.disconnects(&dispatcher, id).await;
    }
    let tasks = world.queued();
    for task in tasks.iter().chain(&tasks) {
        let process = world.process_of(router());
        let call = process.call(task, InvocationContext::default());
        drop(timeout(SECOND * 20, call).await);
    }
    let mut left = HashSet::new();
    for line in world.announced() {
        let (users, room) = line.split_once(" left ").unwrap();
        let users: Vec<String> = serde_json::from_str(users).unwrap();
        for user in users {
            assert!(left.insert((user, room.to_owned())), "twice: {line}");
        }
    }
    assert_eq!(left.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_ends_before_joined_leaves_the_user_present() {
    async fn joined(_: PresenceChange) {
        std::future::pending::<()>().await;
    }
    let world = World::new();
    let router = Router::new().connect(connect).joined(joined);
    let dispatcher = world.process_of(router);
    let killed = timeout(SECOND, world.connects(&dispatcher, "a1", "ann", &["tea"])).await;
    assert!(killed.is_err());
    // The join was not announced, and is not until the user leaves and joins again.
    let dispatcher = world.process();
    world.connects(&dispatcher, "a2", "ann", &["tea"]).await;
    assert_eq!(world.announced(), [""; 0]);
    world.disconnects(&dispatcher, "a1").await;
    world.disconnects(&dispatcher, "a2").await;
    world.work(29).await;
    world.connects(&dispatcher, "a3", "ann", &["tea"]).await;
    assert_eq!(world.announced(), ["ann joined tea", "ann left tea"]);
}

#[tokio::test(start_paused = true)]
async fn fault_m1_a_connection_that_is_closed_while_it_is_announced_is_rejected() {
    async fn joined(id: ConnectionId, State(store): State<Memory>) {
        sleep(SECOND * 2).await;
        assert!(Store::mark_gone(&store, &id, BEGINNING).await.unwrap());
    }
    let world = World::new();
    let router = Router::new().connect(connect).joined(joined);
    let dispatcher = world.process_of(router.with_state(world.store.clone()));
    let query = json!({"user": ["ann"], "room": ["tea"]});
    let reply = call(&dispatcher, &world.event("CONNECT", "a1", &query, "")).await;
    assert_eq!(reply.unwrap()["statusCode"], 403);
    let record = Store::record(&world.store, &"a1".into(), BEGINNING).await;
    assert_eq!(record.unwrap(), None, "no `$disconnect` follows");
}

#[tokio::test(start_paused = true)]
async fn fault_l7_a_departure_is_stored_before_the_connection_is_removed() {
    let world = World::new();
    let dispatcher = world.process();
    world.connects(&dispatcher, "a1", "ann", &["tea"]).await;
    let store = InterceptedStore {
        store: world.store.clone(),
        // The process ends after it removed the connection and before it requests the sweep.
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
    let dying = Dispatcher::new(hooked(&world.log), backend);
    let killed = timeout(SECOND, world.disconnects(&dying, "a1")).await;
    assert!(killed.is_err());
    let record = Store::record(&world.store, &"a1".into(), BEGINNING).await;
    assert_eq!(record.unwrap(), None);
    assert_eq!(world.queued(), [""; 0]);
    // The next change requests the sweep of the same shard, sooner or later.
    for number in 0..40 {
        let id = format!("c{number}");
        world.connects(&dispatcher, &id, &id, &["tea"]).await;
        world.disconnects(&dispatcher, &id).await;
    }
    world.work(29).await;
    assert!(world.announced().contains(&"ann left tea".to_owned()));
}
