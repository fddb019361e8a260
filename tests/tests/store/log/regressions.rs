//! Races of which each has a rule.

use super::world::World;
use crate::store::course::{COURSE, Course, Fault, Turn};
use futures_util::future::{join, join_all};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

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
    tokio::time::sleep(DAY - Duration::from_secs(90)).await;
    let late = with(&[Fault::Late(3)], world.append(0));
    let other = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        with(&[], world.append(1)).await.expect("appended")
    };
    let (late, other) = join(late, other).await;
    assert!(other.epoch > first.epoch && other.seq == 1);
    assert_eq!(
        late.map(|late| (late.epoch, late.seq)),
        Some((other.epoch, 2))
    );
}

#[tokio::test(start_paused = true)]
async fn an_epoch_does_not_end_while_another_process_continues_it() {
    // The clock of the second process is ahead: for it the epoch is over.
    let world = World::new(&[-30, 30]);
    let first = with(&[], world.append(0)).await.expect("appended");
    tokio::time::sleep(DAY - Duration::from_secs(70)).await;
    // It has read the end of the log before the append, and begins an epoch after it.
    let begins = with(&[Fault::None, Fault::Late(1)], world.append(1));
    let continues = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        with(&[], world.append(0)).await.expect("appended")
    };
    let (begins, continues) = join(begins, continues).await;
    assert_eq!((&continues.epoch, continues.seq), (&first.epoch, 2));
    assert_eq!(
        begins.map(|begins| (begins.epoch, begins.seq)),
        Some((first.epoch, 3))
    );
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

#[tokio::test(start_paused = true)]
async fn an_expired_position_is_not_valid_although_its_item_is_there() {
    let world = World::new(&[0]);
    with(&[], world.append(0)).await.expect("appended");
    with(&[], world.read(0, 0)).await;
    with(&[], world.read(0, 0)).await;
    with(&[], world.append(0)).await.expect("appended");
    tokio::time::sleep(DAY + Duration::from_secs(3600)).await;
    // The head, the start of the epoch, the first message and the second one, which the time to live removes.
    world.sweep(0b1000);
    // The checker refuses an answer without the second message that is not a gap.
    with(&[], world.read(0, 0)).await;
}
