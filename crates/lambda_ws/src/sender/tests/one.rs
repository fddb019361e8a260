//! Tests of messages to one connection.

use super::*;
use crate::store::StoreError;
use Reply::{Broken, Forbidden, Gone, Refused, Sent, Throttled};
use lambda_ws_protocol::limits::MESSAGE_BYTES;

async fn sends(bench: &Bench, replies: &[Reply]) -> Result<(), SendError> {
    let id = bench.member("ann", OLD).await;
    bench.script.tell(&id, replies);
    bench.sender.send(&id, "hello").await
}

#[tokio::test]
async fn a_message_is_posted_once() {
    let bench = Bench::new();
    sends(&bench, &[Sent]).await.unwrap();
    assert_eq!(bench.script.posts(), 1);
    assert!(bench.script.pauses().is_empty());
}

#[tokio::test]
async fn g6_a_throttled_message_is_retried_after_a_pause() {
    let bench = Bench::new();
    let result = sends(&bench, &[Throttled, Throttled, Throttled, Sent]).await;
    result.unwrap();
    assert_eq!(bench.script.posts(), 4);
    assert!(about(&bench.script.pauses(), &[50, 200, 600]));

    let bench = Bench::new();
    let sent = sends(&bench, &[Throttled]).await;
    assert!(matches!(sent, Err(SendError::Throttled)), "{sent:?}");
    assert_eq!(bench.script.posts(), 4);
}

#[tokio::test]
async fn a_broken_socket_is_replaced_at_once() {
    let bench = Bench::new();
    sends(&bench, &[Broken, Sent]).await.unwrap();
    assert!(bench.script.pauses().is_empty());

    let bench = Bench::new();
    let sent = sends(&bench, &[Broken]).await;
    assert!(matches!(sent, Err(SendError::Unavailable(_))), "{sent:?}");
    assert_eq!(bench.script.posts(), 5);
    assert!(about(&bench.script.pauses(), &[50, 200, 600]));
}

#[tokio::test]
async fn a_rejected_message_is_not_retried() {
    for reply in [Forbidden, Refused] {
        let bench = Bench::new();
        let error = sends(&bench, &[reply]).await.unwrap_err();
        assert!(!error.is_passing(), "{error}");
        assert_eq!(bench.script.posts(), 1);
    }
}

#[tokio::test]
async fn f3_a_message_that_is_too_large_is_not_posted() {
    let bench = Bench::new();
    let id = bench.member("ann", OLD).await;
    let sent = bench.sender.send(&id, "x".repeat(MESSAGE_BYTES + 1)).await;
    assert!(matches!(sent, Err(SendError::TooLarge)), "{sent:?}");
    let sent = bench
        .sender
        .room("tea")
        .send("x".repeat(MESSAGE_BYTES + 1))
        .await;
    assert!(matches!(sent, Err(SendError::TooLarge)), "{sent:?}");
    assert_eq!(bench.script.posts(), 0);
}

#[tokio::test]
async fn what_json_cannot_express_is_not_posted() {
    let bench = Bench::new();
    let id = bench.member("ann", OLD).await;
    let map = std::collections::BTreeMap::from([((1, 2), 3)]);
    let sent = bench.sender.send(&id, crate::Json(map)).await;
    assert!(matches!(sent, Err(SendError::Encode(_))), "{sent:?}");
    assert_eq!(bench.script.posts(), 0);
}

#[tokio::test]
async fn g7_no_request_is_made_for_a_connection_in_its_own_handshake() {
    let ann = ConnectionId::from("ann");
    let bench = Bench::with(|inner| inner.origin = EventOrigin::Handshake(ann.clone()));
    bench.member("ann", YOUNG).await;
    let sent = bench.sender.send(&ann, "hello").await;
    assert!(matches!(sent, Err(SendError::NotOpen)), "{sent:?}");
    let closed = bench.sender.close(&ann).await;
    assert!(matches!(closed, Err(SendError::NotOpen)), "{closed:?}");
    let seen = bench.sender.inspect(&ann).await;
    assert!(matches!(seen, Err(SendError::NotOpen)), "{seen:?}");
    let delivery = bench.sender.room("tea").send("hello").await.unwrap();
    assert_eq!((delivery.failed, delivery.audience()), (1, 1));
    assert!(matches!(delivery.failures[0].1, SendError::NotOpen));
    assert_eq!(bench.script.posts(), 0);
}

