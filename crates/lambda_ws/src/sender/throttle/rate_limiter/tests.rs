use super::*;

const SECOND: Duration = WINDOW;

fn ids(count: usize) -> Vec<ConnectionId> {
    (0..count).map(|n| n.to_string().into()).collect()
}

fn taken(rate_limiter: &RateLimiter, now: Instant) -> usize {
    (0..100_000)
        .take_while(|_| rate_limiter.try_acquire(now).is_ok())
        .count()
}

/// A process that sends to connections in virtual time.
struct World {
    rate_limiter: RateLimiter,
    now: Instant,
}

impl World {
    fn new(rate: u32) -> Self {
        let now = Instant::now();
        let rate_limiter = RateLimiter::new(rate);
        Self { rate_limiter, now }
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
    }

    /// Posts that succeed at once.
    fn sent(&self, ids: &[ConnectionId]) {
        for id in ids {
            self.rate_limiter.sent(id, self.now, false, self.now);
        }
    }

    /// Posts that succeed after a 429, 50 ms later.
    fn recovered(&mut self, ids: &[ConnectionId]) {
        let began = self.now;
        self.pass(SECOND / 20);
        for id in ids {
            self.rate_limiter.sent(id, began, true, self.now);
        }
    }

    /// Posts that are throttled at all attempts.
    fn exhausted(&self, ids: &[ConnectionId], began: Instant) -> usize {
        let slow = |id: &&ConnectionId| self.rate_limiter.exhausted(id, began, self.now);
        ids.iter().filter(slow).count()
    }

    fn rate(&self) -> f64 {
        self.rate_limiter.rate()
    }
}

#[test]
fn a_second_s_worth_leaves_at_once_and_then_so_many_a_second() {
    let rate_limiter = RateLimiter::new(100);
    let now = Instant::now();
    assert_eq!(taken(&rate_limiter, now), 100);
    let next = rate_limiter.try_acquire(now).unwrap_err();
    assert!((9..=11).contains(&(next - now).as_millis()));
    assert_eq!(taken(&rate_limiter, now + SECOND / 2), 50);
    let idle = now + SECOND * 100;
    let found = taken(&rate_limiter, idle);
    assert_eq!(found, 100, "what is not used is not kept");
}

#[test]
fn what_cannot_wait_is_waited_for_by_the_others() {
    let rate_limiter = RateLimiter::new(100);
    let now = Instant::now();
    (0..150).for_each(|_| rate_limiter.charge(now));
    assert_eq!(taken(&rate_limiter, now + SECOND / 2), 0);
    assert_eq!(taken(&rate_limiter, now + SECOND), 50);
}

#[test]
fn an_account_that_is_throttled_sends_at_half_the_rate_and_recovers() {
    let mut world = World::new(1000);
    let ids = ids(1000);
    world.sent(&ids[20..]);
    world.recovered(&ids[..19]);
    assert_eq!(world.rate(), 1000.0, "19 of 999 are less than 2 %");
    world.recovered(&ids[19..20]);
    assert_eq!(world.rate(), 500.0);
    for _ in 0..3 {
        world.pass(SECOND);
        let _ = world.rate_limiter.try_acquire(world.now);
    }
    assert_eq!(world.rate(), 620.0);
    for _ in 0..30 {
        world.pass(SECOND);
        let _ = world.rate_limiter.try_acquire(world.now);
    }
    assert_eq!(world.rate(), 1000.0);
}

#[test]
fn the_rate_never_falls_to_zero() {
    let mut world = World::new(10);
    for _ in 0..100 {
        world.recovered(&ids(5));
        world.pass(SECOND * 19 / 20);
    }
    assert_eq!(world.rate(), 1.0);
    // The result of a window applies from its end on.
    let _ = world.rate_limiter.try_acquire(world.now + SECOND);
    assert!(
        world
            .rate_limiter
            .try_acquire(world.now + SECOND * 3)
            .is_ok()
    );
}

#[test]
fn after_the_longest_throttling_90_percent_of_the_rate_is_back_within_20_s() {
    let mut world = World::new(5000);
    let ids = ids(300);
    for second in 0..20 {
        let (later, now): (Vec<_>, Vec<_>) = (0..300).partition(|n| (n + second) % 3 == 0);
        let ids_of =
            |numbers: Vec<usize>| numbers.iter().map(|n| ids[*n].clone()).collect::<Vec<_>>();
        world.sent(&ids_of(now));
        world.recovered(&ids_of(later));
        world.pass(SECOND * 19 / 20);
    }
    assert_eq!(world.rate(), 50.0);
    for _ in 0..18 {
        world.pass(SECOND);
        world.sent(&ids);
    }
    assert!(world.rate() >= 4500.0, "{}", world.rate());
}

#[test]
fn fault_h1_a_connection_throttled_at_all_attempts_while_others_are_sent_to_does_not_count() {
    let mut world = World::new(1000);
    let ids = ids(70);
    let (live, slow) = ids.split_at(20);
    for _ in 0..40 {
        let began = world.now;
        world.sent(live);
        world.pass(SECOND * 85 / 100);
        assert_eq!(world.exhausted(slow, began), slow.len());
        world.sent(live);
        world.pass(SECOND / 8);
    }
    assert_eq!(world.rate(), 1000.0);
}

#[test]
fn fault_h1_one_broadcast_halves_the_rate_once() {
    let mut world = World::new(5000);
    let ids = ids(5000);
    let began = world.now;
    world.sent(&ids[1500..]);
    // The retries of a broadcast succeed over more than a second.
    for part in ids[..1500].chunks(100) {
        world.pass(SECOND / 10);
        for id in part {
            world.rate_limiter.sent(id, began, true, world.now);
        }
    }
    assert!(
        (2500.0..=3000.0).contains(&world.rate()),
        "{}",
        world.rate()
    );
}

