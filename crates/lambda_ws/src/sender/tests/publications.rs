//! Tests of publishing to a room with history, whose members are read beside the append.

mod model;

use super::*;
use crate::sender::{Histories, RoomPattern};
use crate::store::{History, InterceptedStore, StoreError};
use Reply::Gone;
use std::collections::BTreeMap;
use tokio::time::{Instant, sleep};

const MS: Duration = Duration::from_millis(1);
const HISTORY: History = History::new(1_000, Duration::from_secs(3600));

/// `tea*` has a history.
fn histories() -> Option<Arc<Histories>> {
    let mut histories = Histories::default();
    histories.add(RoomPattern::read("tea*").unwrap(), HISTORY);
    Some(Arc::new(histories))
}

/// What happens to the operations of the store, one after another: their time in ms, and whether they fail. They take no time
/// and succeed after the last one.
type Steps = &'static [(&'static str, u32, bool)];

struct Room {
    bench: Bench,
    /// How often each operation was called.
    calls: Arc<Mutex<BTreeMap<&'static str, usize>>>,
}

impl Room {
    fn new(steps: Steps) -> Self {
        Self::with(steps, |_| {})
    }

    fn with(steps: Steps, change: impl FnOnce(&mut Inner)) -> Self {
        let (store, calls) = (Memory::new(), Arc::<Mutex<BTreeMap<_, usize>>>::default());
        let (counts, steps) = (calls.clone(), Mutex::new(steps.to_vec()));
        let wrapped = InterceptedStore {
            store: store.clone(),
            before: move |name: &'static str| -> BoxFuture<'static, Result<(), StoreError>> {
                *counts.lock().unwrap().entry(name).or_default() += 1;
                let mut steps = steps.lock().unwrap();
                let step = steps.iter().position(|(of, ..)| *of == name);
                let step = step.map(|at| steps.remove(at));
                let (_, time, fails) = step.unwrap_or((name, 0, false));
                Box::pin(async move {
                    sleep(MS * time).await;
                    match fails {
                        true => Err(StoreError::unavailable("the table is on fire")),
                        false => Ok(()),
                    }
                })
            },
        };
        let mut bench = Bench::with(|inner| {
            inner.store = Arc::new(wrapped);
            inner.histories = histories();
            change(inner);
        });
        bench.store = store;
        Self { bench, calls }
    }

    fn calls(&self) -> Vec<(&'static str, usize)> {
        std::mem::take(&mut *self.calls.lock().unwrap())
            .into_iter()
            .collect()
    }
}

fn once(bench: &Bench) {
    let mut sent = bench.script.0.lock().unwrap().sent.clone();
    let count = sent.len();
    sent.sort();
    sent.dedup();
    assert_eq!(sent.len(), count, "nobody receives a message twice");
}

#[tokio::test(start_paused = true)]
async fn the_first_posts_wait_for_the_append_only() {
    // The reads are as fast as the append, slower and faster.
    for (steps, first) in [
        (&[("append", 40, false), ("page", 40, false)][..], 40),
        (
            &[
                ("append", 40, false),
                ("page", 50, false),
                ("page", 50, false),
            ],
            50,
        ),
        (
            &[
                ("append", 40, false),
                ("page", 1, false),
                ("page", 80, false),
            ],
            40,
        ),
        // The second read is faster than the early one.
        (
            &[
                ("append", 40, false),
                ("page", 900, false),
                ("page", 1, false),
            ],
            41,
        ),
        // The early read fails.
        (
            &[("append", 40, false), ("page", 1, true), ("page", 5, false)],
            45,
        ),
        // The early read is too old.
        (
            &[
                ("append", 1001, false),
                ("page", 1, false),
                ("page", 5, false),
            ],
            1006,
        ),
    ] {
        let room = Room::new(steps);
        crowd(&room.bench, 3).await;
        let began = Instant::now();
        let posted = async {
            while room.bench.script.posts() == 0 {
                sleep(MS / 2).await;
            }
            began.elapsed().as_millis()
        };
        let publishing = room.bench.sender.room("tea").publish("hi");
        let (published, posted) = tokio::join!(publishing, posted);
        assert_eq!(published.unwrap().delivery.sent, 3);
        // Timers are late by up to 1 ms.
        assert!((first..=first + 2).contains(&posted), "{posted}: {steps:?}");
        assert_eq!(room.calls(), [("append", 1), ("page", 2)]);
        once(&room.bench);
    }
}

