//! Tests of sweeps with more changes than one task has time for.

use super::world::*;
use super::*;

/// Logs users, and takes this long.
async fn slow(State((log, time)): State<(Log, Duration)>, change: PresenceChange) {
    log.lock().unwrap().extend(change.users);
    sleep(time).await;
}

fn router(world: &World, time: Duration) -> Router {
    let router = Router::new().connect(connect).joined(slow).left(slow);
    router.with_state((world.log.clone(), time))
}

/// Runs the queued tasks for this time, each in its own process that ends after `seconds`. Returns the number of
/// tasks, and the number of those that ended early.
async fn run_tasks(world: &World, time: Duration, lasts: Duration, seconds: u32) -> (usize, usize) {
    let mut tasks = Vec::new();
    let end = Instant::now() + lasts;
    while Instant::now() < end {
        for task in world.queued() {
            let (world, process) = (world.clone(), world.process_of(router(world, time)));
            tasks.push(tokio::spawn(async move {
                let work = world.invoke(&process, &task, seconds);
                timeout(SECOND * seconds, work).await.is_err()
            }));
        }
        sleep(SECOND / 10).await;
    }
    let ended = join_all(tasks).await;
    let killed = ended.iter().filter(|killed| *killed.as_ref().unwrap());
    (ended.len(), killed.count())
}

#[tokio::test(start_paused = true)]
async fn users_who_join_during_a_slow_announcement_are_announced_once() {
    const USERS: usize = 60;
    let (world, time) = (World::new(), SECOND * 4);
    let joins = async {
        for number in 0..USERS {
            let world = world.clone();
            tokio::spawn(async move {
                let process = world.process_of(router(&world, time));
                let name = format!("c{number:02}");
                world.connects(&process, &name, &name, &["tea"]).await;
            });
            sleep(SECOND / 4).await;
        }
    };
    let ((tasks, killed), ()) = tokio::join!(run_tasks(&world, time, SECOND * 60, 29), joins);
    assert_eq!(killed, 0);
    let announced = world.announced();
    assert_eq!(HashSet::<&String>::from_iter(&announced).len(), USERS);
    assert_eq!(announced.len(), USERS, "each once");
    // Each of the four shards of a room has one sweep at a time.
    assert!(tasks <= 16, "{tasks}");
}

#[tokio::test(start_paused = true)]
async fn a_sweep_without_time_for_all_changes_continues_in_another_task() {
    const USERS: usize = 1300;
    let (world, time) = (World::new(), SECOND * 5);
    let process = world.process();
    for number in 0..USERS {
        let name = format!("c{number:04}");
        world.connects(&process, &name, &name, &["tea"]).await;
    }
    world.work(29).await;
    world.announced();
    // All departures are in one shard, in three pages.
    let shard = pending(&world, 3);
    for number in 0..USERS {
        let name = format!("c{number:04}");
        let id = ConnectionId::from(&*name);
        let record = Store::remove(&world.store, &id, BEGINNING).await.unwrap();
        let departure = PendingChange::departure(&record.unwrap());
        let now = BEGINNING + world.began.elapsed();
        shard.add(now, departure.as_slice()).await.unwrap();
    }
    let due = BEGINNING + world.began.elapsed();
    assert_eq!(shard.request(due).await.unwrap(), None);
    let kind = json!({"sweep": {"shard": shard.shard, "due": due}});
    let task = json!({"lambdaWsTask": {"form": 3, "id": "a", "hop": 14, "kind": kind}});
    world.queue.lock().unwrap().push(task.to_string());
    // A process has time for one page.
    let (tasks, killed) = run_tasks(&world, time, SECOND * 60, 9).await;
    assert_eq!(killed, 0, "no task runs until its timeout");
    assert_eq!(tasks, 3);
    let announced = world.announced();
    assert_eq!(HashSet::<&String>::from_iter(&announced).len(), USERS);
    assert_eq!(announced.len(), USERS, "each once");
    assert!(shard.batches(None).await.unwrap().0.is_empty());
    assert_eq!(shard.request(due).await.unwrap(), None, "none is requested");
}
