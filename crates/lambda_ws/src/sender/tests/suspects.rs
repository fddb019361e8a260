//! The time that confirming 410s adds to an event, and the proof that follows the event.

use super::*;
use crate::clock::SystemClock;
use crate::presence::PresenceState;
use Reply::{Gone, Refused, Sent};
use tokio::time::Instant;

const LATENCY: Duration = Duration::from_millis(10);

/// The time that an event may wait after its last delivery.
const GOAL: Duration = Duration::from_millis(100);

/// The pauses and the time of the tests, which is virtual.
struct Virtual(Instant);

impl Clock for Virtual {
    fn now(&self) -> Timestamp {
        NOW + self.0.elapsed()
    }

    fn pause(&self, duration: Duration, id: &ConnectionId) -> BoxFuture<'static, ()> {
        SystemClock.pause(duration, id)
    }
}

fn of_event(inner: &mut Inner) {
    inner.effects = Effects::spawned();
    inner.clock = Arc::new(Virtual(Instant::now()));
}

fn in_event() -> Bench {
    let bench = Bench::with(of_event);
    bench.script.0.lock().unwrap().latency = LATENCY;
    bench
}

/// Sends to the room `tea`, and ends the event. Returns the time of that.
async fn send(bench: &Bench) -> (Delivery, Duration) {
    let began = Instant::now();
    let delivery = bench.sender.room("tea").send("hello").await.unwrap();
    bench.sender.effects().settle(Duration::from_secs(1)).await;
    (delivery, began.elapsed())
}

/// Sends to a room with a gone member, and checks that it is removed before the call returns.
async fn awaits_the_whole_proof(bench: &Bench) {
    let ids = crowd(bench, 15).await;
    bench.script.tell(&ids[7], &[Gone]);
    let (delivery, took) = send(bench).await;
    assert_eq!((delivery.sent, delivery.gone), (14, 1));
    assert!(took >= Duration::from_millis(250), "{took:?}");
    assert_eq!(bench.members().await.len(), 14);
}