#[tokio::test]
async fn a_false_410_is_found_out_and_the_message_arrives_once() {
    let bench = Bench::new();
    sends(&bench, &[Gone, Sent]).await.unwrap();
    assert_eq!(bench.script.posts(), 2);
    assert_eq!(bench.script.pauses(), [250]);
    assert_eq!(bench.members().await.len(), 1);
}

#[tokio::test]
async fn a_false_410_after_another_is_found_out_by_a_look() {
    let bench = Bench::new();
    let ann = bench.member("ann", OLD).await;
    let replies = [Reply::Gone, Reply::Gone, Reply::Sent, Reply::Sent];
    bench.script.tell(&ann, &replies);
    bench.sender.send(&ann, "hi").await.unwrap();
    assert_eq!(bench.script.posts(), 3);

    // GetConnection finds it although posts return 410, so it is not removed.
    let replies = [Reply::Gone, Reply::Gone, Reply::Sent, Reply::Gone];
    bench.script.tell(&ann, &replies);
    let sent = bench.sender.send(&ann, "hi").await;
    assert!(matches!(sent, Err(SendError::Unavailable(_))), "{sent:?}");
    assert!(!bench.is_marked(&ann).await);
    assert_eq!(bench.members().await, [ann]);
}

#[tokio::test]
async fn a_post_to_a_young_connection_is_retried() {
    for (replies, pauses) in [
        (&[Gone, Sent][..], &[50][..]),
        (&[Gone, Gone, Sent], &[50, 100]),
        (&[Gone, Gone, Gone, Sent], &[50, 100, 200]),
    ] {
        let bench = Bench::new();
        let id = bench.member("ann", YOUNG).await;
        bench.script.tell(&id, replies);
        bench.sender.send(&id, "hello").await.unwrap();
        assert_eq!(bench.script.pauses(), pauses);
        assert!(!bench.is_marked(&id).await);
    }
    let bench = Bench::new();
    let id = bench.member("ann", YOUNG).await;
    bench.script.tell(&id, &[Gone]);
    let sent = bench.sender.send(&id, "hello").await;
    assert!(matches!(sent, Err(SendError::Gone)), "{sent:?}");
    assert_eq!(bench.script.pauses(), [50, 100, 200]);
}

#[tokio::test]
async fn a_connection_that_may_still_be_opening_is_not_taken_for_gone() {
    let ms = Duration::from_millis;
    for (age, marked) in [(ms(0), false), (ms(29_999), false), (ms(30_000), true)] {
        let bench = Bench::new();
        let id = bench.member("ann", age).await;
        bench.script.tell(&id, &[Gone]);
        let sent = bench.sender.send(&id, "hello").await;
        assert!(matches!(sent, Err(SendError::Gone)), "{sent:?}");
        assert_eq!(bench.is_marked(&id).await, marked, "{age:?}");
    }
}

#[tokio::test]
async fn a_gone_connection_is_marked_and_removed_from_its_rooms() {
    let bench = Bench::new();
    let sent = sends(&bench, &[Gone]).await;
    assert!(matches!(sent, Err(SendError::Gone)), "{sent:?}");
    assert!(
        bench.is_marked(&"ann".into()).await,
        "its $disconnect may come"
    );
    assert_eq!(bench.members().await, []);
}

#[tokio::test]
async fn fault_l14_another_stages_connection_is_not_gone_and_is_tried_once() {
    let bench = Bench::new();
    let id = bench.member_of("ann", OLD, "api/other").await;
    bench.script.tell(&id, &[Gone]);
    let sent = bench.sender.send(&id, "hello").await;
    let is_expected = matches!(&sent, Err(SendError::OtherStage { api }) if api == "api/other");
    assert!(is_expected, "{sent:?}");
    let delivery = bench.sender.room("tea").send("hello").await.unwrap();
    assert_eq!((delivery.gone, delivery.failed), (0, 1));
    assert_eq!((bench.script.posts(), bench.script.pauses().len()), (2, 0));
    assert!(!bench.is_marked(&id).await);
    assert_eq!(bench.members().await, [id]);
}

