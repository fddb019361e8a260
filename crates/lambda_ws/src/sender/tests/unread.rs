//! Tests of groups that the store reads only in part.

use super::*;
use crate::error::BoxError;
use crate::sender::{ParentTask, TaskHandOff};
use crate::store::{InterceptedStore, StoreError};
use crate::task::Remaining;
use crate::task::{Task, TaskKind, Tasks};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use tokio::time::Instant;

/// Keeps the tasks that are queued.
#[derive(Clone, Default)]
struct Queue(Arc<Mutex<Vec<String>>>);

impl Tasks for Queue {
    fn queue(&self, event: String) -> BoxFuture<'_, Result<(), BoxError>> {
        self.0.lock().unwrap().push(event);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A room of 3 000 members whose store fails once after this many pages.
async fn bench(pages: usize, hand_off: Option<TaskHandOff>) -> Bench {
    let (store, reads) = (Memory::new(), AtomicUsize::new(0));
    let wrapped = InterceptedStore {
        store: store.clone(),
        before: move |operation: &str| -> BoxFuture<'static, Result<(), StoreError>> {
            let fails = operation == "page" && reads.fetch_add(1, Relaxed) == pages;
            Box::pin(std::future::ready(match fails {
                true => Err(StoreError::unavailable("the table is on fire")),
                false => Ok(()),
            }))
        },
    };
    let bench = Bench {
        store,
        ..Bench::with(|inner| {
            inner.store = Arc::new(wrapped);
            inner.hand_off = hand_off;
        })
    };
    for n in 0..3000 {
        bench.member(&format!("m{n:05}"), OLD).await;
    }
    bench
}

fn each_has_one(bench: &Bench) {
    let mut sent = bench.script.0.lock().unwrap().sent.clone();
    sent.sort();
    let count = sent.len();
    sent.dedup();
    assert_eq!((count, sent.len()), (3000, 3000));
}

#[tokio::test(start_paused = true)]
async fn fault_l15_a_page_that_cannot_be_read_is_the_rest_of_a_delivery() {
    let bench = bench(1, None).await;
    let delivery = bench.sender.room("tea").send("hello").await.unwrap();
    assert_eq!(delivery.sent, 1000);
    let rest = delivery.rest.expect("two pages are left");
    let delivery = bench.sender.resume(rest).await.unwrap();
    assert_eq!((delivery.sent, delivery.rest), (2000, None));
    each_has_one(&bench);
}

#[tokio::test(start_paused = true)]
async fn fault_l15_tasks_go_on_with_a_page_that_cannot_be_read() {
    let queue = Queue::default();
    let hand_off = TaskHandOff {
        tasks: Arc::new(queue.clone()),
        width: 2,
        parent: None,
        until: None,
    };
    let bench = bench(1, Some(hand_off)).await;
    let delivery = bench.sender.room("tea").send("hello").await.unwrap();
    assert_eq!((delivery.sent, delivery.tasks), (1000, 2));
    assert_eq!(delivery.rest, None);
    let queued = std::mem::take(&mut *queue.0.lock().unwrap());
    for event in queued {
        let event: serde_json::Value = serde_json::from_str(&event).unwrap();
        let task = Task::read(&event["lambdaWsTask"].to_string()).unwrap();
        let TaskKind::Send(send) = task.kind else {
            panic!("expected a part of a broadcast");
        };
        bench.sender.resume(send.rest).await.unwrap();
    }
    each_has_one(&bench);
}

#[tokio::test(start_paused = true)]
async fn fault_l15_a_store_that_cannot_be_read_at_all_is_an_error_and_loses_no_rest() {
    let first = bench(0, None).await;
    let sent = first.sender.room("tea").send("hello").await;
    assert!(matches!(sent, Err(SendError::Store(_))), "{sent:?}");
    assert_eq!(first.script.posts(), 0);

    let again = bench(0, None).await;
    let mut work = Remaining::all(Scope::Room("tea".to_owned()), Default::default());
    work.message = Some(crate::payload::IntoPayload::into_payload("hello").unwrap());
    let delivery = again.sender.resume(work.clone()).await.unwrap();
    assert_eq!(delivery.rest.as_ref(), Some(&work));
    again.sender.resume(work).await.unwrap();
    each_has_one(&again);
}

#[tokio::test(start_paused = true)]
async fn the_second_task_of_a_chain_knows_whether_the_chain_reaches_all() {
    // 13 tasks with 17 s each, for 3 000 members.
    for (rate, hop, expected) in [
        (10, 2, Some(2210)),
        (10, 1, None),
        (10, 3, None),
        (20, 2, None),
    ] {
        let bench = Bench::with(|inner| {
            inner.rate_limiter = Arc::new(RateLimiter::new(rate));
            inner.deadline = Some(Instant::now() + Duration::from_secs(20));
            inner.hand_off = Some(TaskHandOff {
                tasks: Arc::new(Queue::default()),
                width: 1,
                parent: Some(ParentTask {
                    id: "a-0+".to_owned(),
                    hop,
                    total: None,
                }),
                until: None,
            });
        });
        crowd(&bench, 3000).await;
        let work = Remaining::all(Scope::Room("tea".to_owned()), HashSet::new());
        let reach = bench.sender.reach_of_too_short_chain(&work).await.unwrap();
        assert_eq!(reach, expected, "{rate} messages per second, task {hop}");
    }
}
