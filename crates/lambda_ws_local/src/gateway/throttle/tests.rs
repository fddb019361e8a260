use super::*;
use std::time::Duration;
use tokio::time::advance;

/// How many are let pass before the first one is not.
fn passing(pass: impl Fn() -> bool) -> usize {
    (0..10_000).take_while(|_| pass()).count()
}

fn limits(change: impl FnOnce(&mut RateLimits)) -> Throttle {
    let mut limits = RateLimits::default();
    change(&mut limits);
    Throttle::new(limits)
}

#[tokio::test(start_paused = true)]
async fn a_burst_passes_and_then_as_many_as_the_rate_says() {
    let throttle = limits(|limits| limits.account = Some(Rate::new(10.0, 3.0)));
    assert_eq!(passing(|| throttle.call()), 3);
    advance(Duration::from_millis(99)).await;
    assert_eq!(passing(|| throttle.call()), 0);
    advance(Duration::from_millis(1)).await;
    assert_eq!(passing(|| throttle.call()), 1);
    advance(Duration::from_secs(3600)).await;
    assert_eq!(passing(|| throttle.call()), 3);
}

#[tokio::test(start_paused = true)]
async fn g11_handshakes_messages_and_calls_share_the_account_s_rate() {
    let throttle = limits(|limits| limits.account = Some(Rate::new(1.0, 3.0)));
    assert!(throttle.connection() && throttle.message("say") && throttle.call());
    assert!(!throttle.connection() && !throttle.message("say") && !throttle.call());
}

#[tokio::test(start_paused = true)]
async fn h_an_account_opens_500_connections_a_second_and_passes_5000_requests_at_once() {
    let throttle = Throttle::new(RateLimits::account());
    assert_eq!(passing(|| throttle.connection()), 500);
    assert_eq!(passing(|| throttle.message("say")), 4500);
    advance(Duration::from_secs(1)).await;
    assert_eq!(passing(|| throttle.connection()), 500);
}

#[tokio::test(start_paused = true)]
async fn h_a_route_has_its_own_rate_or_the_stage_s_for_itself() {
    let throttle = limits(|limits| {
        limits.default_route = Some(Rate::new(1.0, 2.0));
        limits.routes.insert("say".to_owned(), Rate::new(1.0, 4.0));
    });
    for (route, burst) in [("say", 4), ("join", 2), ("$default", 2)] {
        assert_eq!(passing(|| throttle.message(route)), burst, "{route}");
    }
    assert_eq!(passing(|| throttle.connection()), 2);
    assert_eq!(passing(|| throttle.call()), 10_000);
}

#[tokio::test(start_paused = true)]
async fn what_one_limit_refuses_costs_nothing_of_another() {
    let throttle = limits(|limits| {
        limits.account = Some(Rate::new(1.0, 10.0));
        limits.routes.insert("say".to_owned(), Rate::new(1.0, 0.0));
    });
    assert_eq!(passing(|| throttle.message("say")), 0);
    assert!(!throttle.message("say"));
    assert_eq!(passing(|| throttle.message("join")), 10);
}

#[tokio::test(start_paused = true)]
async fn limits_are_set_and_lifted_while_all_runs() {
    let throttle = Throttle::default();
    let other = throttle.clone();
    assert_eq!(passing(|| throttle.call()), 10_000);
    let account = Some(Rate::new(1.0, 2.0));
    let two = RateLimits {
        account,
        ..RateLimits::default()
    };
    other.set(Some(two.clone()));
    assert_eq!(passing(|| throttle.call()), 2);
    other.set(Some(two));
    assert_eq!(passing(|| throttle.call()), 2);
    other.set(None);
    assert_eq!(passing(|| throttle.call()), 10_000);
}
