//! Tests of the tasks that announce the data of users.

use super::*;

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
    let announced: HashSet<_> = calls
        .iter()
        .flat_map(|call| call.split(' ').skip(2))
        .collect();
    assert_eq!(announced.len(), 150, "each user once");
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
    let announced = calls.iter().flat_map(|call| call.split(' ').skip(2));
    let announced: HashSet<_> = announced.collect();
    assert_eq!(announced.len(), 100);
    assert!(announced.iter().all(|user| user.ends_with(&data)));
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