#[tokio::test(start_paused = true)]
async fn members_that_join_or_leave_during_the_append_receive_the_message_once() {
    let room = Room::new(&[("append", 40, false)]);
    let ids = crowd(&room.bench, 3).await;
    room.bench.script.tell(&ids[1], &[Gone]);
    let changes = async {
        sleep(MS * 20).await;
        room.bench.member("new", OLD).await;
        for id in &ids[..2] {
            let record = room.bench.store.record(id, NOW).await.unwrap().unwrap();
            room.bench.store.leave(id, record.at, "tea").await.unwrap();
        }
    };
    let publishing = room.bench.sender.room("tea").publish("hi");
    let (published, ()) = tokio::join!(publishing, changes);
    let delivery = published.unwrap().delivery;
    assert_eq!((delivery.sent, delivery.gone), (3, 1));
    assert_eq!(delivery.rest, None);
    once(&room.bench);
}

#[tokio::test(start_paused = true)]
async fn a_large_room_is_read_early_once() {
    let room = Room::new(&[]);
    crowd(&room.bench, 257).await;
    for pages in [2, 1, 1] {
        let published = room.bench.sender.room("tea").publish("hi").await;
        assert_eq!(published.unwrap().delivery.sent, 257);
        assert_eq!(room.calls(), [("append", 1), ("page", pages)]);
    }
    // It may be small again later.
    sleep(Duration::from_secs(1200)).await;
    room.bench.sender.room("tea").publish("hi").await.unwrap();
    assert_eq!(room.calls(), [("append", 1), ("page", 2)]);
}

#[tokio::test(start_paused = true)]
async fn a_room_without_history_is_read_once() {
    let room = Room::new(&[]);
    room.bench.sender.room("milk").publish("hi").await.unwrap();
    assert_eq!(room.calls(), [("page", 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_not_appended_is_not_sent() {
    let room = Room::new(&[("append", 40, true)]);
    crowd(&room.bench, 3).await;
    let published = room.bench.sender.room("tea").publish("hi").await;
    assert!(matches!(published, Err(SendError::NotAppended(_))));
    sleep(MS * 1000).await;
    assert_eq!(room.bench.script.posts(), 0);
    assert_eq!(room.calls(), [("append", 1), ("page", 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_second_read_that_fails_leaves_the_members_that_joined_later() {
    let room = Room::new(&[
        ("append", 40, false),
        ("page", 0, false),
        ("page", 20, true),
    ]);
    crowd(&room.bench, 5).await;
    let joins = async {
        sleep(MS * 20).await;
        room.bench.member("new", OLD).await;
    };
    let publishing = room.bench.sender.room("tea").publish("hi");
    let (published, ()) = tokio::join!(publishing, joins);
    let delivery = published.unwrap().delivery;
    assert_eq!(delivery.sent, 5);
    let rest = delivery.rest.expect("the second read has failed");
    assert!(rest.ids.is_empty());
    let resumed = room.bench.sender.resume(rest).await.unwrap();
    assert_eq!((resumed.sent, resumed.rest), (1, None));
    once(&room.bench);
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_message_contains_each_member_once() {
    // The deadline comes before the second read, and after it.
    let late: Steps = &[("page", 1, false), ("page", 60_000, false)];
    let early: Steps = &[("page", 1, false), ("page", 500, false)];
    for steps in [late, early] {
        let room = Room::with(steps, |inner| {
            inner.rate_limiter = Arc::new(RateLimiter::new(10));
            inner.deadline = Some(Instant::now() + Duration::from_secs(8));
        });
        let ids = crowd(&room.bench, 250).await;
        let published = room.bench.sender.room("tea").publish("hi").await;
        let mut delivery = published.unwrap().delivery;
        assert!((10..200).contains(&delivery.sent), "{delivery:?}");
        let rest = delivery.rest.take().expect("there is more");
        let json = serde_json::to_string(&rest).unwrap();
        let other = room.bench.sender.clone().paced(1000);
        let other = Sender::from(Inner {
            deadline: None,
            ..Inner::clone(&other.0)
        });
        let more = other.resume(serde_json::from_str(&json).unwrap()).await;
        let more = more.unwrap();
        assert_eq!(delivery.sent + more.sent, 250);
        assert_eq!(posts(&room.bench), ids, "everybody once");
    }
}
