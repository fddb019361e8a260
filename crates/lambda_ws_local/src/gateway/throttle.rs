//! How fast clients and functions may be (conformance B12, E6, G6, G11, H).

#[cfg(test)]
mod tests;

use crate::lock::lock;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::time::Instant;

/// A rate, as API Gateway counts it: a bucket that holds `burst` requests and gets `per_second` new ones
/// a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Requests a second, in the long run.
    pub per_second: f64,
    /// Requests at once.
    pub burst: f64,
}

impl Rate {
    /// What an account may do with all its APIs (conformance H; a few Regions have less).
    pub const ACCOUNT: Self = Self::new(10_000.0, 5_000.0);
    /// How many connections an account may open (conformance H; the burst is assumed).
    pub const CONNECTIONS: Self = Self::new(500.0, 500.0);

    /// So many requests a second, and so many at once.
    pub const fn new(per_second: f64, burst: f64) -> Self {
        Self { per_second, burst }
    }
}

/// The limits of one stage of one API; the default has none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RateLimits {
    /// Handshakes, messages and calls of the management API, all together (conformance G11).
    pub account: Option<Rate>,
    /// Handshakes (conformance B12).
    pub connections: Option<Rate>,
    /// Each route that is not in `routes`: the stage's `DefaultRouteSettings`.
    pub default_route: Option<Rate>,
    /// Routes by their keys: the stage's `RouteSettings`.
    pub routes: HashMap<String, Rate>,
}

impl RateLimits {
    /// Those of an account, and none of routes.
    pub fn account() -> Self {
        Self {
            account: Some(Rate::ACCOUNT),
            connections: Some(Rate::CONNECTIONS),
            ..Self::default()
        }
    }
}

/// A handle to the limits of a gateway: they can be set while it runs. The default has none, which costs
/// nothing; clones are the same handle.
#[derive(Clone, Default)]
pub struct Throttle(Arc<Limiter>);

#[derive(Default)]
struct Limiter {
    /// Whether there are limits at all.
    on: AtomicBool,
    buckets: Mutex<Buckets>,
}

impl Throttle {
    /// A handle to these limits.
    pub fn new(limits: RateLimits) -> Self {
        let throttle = Self::default();
        throttle.set(Some(limits));
        throttle
    }

    /// Replaces the limits; what was used of the old ones is forgotten. `None` lifts them.
    pub fn set(&self, limits: Option<RateLimits>) {
        let mut buckets = lock(&self.0.buckets);
        self.0.on.store(limits.is_some(), Ordering::Relaxed);
        *buckets = Buckets::new(limits.unwrap_or_default());
    }

    /// The limits; `None` if there are none.
    pub fn limits(&self) -> Option<RateLimits> {
        let on = self.0.on.load(Ordering::Relaxed);
        on.then(|| lock(&self.0.buckets).limits.clone())
    }

    /// Whether a client may open a connection now; if so, it counts.
    pub(super) fn connection(&self) -> bool {
        self.take(true, Some("$connect"))
    }

    /// Whether a message of this route may pass now; if so, it counts.
    pub(super) fn message(&self, route: &str) -> bool {
        self.take(false, Some(route))
    }

    /// Whether the management API may be called now; if so, it counts.
    pub(super) fn call(&self) -> bool {
        self.take(false, None)
    }

    fn take(&self, connection: bool, route: Option<&str>) -> bool {
        !self.0.on.load(Ordering::Relaxed)
            || lock(&self.0.buckets).take(connection, route, Instant::now())
    }
}

#[derive(Default)]
struct Buckets {
    limits: RateLimits,
    account: Option<Bucket>,
    connections: Option<Bucket>,
    /// Made when a route is first used; its keys are routes of the API, never what a client says.
    routes: HashMap<String, Bucket>,
}

impl Buckets {
    fn new(limits: RateLimits) -> Self {
        let now = Instant::now();
        Self {
            account: limits.account.map(|rate| Bucket::full(rate, now)),
            connections: limits.connections.map(|rate| Bucket::full(rate, now)),
            routes: HashMap::new(),
            limits,
        }
    }

    /// Takes one of each bucket concerned, or of none.
    fn take(&mut self, connection: bool, route: Option<&str>, now: Instant) -> bool {
        let mut concerned: [Option<&mut Bucket>; 3] = [
            self.account.as_mut(),
            self.connections.as_mut().filter(|_| connection),
            None,
        ];
        if let Some(key) = route {
            let rate = self.limits.routes.get(key).copied();
            if let Some(rate) = rate.or(self.limits.default_route) {
                if !self.routes.contains_key(key) {
                    self.routes.insert(key.to_owned(), Bucket::full(rate, now));
                }
                concerned[2] = self.routes.get_mut(key);
            }
        }
        let all = concerned.iter_mut().flatten().all(|one| one.has(now));
        if all {
            let each = concerned.into_iter().flatten();
            each.for_each(|bucket| bucket.left -= 1.0);
        }
        all
    }
}

/// What may be used of a rate.
struct Bucket {
    rate: Rate,
    left: f64,
    filled: Instant,
}

impl Bucket {
    fn full(rate: Rate, now: Instant) -> Self {
        Self {
            rate,
            left: rate.burst,
            filled: now,
        }
    }

    /// Whether one is left.
    fn has(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.filled).as_secs_f64();
        let filled = self.left + elapsed * self.rate.per_second;
        self.left = filled.min(self.rate.burst);
        self.filled = self.filled.max(now);
        self.left >= 1.0
    }
}