async fn pass(ms: u64) {
    tokio::time::sleep(Duration::from_millis(ms)).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_waits_at_most_100_ms_for_the_confirmation_of_its_last_410() {
    let bench = in_event();
    let ids = crowd(&bench, 15).await;
    bench.script.tell(&ids[7], &[Gone]);
    let (delivery, took) = send(&bench).await;
    assert_eq!((delivery.sent, delivery.gone), (14, 1));
    assert!(took - LATENCY <= GOAL, "{took:?}");
    assert_eq!(bench.members().await.len(), 15, "it is not proven yet");
    pass(160).await;
    assert_eq!(bench.members().await.len(), 15, "it is not proven yet");
    pass(100).await;
    assert!(bench.is_marked(&ids[7]).await);
    assert_eq!(bench.members().await.len(), 14);
}

#[tokio::test(start_paused = true)]
async fn outside_of_an_event_the_whole_proof_is_awaited_because_the_process_may_end() {
    let bench = Bench::with(|inner| inner.clock = Arc::new(Virtual(Instant::now())));
    awaits_the_whole_proof(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_keeps_presences_waits_for_the_whole_proof() {
    let bench = Bench::with(|inner| {
        of_event(inner);
        let router = crate::Router::new().presence();
        let presences = PresenceState::new(router.presence_hooks());
        inner.presences = Some(Arc::new(presences));
    });
    awaits_the_whole_proof(&bench).await;
}

#[tokio::test(start_paused = true)]
async fn a_connection_whose_410s_end_after_the_event_gets_the_message_then() {
    let bench = in_event();
    let ids = crowd(&bench, 15).await;
    // Two posts and a GetConnection return 410.
    bench.script.tell(&ids[7], &[Gone, Gone, Gone, Sent]);
    let (delivery, took) = send(&bench).await;
    assert_eq!((delivery.sent, delivery.gone), (14, 1));
    assert!(took - LATENCY <= GOAL, "{took:?}");
    let posts = bench.script.posts();
    pass(1000).await;
    assert_eq!(bench.script.posts(), posts + 1);
    assert!(!bench.is_marked(&ids[7]).await);
    assert_eq!(bench.members().await.len(), 15);
    let (delivery, _) = send(&bench).await;
    assert_eq!((delivery.sent, delivery.gone), (15, 0));
}

#[tokio::test(start_paused = true)]
async fn all_messages_that_find_a_connection_gone_follow_in_order_if_it_is_alive() {
    let bench = in_event();
    let ids = crowd(&bench, 15).await;
    let suspect = &ids[7];
    // Each message is posted twice, and inspected once.
    let replies = [vec![Gone; 9], vec![Sent]].concat();
    bench.script.tell(suspect, &replies);
    for text in ["one", "two", "three"] {
        let room = bench.sender.room("tea");
        let delivery = room.send(text).await.unwrap();
        assert_eq!((delivery.sent, delivery.gone), (14, 1));
    }
    assert!(bench.script.texts(suspect).is_empty());
    pass(1000).await;
    assert_eq!(bench.script.texts(suspect), ["one", "two", "three"]);
    assert!(!bench.is_marked(suspect).await);
    bench.sender.send(suspect, "four").await.unwrap();
    assert_eq!(bench.script.texts(suspect).len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_suspect_that_cannot_be_checked_is_a_suspect_again_at_the_next_message() {
    let bench = in_event();
    let ann = bench.member("ann", OLD).await;
    bench.script.tell(&ann, &[Gone, Gone, Gone, Refused, Sent]);
    let sent = bench.sender.send(&ann, "one").await;
    assert!(matches!(sent, Err(SendError::Gone)), "{sent:?}");
    pass(1000).await;
    assert!(bench.script.texts(&ann).is_empty());
    bench.script.tell(&ann, &[Gone, Gone, Gone, Sent]);
    let sent = bench.sender.send(&ann, "two").await;
    assert!(matches!(sent, Err(SendError::Gone)), "{sent:?}");
    pass(1000).await;
    assert_eq!(bench.script.texts(&ann), ["two"]);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_get_connection_finds_gets_its_last_attempt_after_the_whole_pause() {
    let bench = in_event();
    let ids = crowd(&bench, 15).await;
    bench.script.tell(&ids[7], &[Gone, Gone, Sent, Sent]);
    let (delivery, took) = send(&bench).await;
    assert_eq!((delivery.sent, delivery.gone), (15, 0));
    assert!(took >= Duration::from_millis(250), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_410_that_comes_early_is_confirmed_while_others_are_sent_to() {
    let bench = Bench::with(|inner| {
        of_event(inner);
        // The whole broadcast takes about a second.
        inner.rate_limiter = Arc::new(RateLimiter::new(100));
    });
    bench.script.0.lock().unwrap().latency = LATENCY;
    crowd(&bench, 200).await;
    // The order of the recipients is random. The reply to the first one is given after its latency.
    let first = async {
        loop {
            let first = bench.script.0.lock().unwrap().posts.first().cloned();
            match first {
                Some(first) => break bench.script.tell(&first, &[Gone]),
                None => pass(1).await,
            }
        }
    };
    let ((delivery, took), ()) = tokio::join!(send(&bench), first);
    let first = bench.script.0.lock().unwrap().posts[0].clone();
    assert_eq!((delivery.sent, delivery.gone), (199, 1));
    assert!(took >= Duration::from_millis(900), "{took:?}");
    assert!(bench.is_marked(&first).await, "it is removed in the event");
}

#[tokio::test(start_paused = true)]
async fn one_message_waits_at_most_100_ms_and_a_connection_is_proven_gone_once() {
    let bench = in_event();
    let ann = bench.member("ann", OLD).await;
    bench.script.tell(&ann, &[Gone]);
    for _ in 0..2 {
        let began = Instant::now();
        let sent = bench.sender.send(&ann, "hello").await;
        assert!(matches!(sent, Err(SendError::Gone)), "{sent:?}");
        let took = began.elapsed();
        assert!(took - LATENCY <= GOAL, "{took:?}");
    }
    assert!(!bench.is_marked(&ann).await, "it is not proven yet");
    pass(250).await;
    assert!(bench.is_marked(&ann).await);
    // One for each message, one for the proof.
    let inspections = bench.script.0.lock().unwrap().inspections;
    assert_eq!(inspections, 3);
    let sent = bench.sender.send(&ann, "hello").await;
    assert!(matches!(sent, Err(SendError::Gone)), "{sent:?}");
    assert_eq!(bench.script.posts(), 4, "the process remembers it");
}

#[tokio::test(start_paused = true)]
async fn fault_m2_suspects_are_removed_only_if_something_proves_the_endpoint() {
    for (reached, gone, left) in [(20, 20, 20), (19, 19, 0), (30, 29, 1)] {
        let bench = in_event();
        for id in &crowd(&bench, reached).await[..gone] {
            bench.script.tell(id, &[Gone]);
        }
        let (delivery, took) = send(&bench).await;
        assert_eq!((delivery.gone, delivery.audience()), (gone, reached));
        assert!(took < Duration::from_millis(200), "{took:?}");
        pass(1000).await;
        assert_eq!(bench.members().await.len(), left, "{gone} of {reached}");
    }
}
