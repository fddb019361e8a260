//! Tests of the grace period and the tasks that wait for it.

use super::world::*;
use super::*;

#[tokio::test(start_paused = true)]
async fn a_user_who_returns_within_the_grace_has_neither_left_nor_joined() {
    let (world, dispatcher) = (World::new(), World::process);
    let dispatcher = dispatcher(&world);
    world.connects(&dispatcher, "a1", "ann", &["tea"]).await;
    assert_eq!(world.announced(), ["ann joined tea"]);
    world.disconnects(&dispatcher, "a1").await;
    let back = async {
        sleep(SECOND * 4).await;
        world.connects(&dispatcher, "a2", "ann", &["tea"]).await;
    };
    tokio::join!(world.work(29), back);
    assert_eq!(world.announced(), [""; 0]);
    world.disconnects(&dispatcher, "a2").await;
    let began = Instant::now();
    assert_eq!(world.work(29).await, 1);
    assert_eq!(world.announced(), ["ann left tea"]);
    assert_eq!(began.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn each_user_has_the_whole_grace_though_one_task_waits_for_all() {
    let (world, grace) = (World::new(), SECOND * 10);
    let dispatcher = world.process_of(hooked(&world.log).grace(grace));
    for number in 0..40 {
        let id = format!("c{number}");
        world.connects(&dispatcher, &id, &id, &["tea"]).await;
    }
    world.work(29).await;
    world.announced();
    let began = Instant::now();
    let leaves = async {
        for number in 0..40 {
            sleep(SECOND).await;
            world.disconnects(&dispatcher, &format!("c{number}")).await;
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
            let gone = world.log.lock().unwrap().len();
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
    assert_eq!(world.announced().len(), 40);
    assert!(tasks <= 40, "{tasks}");
}

#[tokio::test(start_paused = true)]
async fn few_tasks_announce_a_thousand_users_who_leave_at_once() {
    let world = World::new();
    let dispatcher = world.process();
    let names: Vec<_> = (0..1000).map(|number| format!("c{number:03}")).collect();
    let connects = names
        .iter()
        .map(|id| world.connects(&dispatcher, id, id, &["tea"]));
    join_all(connects).await;
    let tasks = world.work(29).await;
    assert!((1..=4).contains(&tasks), "{tasks}");
    assert_eq!(world.announced().len(), 1000);
    join_all(names.iter().map(|id| world.disconnects(&dispatcher, id))).await;
    let tasks = world.work(29).await;
    assert!((1..=4).contains(&tasks), "{tasks}");
    let announced = world.announced();
    assert_eq!(announced.len(), 1000);
    assert!(announced.iter().all(|line| line.ends_with("left tea")));
    assert_eq!(HashSet::<String>::from_iter(announced).len(), 1000);
}

#[tokio::test(start_paused = true)]
async fn without_tasks_or_a_grace_a_user_has_left_at_once() {
    let mut world = World::new();
    world.closed = true;
    let hosts = [
        Dispatcher::new(hooked(&world.log), world.backend()),
        world.process(),
        World {
            closed: false,
            ..world.clone()
        }
        .process_of(hooked(&world.log).grace(Duration::ZERO)),
    ];
    for dispatcher in &hosts {
        world.connects(dispatcher, "a1", "ann", &["tea"]).await;
        world.disconnects(dispatcher, "a1").await;
        assert_eq!(world.announced(), ["ann joined tea", "ann left tea"]);
        assert!(world.queued().is_empty());
        sleep(SECOND * 2).await;
    }
    assert_eq!(world.began.elapsed(), SECOND * 6);
}

#[tokio::test(start_paused = true)]
async fn departures_of_other_events_are_announced_if_their_task_cannot_be_queued() {
    let mut world = World::new();
    world.closed = true;
    let dispatcher = world.process();
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
    world.connects(&dispatcher, "a1", "ann", &["tea"]).await;
    world.announced();
    world.disconnects(&dispatcher, "a1").await;
    let announced = world.announced();
    assert_eq!(announced.len(), 2, "{announced:?}");
    assert_eq!(&*announced[0], "ann left tea", "{announced:?}");
}

#[tokio::test(start_paused = true)]
async fn several_tasks_wait_in_turn_for_a_grace_that_is_longer_than_the_functions_timeout() {
    let world = World::new();
    let dispatcher = world.process_of(hooked(&world.log).grace(SECOND * 20));
    world.connects(&dispatcher, "a1", "ann", &["tea"]).await;
    world.announced();
    world.disconnects(&dispatcher, "a1").await;
    assert_eq!(world.work(6).await, 7);
    assert_eq!(world.announced(), ["ann left tea"]);
    assert_eq!(world.began.elapsed().as_secs(), 20);
}

#[tokio::test(start_paused = true)]
async fn a_departure_that_a_running_sweep_misses_gets_another_sweep() {
    let world = World::new();
    let dispatcher = world.process();
    for id in ["a", "b"] {
        world.connects(&dispatcher, id, id, &["tea"]).await;
        world.work(29).await;
    }
    world.announced();
    // The user returns while the changes are read.
    world.disconnects(&dispatcher, "a").await;
    let task = world.queued().remove(0);
    let mut work = Box::pin(world.task(&task, 29));
    assert!((&mut work).now_or_never().is_none());
    sleep(SECOND * 4).await;
    world.disconnects(&dispatcher, "b").await;
    work.await.unwrap();
    world.work(29).await;
    assert_eq!(world.announced(), ["a left tea", "b left tea"]);
    assert!(world.began.elapsed() >= SECOND * 9);
    for number in 0..SHARDS {
        let pending = pending(&world, number);
        assert!(pending.batches(None).await.unwrap().0.is_empty());
    }
}
