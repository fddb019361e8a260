//! 410s that are not true: no live connection is taken for gone, and who is gone is.

mod bench;
mod beside;
mod ends;
mod lies;
mod passing;

use bench::{Bench, OLD};
use std::sync::atomic::Ordering;
use tokio::task::JoinSet;

/// How many clients listen.
const CLIENTS: usize = 500;

/// The posts of one run: 10 000, or as many as `POSTS` says.
fn posts() -> usize {
    let posts = std::env::var("POSTS").ok();
    posts.map_or(10_000, |posts| posts.parse().expect("POSTS is a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_live_connection_is_removed_when_one_post_in_a_hundred_gets_a_false_410() {
    let (mut bench, false_gone) = Bench::with_false_410s(100).await;
    let ids = bench.members(CLIENTS, OLD).await;
    assert_eq!(ids.len(), CLIENTS);
    let mut listening = JoinSet::new();
    for (_, client) in bench.clients.drain() {
        listening.spawn(client.all_texts());
    }

    let rounds = posts().div_ceil(CLIENTS);
    for round in 0..rounds {
        let delivery = bench.room().send(round.to_string()).await.unwrap();
        assert_eq!(delivery.sent, CLIENTS, "round {round}: {delivery:?}");
    }

    let left = bench.in_room().await;
    assert_eq!(left.len(), CLIENTS, "a live connection was removed");
    let false_gone = false_gone.load(Ordering::Relaxed);
    assert!(
        false_gone > posts() / 200,
        "{false_gone} posts were called gone"
    );
    println!(
        "{} posts, {false_gone} of them called gone, nobody removed",
        rounds * CLIENTS
    );

    bench.stop().await;
    let every_message_once: Vec<String> = (0..rounds).map(|round| round.to_string()).collect();
    while let Some(heard) = listening.join_next().await {
        assert_eq!(heard.unwrap(), every_message_once);
    }
}
