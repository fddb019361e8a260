//! The recipients that a broadcast saves while it runs.

use super::super::broadcast::{Broadcast, Checkpoint, RunOptions};
use super::*;
use crate::error::BoxError;

/// Stores what it saves and the recipients that were reached by then. Fails at the last of `most` times.
struct Memo {
    script: Script,
    saved: Mutex<Vec<(Remaining, HashSet<ConnectionId>)>>,
    most: usize,
}

impl Memo {
    fn new(bench: &Bench, most: usize) -> Self {
        Self {
            script: bench.script.clone(),
            saved: Mutex::default(),
            most,
        }
    }
}

impl Checkpoint for Memo {
    fn save(&self, rest: Remaining) -> BoxFuture<'_, Result<(), BoxError>> {
        let mut saved = self.saved.lock().unwrap();
        let log = self.script.0.lock().unwrap();
        let reached = log.sent.iter().cloned();
        saved.push((rest, reached.collect()));
        let outcome = match saved.len() < self.most {
            true => Ok(()),
            false => Err("somebody else does it".into()),
        };
        Box::pin(std::future::ready(outcome))
    }
}

#[tokio::test(start_paused = true)]
async fn the_saved_recipients_and_those_reached_before_are_all_recipients() {
    let bench = Bench::with(|inner| inner.rate_limiter = Arc::new(RateLimiter::new(1000)));
    let ids = crowd(&bench, 6000).await;
    bench.script.0.lock().unwrap().latency = Duration::from_millis(20);
    let checkpoint = Memo::new(&bench, 100);
    let options = RunOptions {
        checkpoint: Some(&checkpoint),
        ..RunOptions::default()
    };
    let broadcast = Broadcast::new(&bench.sender, everybody_in_tea());
    broadcast.run(options).await.unwrap();
    let saved = std::mem::take(&mut *checkpoint.saved.lock().unwrap());
    assert!(saved.len() >= 4, "{}", saved.len());
    for (rest, reached) in saved {
        assert!(rest.ids.len() < 1100, "{}", rest.ids.len());
        let again = Bench::new();
        crowd(&again, 6000).await;
        again.sender.resume(rest).await.unwrap();
        let mut all: Vec<_> = posts(&again).into_iter().chain(reached).collect();
        all.sort();
        assert_eq!(all, ids, "everybody once");
    }
}

#[tokio::test(start_paused = true)]
async fn a_broadcast_that_cannot_save_ends() {
    let bench = Bench::with(|inner| inner.rate_limiter = Arc::new(RateLimiter::new(100)));
    crowd(&bench, 3000).await;
    let checkpoint = Memo::new(&bench, 3);
    let options = RunOptions {
        checkpoint: Some(&checkpoint),
        ..RunOptions::default()
    };
    let broadcast = Broadcast::new(&bench.sender, everybody_in_tea());
    let error = broadcast.run(options).await.unwrap_err();
    assert!(matches!(error, SendError::Unavailable(_)), "{error}");
    assert!(bench.script.posts() < 600, "{}", bench.script.posts());
}
