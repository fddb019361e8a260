//! Tests of follow-up tasks.

use super::world::{BEGINNING, SECOND, World};
use super::*;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::time::Instant;

impl World {
    async fn crowd(count: usize) -> Self {
        let world = Self {
            post_time: SECOND / 50,
            ..Self::new()
        };
        for number in 0..count {
            let id = format!("m{number:05}").as_str().into();
            let mut record = Record::new(id, BEGINNING, "a1b2c3d4e5/dev", BEGINNING);
            record.rooms.insert("tea".to_owned());
            Store::register(&world.store, &record).await.unwrap();
        }
        world
    }

    /// One process of the function.
    fn shouting(&self, rate: u32) -> Dispatcher {
        async fn shout(me: Connection) -> Result<Json<[usize; 2]>, Error> {
            let delivery = me.room("tea").send("hello").await?;
            let rest = delivery.rest.is_some();
            Ok(Json([delivery.tasks, usize::from(rest)]))
        }

        let backend = self.backend().paced(rate);
        let backend = backend.with_tasks(Arc::new(self.clone()), 3);
        Dispatcher::new(Router::new().two_way("say", shout), backend)
    }

    /// Sends a broadcast to all. Returns the number of tasks, and whether recipients remain.
    async fn shout(&self, rate: u32, seconds: u32) -> (u64, bool) {
        let event = event!("say").replace("\"$default\"", "\"say\"");
        let reply = self.invoke(&self.shouting(rate), &event, seconds).await;
        let reply = reply.unwrap();
        let counts: [u64; 2] = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
        (counts[0], counts[1] > 0)
    }

