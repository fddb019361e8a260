//! Races of which each has a rule.

use super::world::World;
use crate::store::course::{COURSE, Course, Fault, Turn};
use futures_util::future::{join, join_all};
use std::time::Duration;
use tokio::time::Instant;

/// How long messages are stored, and how long before its expiry an entry is not continued any more.
const STORED: Duration = Duration::from_secs(25 * 60 * 60);
const CONTINUED: Duration = Duration::from_secs(20 * 60);

/// Runs a task whose first requests meet these faults.
async fn with<T>(faults: &[Fault], task: impl Future<Output = T>) -> T {
    let turns: Vec<Turn> = faults.iter().map(|fault| Turn::at_once(*fault)).collect();
    COURSE.scope(Course::new(&turns, None), task).await
}

#[tokio::test(start_paused = true)]
async fn an_append_whose_answer_is_lost_appends_once() {
    let world = World::new(&[0]);
    let first = with(&[], world.append(0)).await.expect("appended");
    let lost = with(&[Fault::AnswerLost], world.append(0)).await;
    assert_eq!(lost.expect("it was this call").seq, first.seq + 1);
    let next = with(&[], world.append(0)).await.expect("appended");
    assert_eq!(next.seq, first.seq + 2);
}

#[tokio::test(start_paused = true)]
async fn an_epoch_whose_first_answer_is_lost_begins_once() {
    let world = World::new(&[0, 0]);
    let faults = [Fault::None, Fault::AnswerLost];
    let first = with(&faults, world.append(0)).await.expect("appended");
    let second = with(&[], world.append(1)).await.expect("appended");
    assert_eq!((&second.epoch, second.seq), (&first.epoch, 2));
}

#[tokio::test(start_paused = true)]
async fn an_append_that_arrives_after_the_next_epoch_began_is_repeated_there() {
    let world = World::new(&[0, 0]);
    let first = with(&[], world.append(0)).await.expect("appended");
    tokio::time::sleep(STORED - CONTINUED - Duration::from_secs(30)).await;
    let late = with(&[Fault::Late(3)], world.append(0));
    let other = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        with(&[], world.append(1)).await.expect("appended")
    };
    let (late, other) = join(late, other).await;
    assert!(other.epoch > first.epoch && other.seq == 1);
    let late = late.map(|late| (late.epoch, late.seq));
    assert_eq!(late, Some((other.epoch, 2)));
}

/// A process that Lambda freezes in the middle of an append would give a number again that was deleted.
#[tokio::test(start_paused = true)]
async fn an_append_that_takes_too_long_ends_its_epoch() {
    let world = World::new(&[0, 0]);
    let first = with(&[], world.append(0)).await.expect("appended");
    // Another process continues, which the first one does not know.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let second = with(&[], world.append(1)).await.expect("appended");
    assert_eq!(second.seq, 2);
    tokio::time::sleep(STORED - CONTINUED - Duration::from_secs(90)).await;
    let late = with(&[Fault::Late(40)], world.append(0));
    let sweep = async {
        tokio::time::sleep(Duration::from_secs(30 * 60)).await;
        world.sweep(0xff);
    };
    let (late, ()) = join(late, sweep).await;
    let late = late.expect("appended");
    assert!(late.epoch > first.epoch && late.seq == 1, "{late}");
    let next = with(&[], world.append(1)).await.expect("appended");
    assert_eq!((&next.epoch, next.seq), (&late.epoch, 2));
}

#[tokio::test(start_paused = true)]
async fn an_epoch_does_not_end_while_another_process_continues_it() {
    // The clock of the second process is ahead: for it the epoch is over.
    let world = World::new(&[-30, 30]);
    let first = with(&[], world.append(0)).await.expect("appended");
    tokio::time::sleep(STORED - CONTINUED - Duration::from_secs(10)).await;
    // It has read the end of the log before the append, and begins an epoch after it.
    let begins = with(&[Fault::None, Fault::Late(1)], world.append(1));
    let continues = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        with(&[], world.append(0)).await.expect("appended")
    };
    let (begins, continues) = join(begins, continues).await;
    assert_eq!((&continues.epoch, continues.seq), (&first.epoch, 2));
    let begins = begins.map(|begins| (begins.epoch, begins.seq));
    assert_eq!(begins, Some((first.epoch, 3)));
}

