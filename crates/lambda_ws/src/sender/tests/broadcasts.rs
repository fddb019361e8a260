//! Tests of broadcasts with limited time.

use super::super::broadcast::{Broadcast, RunOptions};
use super::*;
use crate::store::{InterceptedStore, StoreError};
use Reply::{Broken, Gone, Sent, Throttled};
use futures_util::TryFutureExt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn messages_leave_at_the_pace_of_the_process() {
    let bench = Bench::with(|inner| inner.rate_limiter = Arc::new(RateLimiter::new(1000)));
    crowd(&bench, 4000).await;
    let began = Instant::now();
    let (tea, all) = (bench.sender.room("tea"), bench.sender.everyone());
    let (tea, all) = tokio::join!(tea.send("one"), all.send("two"));
    assert_eq!((tea.unwrap().sent, all.unwrap().sent), (4000, 4000));
    let took = began.elapsed();
    assert!(
        (SECOND * 69 / 10..SECOND * 75 / 10).contains(&took),
        "{took:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_sender_with_a_pace_of_its_own_leaves_the_others_theirs() {
    let bench = Bench::with(|inner| inner.rate_limiter = Arc::new(RateLimiter::new(1000)));
    crowd(&bench, 1000).await;
    let began = Instant::now();
    let slow = bench.sender.clone().paced(200);
    assert_eq!(slow.room("tea").send("one").await.unwrap().sent, 1000);
    let took = began.elapsed();
    assert!(
        (SECOND * 39 / 10..SECOND * 45 / 10).contains(&took),
        "{took:?}"
    );

    let began = Instant::now();
    let delivery = bench.sender.room("tea").send("two").await.unwrap();
    assert_eq!(delivery.sent, 1000);
    assert!(began.elapsed() < SECOND);
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_broadcast_resumes_where_it_ended() {
    for scope in [Scope::Room("tea".into()), Scope::Everyone] {
        let bench = Bench::with(|inner| {
            inner.rate_limiter = Arc::new(RateLimiter::new(500));
            inner.deadline = Some(Instant::now() + SECOND * 8);
        });
        let ids = crowd(&bench, 6000).await;
        bench.script.tell(&ids[17], &[Gone]);
        let mut work = Remaining::all(scope.clone(), HashSet::from([ids[3].clone()]));
        work.message = Some("hello".into_payload().unwrap());
        let began = Instant::now();
        let mut delivery = bench.sender.resume(work).await.unwrap();
        assert!(began.elapsed() < SECOND * 8);
        let first = delivery.audience();
        assert!((2500..4500).contains(&first), "{first}");
        let rest = delivery.rest.take().expect("there is more");
        assert!(rest.ids.len() < 2000, "{}", rest.ids.len());
        // Possibly in another process.
        let json = serde_json::to_string(&rest).unwrap();
        let other = Sender::from(Inner {
            store: Arc::new(bench.store.clone()),
            transport: Arc::new(bench.script.clone()),
            clock: Arc::new(bench.script.clone()),
            effects: Effects::inline(),
            origin: EventOrigin::Outside,
            api: Some(API.to_owned()),
            gone: Arc::default(),
            endpoint: Arc::default(),
            rate_limiter: Arc::new(RateLimiter::new(500)),
            deadline: None,
            hand_off: None,
            presences: None,
            histories: None,
            metrics: None,
        });
        let more = other.resume(serde_json::from_str(&json).unwrap()).await;
        delivery.add(more.unwrap());
        assert_eq!((delivery.sent, delivery.gone), (5998, 1), "{scope:?}");
        assert!(delivery.rest.is_none());
        let posts = posts(&bench);
        assert_eq!(posts.iter().collect::<HashSet<_>>().len(), 5999);
        let found = posts.len();
        assert_eq!(found, 6000, "only who was called gone was asked twice");
    }
}

#[tokio::test(start_paused = true)]
async fn recipients_without_an_outcome_at_the_deadline_are_in_the_rest() {
    let bench = Bench::with(|inner| inner.deadline = Some(Instant::now() + SECOND * 8));
    crowd(&bench, 10).await;
    bench.script.0.lock().unwrap().latency = SECOND * 60;
    let delivery = bench.sender.room("tea").send("hello").await.unwrap();
    assert_eq!(delivery.audience(), 0);
    assert_eq!(delivery.rest.unwrap().ids.len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_is_near_still_leaves_time_to_send() {
    let bench = Bench::with(|inner| inner.deadline = Some(Instant::now() + SECOND));
    crowd(&bench, 300).await;
    let delivery = bench.sender.room("tea").send("hello").await.unwrap();
    assert_eq!((delivery.sent, delivery.rest), (300, None));
}

#[tokio::test(start_paused = true)]
async fn what_will_not_be_done_in_time_is_given_up_at_once_if_others_can_do_it() {
    let bench = Bench::with(|inner| inner.rate_limiter = Arc::new(RateLimiter::new(100)));
    crowd(&bench, 5000).await;
    let options = RunOptions {
        deadline: Some(Instant::now() + SECOND * 25),
        stop_early: true,
        checkpoint: None,
    };
    let began = Instant::now();
    let broadcast = Broadcast::new(&bench.sender, everybody_in_tea());
    let delivery = broadcast.run(options).await.unwrap();
    assert!(delivery.sent <= 100, "{}", delivery.sent);
    assert!(began.elapsed() < SECOND);
    let rest = delivery.rest.unwrap();
    let more = bench.sender.resume(rest).await.unwrap();
    assert_eq!(delivery.sent + more.sent, 5000);
}

#[tokio::test(start_paused = true)]
async fn the_first_message_leaves_before_the_second_page_is_read() {
    let script = Script::default();
    let posted = script.clone();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    let store = Memory::new();
    let wrapped = InterceptedStore {
        store: store.clone(),
        before: move |operation: &str| -> BoxFuture<'static, Result<(), StoreError>> {
            if operation == "page" {
                log.lock().unwrap().push(posted.posts());
            }
            Box::pin(std::future::ready(Ok(())))
        },
    };
    let bench = Bench {
        sender: Bench::with(|inner| {
            inner.store = Arc::new(wrapped);
            inner.transport = Arc::new(script.clone());
        })
        .sender,
        script,
        store,
    };
    crowd(&bench, 3500).await;
    bench.script.0.lock().unwrap().latency = SECOND / 100;
    bench.sender.room("tea").send("hello").await.unwrap();
    let seen = seen.lock().unwrap().clone();
    assert_eq!((seen.len(), seen[0]), (4, 0));
    assert!(seen[1] > 0, "{seen:?}");
    assert!(seen[2] < 2000, "the next page was read ahead: {seen:?}");
}

#[tokio::test(start_paused = true)]
async fn reading_continues_while_messages_wait() {
    let (store, reads) = (Memory::new(), AtomicU64::new(0));
    let wrapped = InterceptedStore {
        store: store.clone(),
        before: move |operation: &str| -> BoxFuture<'static, Result<(), StoreError>> {
            if operation != "page" {
                return Box::pin(std::future::ready(Ok(())));
            }
            // A head and a body, with no more time for both than the AWS SDK gives a request.
            let part = SECOND / 10 * (1 + reads.fetch_add(1, Relaxed) % 5) as u32;
            let answer = async move {
                tokio::time::sleep(part).await;
                tokio::time::sleep(part).await;
            };
            let answer = tokio::time::timeout(SECOND * 3 / 2, answer);
            let answer = answer.map_err(|late| StoreError::Unavailable(late.into()));
            Box::pin(answer)
        },
    };
    let bench = Bench {
        store,
        ..Bench::with(|inner| {
            inner.store = Arc::new(wrapped);
            inner.rate_limiter = Arc::new(RateLimiter::new(100));
        })
    };
    crowd(&bench, 3000).await;
    let delivery = bench.sender.everyone().send("hello").await.unwrap();
    assert_eq!(delivery.sent, 3000);
}

#[tokio::test(start_paused = true)]
async fn at_first_few_are_under_way_and_more_as_they_arrive() {
    let bench = Bench::new();
    crowd(&bench, 3000).await;
    bench.script.0.lock().unwrap().latency = SECOND / 10;
    let sending = bench.sender.room("tea").send("hello");
    let mut counts = Vec::new();
    let counting = async {
        loop {
            tokio::time::sleep(SECOND / 10).await;
            counts.push(bench.script.posts());
        }
    };
    tokio::select! {
        sent = sending => assert_eq!(sent.unwrap().sent, 3000),
        () = counting => {}
    }
    assert!(counts[0] <= 48 && counts[1] <= 112, "{counts:?}");
    assert!(counts.len() < 20, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn g6_a_throttled_recipient_does_not_delay_the_others() {
    let bench = Bench::new();
    let ids = crowd(&bench, 2000).await;
    for id in &ids[..4] {
        bench.script.tell(id, &[Throttled]);
    }
    bench.script.tell(&ids[4], &[Throttled, Broken, Sent]);
    let delivery = bench.sender.room("tea").send("hello").await.unwrap();
    assert_eq!((delivery.sent, delivery.throttled), (1996, 4));
}
