//! Tests of requests that wait for a permit.

use crate::error::BoxError;
use crate::transport::lean::request_limit::{Permit, RequestLimit};
use futures_util::FutureExt;
use std::pin::Pin;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, advance};

type Acquire<'a> = Pin<Box<dyn Future<Output = Result<Permit<'a>, BoxError>> + 'a>>;

const SECOND: Duration = Duration::from_secs(1);

/// Starts to wait for a permit, for 3 s.
fn wait(limit: &RequestLimit) -> Acquire<'_> {
    let mut wait: Acquire<'_> = Box::pin(limit.acquire(Instant::now() + 3 * SECOND));
    assert!((&mut wait).now_or_never().is_none());
    wait
}

fn hold(limit: &RequestLimit) -> Permit<'_> {
    limit.try_acquire(Instant::now()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn permits_are_limited_and_returned() {
    let limit = RequestLimit::new(2);
    let (one, two) = (hold(&limit), hold(&limit));
    assert!(limit.try_acquire(Instant::now()).is_none());
    drop(one);
    let one = limit.acquire(Instant::now()).await.unwrap();
    assert!(limit.try_acquire(Instant::now()).is_none());
    drop((one, two));
    let _both = (hold(&limit), hold(&limit));
}

#[tokio::test(start_paused = true)]
async fn requests_get_permits_in_order() {
    let limit = RequestLimit::new(1);
    let mut held = hold(&limit);
    let mut waits: Vec<_> = (0..5).map(|_| wait(&limit)).collect();
    while !waits.is_empty() {
        drop(held);
        // A new request does not overtake the waiting ones.
        assert!(limit.try_acquire(Instant::now()).is_none());
        for later in &mut waits[1..] {
            assert!(later.now_or_never().is_none());
        }
        held = waits.remove(0).now_or_never().unwrap().unwrap();
    }
    drop(held);
    hold(&limit);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_request_keeps_no_permit_from_the_others() {
    let limit = RequestLimit::new(1);
    let held = hold(&limit);
    let (first, second, mut third) = (wait(&limit), wait(&limit), wait(&limit));
    drop(second);
    drop(held);
    assert!((&mut third).now_or_never().is_none());
    // The first one has got the permit, but was not polled since.
    drop(first);
    drop(third.now_or_never().unwrap().unwrap());
    hold(&limit);
}

#[tokio::test(start_paused = true)]
async fn each_wait_ends_at_its_deadline() {
    let limit = RequestLimit::new(1);
    let held = hold(&limit);
    let started = Instant::now();
    // The first one is not polled.
    let _idle = wait(&limit);
    let mut waits = Vec::new();
    for _ in 0..3 {
        waits.push(wait(&limit));
        advance(SECOND / 2).await;
    }
    for (wait, delay) in waits.into_iter().zip([3000, 3500, 4000]) {
        let error = wait.await.unwrap_err().to_string();
        assert_eq!(error, "the host has no free connection in time");
        let elapsed = started.elapsed().as_millis();
        assert!((delay..delay + 5).contains(&elapsed), "{elapsed} ms");
    }
    drop(held);
    hold(&limit);
}

#[tokio::test(start_paused = true)]
async fn the_deadlines_are_checked_again_after_a_quiet_time() {
    let limit = RequestLimit::new(1);
    for _ in 0..3 {
        let held = hold(&limit);
        let started = Instant::now();
        assert!(wait(&limit).await.is_err());
        assert!(started.elapsed() >= 3 * SECOND);
        drop(held);
        advance(10 * SECOND).await;
    }
}

#[test]
fn a_wait_ends_although_the_runtime_of_another_one_has_ended() {
    let runtime = || -> Runtime {
        let mut builder = Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    let limit = RequestLimit::new(1);
    let (first, second) = (runtime(), runtime());
    let held = first.block_on(async { hold(&limit) });
    let begun = {
        let _context = first.enter();
        wait(&limit)
    };
    let mut other = {
        let _context = second.enter();
        wait(&limit)
    };
    drop(first);
    assert!(second.block_on(&mut other).is_err());
    assert!(begun.now_or_never().unwrap().is_err());
    drop(held);
    hold(&limit);
}