#[tokio::test(start_paused = true)]
async fn processes_that_append_at_the_same_time_leave_no_hole() {
    const PROCESSES: usize = 10;
    let world = &World::new(&[0; PROCESSES]);
    with(&[], world.read(0, 0)).await;
    let processes = (0..PROCESSES).map(|process| async move {
        for _ in 0..10 {
            let appended = with(&[], world.append(process)).await;
            appended.expect("appended");
        }
    });
    join_all(processes).await;
    assert_eq!(world.checker.borrow().count(), 10 * PROCESSES);
    with(&[], world.read(0, 0)).await;
}

/// The requests of an append.
async fn requests(world: &World, process: usize) -> Vec<String> {
    world.meter.take();
    with(&[], world.append(process)).await.expect("appended");
    world.meter.take().requests
}

#[tokio::test(start_paused = true)]
async fn a_process_reads_the_end_first_while_another_one_appends_as_well() {
    const ALONE: [&str; 1] = ["PutItem"];
    const READS_FIRST: [&str; 2] = ["Query", "PutItem"];
    const REFUSED: [&str; 3] = ["PutItem", "Query", "PutItem"];
    let world = World::new(&[0, 0]);
    with(&[], world.read(0, 0)).await;
    assert_eq!(requests(&world, 0).await, READS_FIRST, "it knows no end");
    for _ in 0..3 {
        assert_eq!(requests(&world, 0).await, ALONE);
    }
    assert_eq!(requests(&world, 1).await, READS_FIRST, "it knows no end");
    assert_eq!(requests(&world, 0).await, REFUSED);
    assert_eq!(requests(&world, 1).await, REFUSED);
    for _ in 0..5 {
        for process in 0..2 {
            assert_eq!(requests(&world, process).await, READS_FIRST);
        }
    }
    // One read finds the last message of the other process, and one finds that there are no more.
    for _ in 0..2 {
        assert_eq!(requests(&world, 0).await, READS_FIRST);
    }
    for _ in 0..3 {
        assert_eq!(requests(&world, 0).await, ALONE);
    }
    with(&[], world.read(0, 0)).await;
}

#[tokio::test(start_paused = true)]
async fn an_expired_position_is_not_valid_although_its_item_is_there() {
    let world = World::new(&[0]);
    with(&[], world.append(0)).await.expect("appended");
    with(&[], world.read(0, 0)).await;
    with(&[], world.read(0, 0)).await;
    with(&[], world.append(0)).await.expect("appended");
    tokio::time::sleep(STORED + Duration::from_secs(3600)).await;
    // The head, the start of the epoch, the first message and the second one, which the time to live removes.
    world.sweep(0b1000);
    // The checker refuses an answer without the second message that is not a gap.
    with(&[], world.read(0, 0)).await;
}

/// In virtual time, with 8 ms for each request, as DynamoDB takes.
#[tokio::test(start_paused = true)]
async fn ten_processes_publish_a_hundred_messages_a_second_to_one_room() {
    const PROCESSES: usize = 10;
    const SECONDS: usize = 5;
    const TURN: Turn = Turn {
        there: 4,
        fault: Fault::None,
        back: 4,
    };
    fastrand::seed(1);
    let world = &World::new(&[0; PROCESSES]);
    with(&[], world.read(0, 0)).await;
    world.meter.take();
    let began = Instant::now();
    let processes = (0..PROCESSES).map(|process| async move {
        let mut longest = Duration::ZERO;
        for number in 0..10 * SECONDS {
            let due = Duration::from_millis((100 * number + 10 * process) as u64);
            tokio::time::sleep_until(began + due).await;
            let began = Instant::now();
            let course = Course::new(&[TURN; 100], None);
            let appended = COURSE.scope(course, world.append(process)).await;
            appended.expect("appended");
            longest = longest.max(began.elapsed());
        }
        longest
    });
    let longest = join_all(processes).await.into_iter().max();
    let longest = longest.expect("there are processes");
    let (took, bill) = (began.elapsed(), world.meter.take());
    let messages = world.checker.borrow().count();
    let (requests, writes, reads) = (bill.requests.len(), bill.write_units, bill.read_units);
    println!(
        "{messages} in {took:?}, the longest {longest:?}; {requests} requests, {writes} WCU, {reads} RCU"
    );
    assert_eq!(messages, 10 * SECONDS * PROCESSES);
    assert!(
        took < Duration::from_secs(SECONDS as u64) + Duration::from_secs(1),
        "{took:?}"
    );
    assert!(longest < Duration::from_secs(1), "{longest:?}");
}