    async fn run(&self, task: &str, seconds: u32) -> Result<Value, BoxError> {
        self.invoke(&self.shouting(10_000), task, seconds).await
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_share_the_rate_and_send_the_rest_of_a_broadcast() {
    let world = World::crowd(9000).await;
    assert_eq!(world.shout(300, 20).await, (3, false));
    assert!(world.began.elapsed() < SECOND * 2, "it is known at once");
    let tasks = world.queued();
    let rate = |event: &String| {
        let event: Value = serde_json::from_str(event).unwrap();
        event["lambdaWsTask"]["kind"]["send"]["rate"]
            .as_u64()
            .unwrap()
    };
    assert_eq!(tasks.iter().map(rate).collect::<Vec<_>>(), [100, 100, 100]);
    let began = Instant::now();
    let work = tasks.iter().map(|task| world.run(task, 600));
    for done in futures_util::future::join_all(work).await {
        assert_eq!(done.unwrap(), "done");
    }
    let took = began.elapsed();
    assert!((SECOND * 25..SECOND * 40).contains(&took), "{took:?}");
    assert_eq!(world.counts(), BTreeMap::from([(1, 9000)]));
    assert!(world.queued().is_empty());
}

#[tokio::test(start_paused = true)]
async fn fault_h1_a_task_starts_at_the_present_rate_and_returns_to_its_share_of_the_full_rate() {
    let world = World::crowd(9000).await;
    world.shout(300, 20).await;
    let share = |event: &str| {
        let event: Value = serde_json::from_str(event).unwrap();
        event["lambdaWsTask"]["kind"]["send"]["full"]
            .as_u64()
            .unwrap()
    };
    let tasks = world.queued();
    for (number, task) in tasks.iter().enumerate() {
        assert_eq!(share(task), 100);
        // The process was throttled when it queued the task.
        let task = task.replace(r#""rate":100"#, r#""rate":10"#);
        let began = Instant::now();
        // A task without time for all recipients passes on both rates.
        world.run(&task, 16).await.unwrap();
        let (next, sent) = (world.queued().pop().unwrap(), world.counts()[&1]);
        assert_eq!(share(&next), 100);
        assert!(began.elapsed() <= SECOND * 16);
        let sent = sent - number * 3000;
        assert!((500..1100).contains(&sent), "{sent} at 10 to 100 a second");
        // A task of an older version has one rate only.
        let older = next.replace(r#","full":100"#, "");
        assert_ne!(older, next);
        world.run(&older, 600).await.unwrap();
    }
    assert_eq!(world.counts(), BTreeMap::from([(1, 9000)]));
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_that_fits_into_the_event_needs_no_task() {
    let world = World::crowd(3000).await;
    assert_eq!(world.shout(300, 20).await, (0, false));
    assert_eq!(world.counts(), BTreeMap::from([(1, 3000)]));
    assert!(world.queued().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_task_without_time_continues_in_another_task() {
    let world = World::crowd(9000).await;
    world.shout(300, 20).await;
    let (mut tasks, mut hops) = (world.queued(), 0);
    while let Some(task) = tasks.pop() {
        // Lambda may deliver each task twice.
        assert_eq!(world.run(&task, 20).await.unwrap(), "done");
        tasks.extend(world.queued());
        assert_eq!(world.run(&task, 20).await.unwrap(), "known");
        assert!(world.queued().is_empty());
        hops += 1;
    }
    assert!((4..10).contains(&hops), "{hops}");
    assert_eq!(world.counts(), BTreeMap::from([(1, 9000)]));
}

#[tokio::test(start_paused = true)]
async fn a_killed_task_skips_no_recipient_and_repeats_at_most_two_seconds() {
    let world = World::crowd(9000).await;
    world.shout(300, 20).await;
    let tasks = world.queued();
    for (number, task) in tasks.iter().enumerate() {
        let killed_after = SECOND * 5 + SECOND / 7 * number as u32;
        let cut_off = tokio::time::timeout(killed_after, world.run(task, 600));
        assert!(cut_off.await.is_err());
        // Lambda may retry a task at once.
        let early = world.run(task, 600).await.unwrap_err().to_string();
        assert!(early.contains("another invocation"), "{early}");
        tokio::time::sleep(SECOND * 60).await;
        assert_eq!(world.run(task, 600).await.unwrap(), "done");
        assert_eq!(world.run(task, 600).await.unwrap(), "known");
    }
    let got = world.counts();
    assert_eq!(got.values().sum::<usize>(), 9000);
    assert_eq!(got.keys().max(), Some(&2));
    assert!(got[&2] <= 3 * 200, "{got:?}");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_killed_after_the_hand_off_hands_off_the_same_again() {
    let world = World::crowd(9000).await;
    world.shout(300, 20).await;
    let first = world.queued().swap_remove(0);
    // The process ends after it queued the next task and before it recorded the end of its own.
    let queue = world.queue.clone();
    let wrapped = InterceptedStore {
        store: world.store.clone(),
        before: move |_: &str| -> BoxFuture<'static, Result<(), StoreError>> {
            match queue.lock().unwrap().is_empty() {
                true => Box::pin(std::future::ready(Ok(()))),
                false => Box::pin(std::future::pending()),
            }
        },
    };
    let transports = Transports::one(Arc::new(world.clone()));
    let backend = Backend::new(Arc::new(wrapped), transports)
        .with_clock(world.clone())
        .with_tasks(Arc::new(world.clone()), 3);
    let dispatcher = Dispatcher::new(Router::new(), backend);
    let invocation = InvocationContext {
        deadline: Some(Instant::now() + SECOND * 8),
        ..InvocationContext::default()
    };
    let work = tokio::time::timeout(SECOND * 20, dispatcher.call(&first, invocation));
    assert!(work.await.is_err());
    let second = world.queued();
    assert_eq!(second.len(), 1);
    tokio::time::sleep(SECOND * 60).await;
    assert_eq!(world.run(&first, 600).await.unwrap(), "done");
    let again = world.queued();
    for task in second.iter().chain(&again) {
        world.run(task, 600).await.unwrap();
    }
    assert_eq!(world.counts().keys().max(), Some(&1), "nobody got it twice");
}

#[tokio::test(start_paused = true)]
async fn a_chain_of_tasks_ends_after_14_with_an_error() {
    let world = World::crowd(3000).await;
    world.shout(100, 20).await;
    let task = world.queued().swap_remove(0);
    let mut last: Value = serde_json::from_str(&task).unwrap();
    last["lambdaWsTask"]["hop"] = 14.into();
    let error = world.run(&last.to_string(), 4).await.unwrap_err();
    assert!(error.to_string().contains("14 tasks in a row"), "{error}");
    // Lambda's retry continues from the saved progress.
    assert_eq!(world.run(&last.to_string(), 600).await.unwrap(), "done");
    assert_eq!(world.counts().keys().max(), Some(&1));
}

#[tokio::test(start_paused = true)]
async fn without_tasks_a_broadcast_returns_the_remaining_recipients() {
    let mut world = World::crowd(9000).await;
    world.closed = true;
    let (tasks, rest) = world.shout(300, 20).await;
    assert_eq!((tasks, rest), (0, true));
    let sent = world.counts()[&1];
    assert!((4500..6500).contains(&sent), "{sent}");
    assert!(world.began.elapsed() < SECOND * 20);
}

#[tokio::test(start_paused = true)]
async fn a_task_of_another_version_is_refused() {
    let world = World::new();
    let event = json!({"lambdaWsTask": {"form": 9, "id": "a", "hop": 1}}).to_string();
    let error = world.run(&event, 10).await.unwrap_err().to_string();
    assert!(error.contains("format 9"), "{error}");
    let event = json!({"lambdaWsTask": {"form": 3, "id": "a", "hop": 1}}).to_string();
    assert!(world.run(&event, 10).await.is_err());
}

/// Runs tasks at the same time. Returns how long it took.
async fn together(world: &World, tasks: &[String]) -> Duration {
    let began = Instant::now();
    let work = tasks.iter().map(|task| world.run(task, 600));
    for done in futures_util::future::join_all(work).await {
        assert_eq!(done.unwrap(), "done");
    }
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn concurrent_broadcasts_share_the_rate_and_get_it_back() {
    let world = World::crowd(9000).await;
    world.shout(300, 20).await;
    let first = world.queued();
    world.shout(300, 20).await;
    let second = world.queued();
    let both = [&first[..], &second[..]].concat();
    let took = together(&world, &both).await;
    assert!((SECOND * 55..SECOND * 66).contains(&took), "{took:?}");
    assert_eq!(world.counts(), BTreeMap::from([(2, 9000)]));

    // One that begins later, and one that is alone after that.
    world.shout(300, 20).await;
    let first = world.queued();
    world.shout(300, 20).await;
    let second = world.queued();
    let later = async {
        tokio::time::sleep(SECOND * 15).await;
        together(&world, &second).await
    };
    let (first, later) = tokio::join!(together(&world, &first), later);
    assert!((SECOND * 42..SECOND * 50).contains(&first), "{first:?}");
    assert!((SECOND * 42..SECOND * 50).contains(&later), "{later:?}");
    assert_eq!(world.counts(), BTreeMap::from([(4, 9000)]));
}

#[tokio::test(start_paused = true)]
async fn the_share_of_a_killed_task_returns_after_30_seconds() {
    let world = World::crowd(9000).await;
    world.shout(300, 20).await;
    let killed = world.queued();
    world.shout(300, 20).await;
    let tasks = world.queued();
    let work = killed.iter().map(|task| world.run(task, 600));
    let work = futures_util::future::join_all(work);
    assert!(tokio::time::timeout(SECOND / 10, work).await.is_err());
    // The tasks send at half the rate for 30 s, and then at the full rate.
    let took = together(&world, &tasks).await;
    assert!((SECOND * 42..SECOND * 52).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn sharing_the_rate_costs_few_writes_and_a_read_every_two_seconds() {
    let world = World::crowd(3000).await;
    assert_eq!(world.shout(300, 20).await, (0, false));
    let requests = world.requests();
    assert!(!requests.contains_key("write_value"), "{requests:?}");
    assert!(!requests.contains_key("value_entries"), "{requests:?}");

    let world = World::crowd(9000).await;
    world.shout(300, 20).await;
    let tasks = world.queued();
    world.requests();
    together(&world, &tasks).await;
    let requests = world.requests();
    // Each task takes 30 s: it registers, renews that once after 20 s, and removes it.
    assert_eq!(requests["write_value"], 3 * 2, "{requests:?}");
    assert_eq!(requests["delete_value"], 3, "{requests:?}");
    assert!(
        (36..60).contains(&requests["value_entries"]),
        "{requests:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_registration_without_an_answer_is_repeated_after_two_seconds() {
    let world = World::crowd(9000).await;
    world.shout(300, 20).await;
    let task = world.queued().swap_remove(0);
    let writes = AtomicUsize::new(0);
    let store = InterceptedStore {
        store: world.store.clone(),
        before: move |name: &'static str| -> BoxFuture<'static, Result<(), StoreError>> {
            match name == "write_value" && writes.fetch_add(1, Relaxed) == 0 {
                true => Box::pin(std::future::pending()),
                false => Box::pin(std::future::ready(Ok(()))),
            }
        },
    };
    let transports = Transports::one(Arc::new(world.clone()));
    let backend = Backend::new(Arc::new(store), transports).with_clock(world.clone());
    let process = Dispatcher::new(Router::new(), backend.paced(10_000));
    let registered = async {
        let began = Instant::now();
        loop {
            let now = BEGINNING + world.began.elapsed();
            let page = DynStore::value_entries(&world.store, "rate", "", None, 10, now);
            if !page.await.unwrap().entries.is_empty() {
                return began.elapsed();
            }
            tokio::time::sleep(SECOND / 10).await;
        }
    };
    tokio::select! {
        done = world.invoke(&process, &task, 600) => panic!("it takes 30 s: {done:?}"),
        // It begins after a second, and repeats the registration after 1.5 to 2.5 s more.
        took = registered => assert!(took < SECOND * 4, "{took:?}"),
    }
}
