//! Failures that may pass: they are no death.

use super::bench::{Bench, OLD, counts};
use lambda_ws::SendError;
use lambda_ws_local::activity::OperationKind::Post;
use lambda_ws_local::gateway::Fault::{Failing, Gone, Throttled};
use std::iter::{once, repeat};

#[tokio::test]
async fn a_client_with_one_failed_post_receives_the_message_once() {
    let mut bench = Bench::new().await;
    let ids = bench.members(3, OLD).await;
    bench.lie(&ids[0], once(Throttled));
    bench.lie(&ids[1], once(Failing));
    let delivery = bench.room().send("hello").await.unwrap();
    assert_eq!(counts(&delivery), [3, 0, 0, 0]);
    assert_eq!(bench.calls(&ids[0]), [(Post, 429), (Post, 200)]);
    assert_eq!(bench.calls(&ids[1]), [(Post, 500), (Post, 200)]);
    assert_eq!(bench.calls(&ids[2]), [(Post, 200)]);
    bench.all_heard("hello").await;
}

#[tokio::test]
async fn a_client_with_only_failed_posts_is_counted_and_not_marked() {
    let mut bench = Bench::new().await;
    let ids = bench.members(4, OLD).await;
    bench.lie(&ids[0], repeat(Throttled));
    bench.lie(&ids[1], repeat(Failing));
    // A 410 among them proves nothing.
    bench.lie(&ids[2], once(Gone).chain(repeat(Throttled)));
    let delivery = bench.room().send("hello").await.unwrap();
    assert_eq!(counts(&delivery), [1, 0, 2, 1]);
    assert_eq!(bench.calls(&ids[0]), [(Post, 429); 4]);
    assert_eq!(bench.calls(&ids[1]), [(Post, 500); 5], "the first at once");
    let mut failed: Vec<_> = delivery.failures.iter().map(|(id, _)| id).collect();
    failed.sort();
    let mut expected: Vec<_> = ids[..3].iter().collect();
    expected.sort();
    assert_eq!(failed, expected);
    for (id, error) in &delivery.failures {
        let as_it_was = match *id == ids[1] {
            true => matches!(error, SendError::Unavailable(_)),
            false => matches!(error, SendError::Throttled),
        };
        assert!(as_it_was, "{error:?}");
    }
    for id in &ids {
        assert!(!bench.is_marked(id).await);
    }
    assert_eq!(bench.in_room().await.len(), 4);

    let heard = bench.heard().await;
    for id in &ids[..3] {
        assert_eq!(heard[id], [""; 0]);
    }
    assert_eq!(heard[&ids[3]], ["hello"]);
}