#[tokio::test]
async fn an_unconfirmed_410_removes_no_connection() {
    let bench = Bench::new();
    let sent = sends(&bench, &[Gone, Throttled]).await;
    assert!(matches!(sent, Err(SendError::Throttled)), "{sent:?}");
    assert!(!bench.is_marked(&"ann".into()).await);
}

#[tokio::test]
async fn closing_and_inspecting_are_tried_again_too() {
    let bench = Bench::new();
    let id = ConnectionId::from("ann");
    bench.script.tell(&id, &[Throttled, Sent]);
    bench.sender.close(&id).await.unwrap();
    assert_eq!(bench.script.0.lock().unwrap().closes.len(), 2);
    bench.script.tell(&id, &[Throttled, Broken, Sent]);
    bench.sender.inspect(&id).await.unwrap();
}

#[tokio::test]
async fn fault_m1_a_close_confirms_a_410_as_a_message_does() {
    let bench = Bench::new();
    let id = bench.member("ann", OLD).await;
    bench.script.tell(&id, &[Gone, Sent]);
    bench.sender.close(&id).await.unwrap();
    assert!(!bench.is_marked(&id).await);
    let gone = bench.member("bob", OLD).await;
    bench.script.tell(&gone, &[Gone]);
    let closed = bench.sender.close(&gone).await;
    assert!(matches!(closed, Err(SendError::Gone)), "{closed:?}");
    assert!(bench.is_marked(&gone).await);
}

#[tokio::test]
async fn fault_m1_closing_a_connection_that_is_opening_marks_it_and_is_repeated() {
    for (replies, closes) in [(&[Gone, Gone, Sent][..], 3), (&[Gone], 7)] {
        let bench = Bench::new();
        let id = bench.member("ann", Duration::from_secs(1)).await;
        bench.script.tell(&id, replies);
        bench.sender.close(&id).await.unwrap();
        assert!(bench.is_marked(&id).await, "its `$connect` must see it");
        assert_eq!(bench.script.0.lock().unwrap().closes.len(), closes);
        assert_eq!(bench.members().await, []);
    }
}

#[tokio::test]
async fn beside_an_event_clean_up_is_awaited_but_not_for_long() {
    let effects = Effects::spawned();
    let done = Arc::new(Mutex::new(0));
    for _ in 0..3 {
        let done = done.clone();
        let work = async move {
            tokio::task::yield_now().await;
            *done.lock().unwrap() += 1;
        };
        effects.run(work).await;
    }
    assert_eq!(*done.lock().unwrap(), 0, "nobody waits yet");
    effects.settle(Duration::from_secs(60)).await;
    assert_eq!(*done.lock().unwrap(), 3);

    let (finish, finished) = tokio::sync::oneshot::channel();
    let (go, going) = tokio::sync::oneshot::channel();
    let work = async move {
        let _ = going.await;
        let _ = finish.send(());
    };
    effects.run(work).await;
    effects.settle(Duration::ZERO).await;
    go.send(()).unwrap();
    finished.await.expect("it goes on after the event");
}

#[tokio::test]
async fn fault_l1_an_invalid_id_is_rejected_before_any_request() {
    let bench = Bench::new();
    for id in [String::new(), "x".repeat(257)] {
        let id = ConnectionId::from(id);
        let errors = [
            bench.sender.send(&id, "hello").await.unwrap_err(),
            bench.sender.close(&id).await.unwrap_err(),
            bench.sender.inspect(&id).await.unwrap_err(),
        ];
        for error in errors {
            let is_bad = matches!(&error, SendError::Store(StoreError::BadName(_)));
            assert!(is_bad, "{error}");
            assert!(!error.to_string().contains("cannot be read"), "{error}");
        }
    }
    assert_eq!(bench.script.posts(), 0);
}
