//! Tests of follow-up tasks that cannot be queued.

use super::*;
use crate::error::BoxError;
use crate::sender::TaskHandOff;
use crate::task::{Task, TaskKind, Tasks};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// The recipients, and the messages per second. They take 40 s.
const CROWD: usize = 4000;
const RATE: u32 = 100;

/// Keeps tasks, after some attempts that fail or never end.
struct Queue {
    fails: Mutex<VecDeque<Fault>>,
    queued: Mutex<Vec<String>>,
}

#[derive(Clone, Copy)]
enum Fault {
    Throttled,
    Hangs,
}

impl Tasks for Queue {
    fn queue(&self, event: String) -> BoxFuture<'_, Result<(), BoxError>> {
        let fault = self.fails.lock().unwrap().pop_front();
        Box::pin(async move {
            match fault {
                Some(Fault::Throttled) => return Err("Lambda throttles".into()),
                Some(Fault::Hangs) => std::future::pending().await,
                None => self.queued.lock().unwrap().push(event),
            }
            Ok(())
        })
    }
}

/// Sends to a crowd, with 27 s for the messages and 1.5 s more for the tasks. Returns the delivery, the duration, and the
/// recipients of tasks.
async fn shout(fails: &[Fault]) -> (Delivery, Duration, usize) {
    let queue = Arc::new(Queue {
        fails: Mutex::new(fails.iter().copied().collect()),
        queued: Mutex::default(),
    });
    let began = Instant::now();
    let bench = Bench::with(|inner| {
        inner.rate_limiter = Arc::new(RateLimiter::new(RATE));
        inner.deadline = Some(began + SECOND * 27);
        inner.hand_off = Some(TaskHandOff {
            tasks: queue.clone(),
            width: 2,
            parent: None,
            until: Some(began + SECOND * 57 / 2),
        });
    });
    crowd(&bench, CROWD).await;
    let delivery = bench.sender.room("tea").send("hello").await.unwrap();
    let took = began.elapsed();
    let mut reached = HashSet::new();
    let mut rests = Vec::new();
    for event in std::mem::take(&mut *queue.queued.lock().unwrap()) {
        let event: serde_json::Value = serde_json::from_str(&event).unwrap();
        let task = Task::read(&event["lambdaWsTask"].to_string()).unwrap();
        let TaskKind::Send(send) = task.kind else {
            panic!("not a part of a broadcast");
        };
        rests.push(send.rest);
    }
    rests.extend(delivery.rest.clone());
    // Everyone else gets the message from a task, or from who owns the rest.
    bench
        .script
        .0
        .lock()
        .unwrap()
        .sent
        .drain(..)
        .for_each(|id| {
            reached.insert(id);
        });
    assert_eq!(reached.len(), delivery.sent);
    let other = Bench::with(|inner| inner.store = Arc::new(bench.store.clone()));
    let mut later = 0;
    for rest in rests {
        later += other.sender.resume(rest).await.unwrap().sent;
    }
    reached.extend(other.script.0.lock().unwrap().sent.drain(..));
    assert_eq!(reached.len(), CROWD, "nobody is lost");
    (delivery, took, later)
}

#[tokio::test(start_paused = true)]
async fn a_throttled_invocation_is_repeated_at_the_end_of_the_event() {
    // Both parts are throttled at first. The event continues, and queues the remaining recipients at its end.
    let (delivery, took, later) = shout(&[Fault::Throttled; 2]).await;
    assert_eq!((delivery.tasks, delivery.rest), (2, None));
    assert!((2000..CROWD).contains(&delivery.sent), "{}", delivery.sent);
    assert_eq!(delivery.sent + later, CROWD);
    assert!(took < SECOND * 27, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn recipients_without_a_task_are_the_rest_of_the_delivery() {
    let (delivery, took, later) = shout(&[Fault::Throttled; 100]).await;
    assert_eq!(delivery.tasks, 0);
    assert!(delivery.rest.is_some());
    assert!((2000..CROWD).contains(&delivery.sent), "{}", delivery.sent);
    assert_eq!(delivery.sent + later, CROWD);
    assert!(took < SECOND * 27, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_invocation_without_a_response_does_not_outlive_the_event() {
    let (delivery, took, _) = shout(&[Fault::Hangs; 100]).await;
    assert_eq!(delivery.tasks, 0);
    assert!(delivery.rest.is_some());
    // The parts wait at the same time, for 5 s at first.
    assert!((1500..CROWD).contains(&delivery.sent), "{}", delivery.sent);
    assert!(took <= SECOND * 57 / 2, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn one_part_without_a_task_is_continued_alone() {
    let (delivery, _, later) = shout(&[Fault::Hangs]).await;
    assert_eq!(delivery.tasks, 1);
    assert_eq!(delivery.rest, None);
    assert_eq!(delivery.sent + later, CROWD);
}