#[test]
fn fault_h1_each_connection_has_the_same_weight() {
    let mut world = World::new(1000);
    let ids = ids(1000);
    world.sent(&ids);
    for _ in 0..100 {
        world.recovered(&ids[..4]);
    }
    assert_eq!(world.rate(), 1000.0);
}

#[test]
fn fault_h1_clients_that_read_slowly_halve_the_rate_at_most_once() {
    let mut world = World::new(1000);
    let ids = ids(70);
    let (live, trickle) = ids.split_at(20);
    for message in 0..160 {
        world.sent(live);
        // Each accepts every second message at once.
        let (now, later) = trickle.split_at(25 * (message % 2));
        let (later, now) = (&later[..25], now);
        world.sent(now);
        world.recovered(later);
        world.pass(SECOND / 16);
    }
    assert_eq!(world.rate(), 1000.0, "after 16 s it is back");
}

#[test]
fn a_small_room_whose_members_are_all_throttled_now_and_then_keeps_the_rate_low() {
    let mut world = World::new(1000);
    let ids = ids(20);
    for message in 0..240 {
        let throttled =
            |id: &ConnectionId| (id.as_str().parse::<usize>().unwrap() + message) % 3 == 0;
        let (later, now): (Vec<_>, Vec<_>) = ids.iter().cloned().partition(throttled);
        world.sent(&now);
        world.recovered(&later);
        world.pass(SECOND * 3 / 40);
        let second = message / 8;
        assert!(
            second < 2 || world.rate() <= 500.0,
            "{} in second {second}",
            world.rate()
        );
    }
    assert!(world.rate() <= 200.0, "{}", world.rate());
}

#[test]
fn without_a_success_the_account_is_throttled() {
    let mut world = World::new(1000);
    let ids = ids(20);
    world.sent(&ids);
    world.pass(SECOND);
    let began = world.now;
    world.pass(SECOND * 85 / 100);
    assert_eq!(world.exhausted(&ids, began), 0, "none is slow");
    assert_eq!(world.rate(), 500.0);
}

#[test]
fn while_the_account_is_throttled_no_connection_is_found_slow() {
    let mut world = World::new(1000);
    let ids = ids(50);
    let began = world.now;
    world.sent(&ids[20..]);
    world.recovered(&ids[10..20]);
    assert_eq!(world.rate(), 500.0);
    world.pass(SECOND * 85 / 100);
    assert_eq!(world.exhausted(&ids[..10], began), 0);
}

#[test]
fn one_probe_decides_for_all_that_wait() {
    let world = World::new(1000);
    let (began, now) = (world.now, world.now + SECOND / 4);
    assert!(world.rate_limiter.needs_probe(began, now));
    assert!(!world.rate_limiter.needs_probe(began, now));
    assert!(world.rate_limiter.needs_probe(began, now + SECOND / 5));
    world.rate_limiter.answered(now);
    assert!(!world.rate_limiter.needs_probe(began, now + SECOND));
}

#[test]
fn a_share_starts_at_the_present_rate_and_returns_to_its_full_rate() {
    let world = World::new(1);
    let (rate_limiter, now) = (RateLimiter::new(250).starting_at(12), world.now);
    assert_eq!(
        taken(&rate_limiter, now),
        0,
        "the process before has used this second"
    );
    assert_eq!(taken(&rate_limiter, now + SECOND / 4), 3);
    let _ = rate_limiter.try_acquire(now + SECOND * 20);
    assert_eq!(rate_limiter.rate(), 250.0);
}

#[test]
fn a_freeze_of_hours_brings_neither_a_burst_nor_a_debt() {
    let (rate_limiter, start) = (RateLimiter::new(100), Instant::now());
    (0..150).for_each(|_| rate_limiter.charge(start));
    let later = start + Duration::from_secs(6 * 60 * 60);
    let taken = (0..10_000).take_while(|_| rate_limiter.try_acquire(later).is_ok());
    assert_eq!(taken.count(), 100, "as many as in a second");
    // A clock that stands still, or that is set back by a restore, gives no token and takes none.
    assert!(rate_limiter.try_acquire(later).is_err());
    assert!(rate_limiter.try_acquire(start).is_err());
    let wait = rate_limiter.try_acquire(start).unwrap_err() - start;
    assert!(wait <= Duration::from_millis(11), "{wait:?}");
}

#[test]
fn a_shared_rate_follows_at_once_and_a_throttled_one_slowly() {
    let mut world = World::new(1000);
    world.rate_limiter.share(0.25, world.now);
    assert_eq!(world.rate(), 250.0);
    assert_eq!(taken(&world.rate_limiter, world.now), 250);
    world.pass(SECOND);
    assert_eq!(taken(&world.rate_limiter, world.now), 250);
    world.rate_limiter.share(0.5, world.now);
    assert_eq!((world.rate(), world.rate_limiter.full()), (500.0, 1000.0));

    // The account is throttled: 500 / 2. Another broadcast ends, and the rate recovers as without it.
    let ids = ids(20);
    world.recovered(&ids);
    world.pass(SECOND);
    world.sent(&ids);
    assert_eq!(world.rate(), 250.0);
    world.rate_limiter.share(1.0, world.now);
    assert_eq!(world.rate(), 250.0);
    for _ in 0..30 {
        world.pass(SECOND);
        world.sent(&ids);
    }
    assert_eq!(world.rate(), 1000.0);
}
