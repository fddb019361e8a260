//! The rate limits of clients and functions (conformance B12, E6, G6, G11, H).

#[cfg(test)]
mod tests;

use crate::lock::lock;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::time::Instant;

/// A rate limit of API Gateway: a bucket with `burst` tokens that gets `per_second` new ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// The long-term rate, in requests per second.
    pub per_second: f64,
    /// The maximum number of requests at once.
    pub burst: f64,
}

impl Rate {
    /// The quota of an account for all its APIs (conformance H; lower in a few Regions).
    pub const ACCOUNT: Self = Self::new(10_000.0, 5_000.0);
    /// The quota of new connections of an account (conformance H; the burst is assumed).
    pub const CONNECTIONS: Self = Self::new(500.0, 500.0);

    /// Returns a limit of this rate and burst.
    pub const fn new(per_second: f64, burst: f64) -> Self {
        Self { per_second, burst }
    }
}

/// The limits of one stage of one API; none by default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RateLimits {
    /// The limit of handshakes, messages and calls of the management API together (conformance G11).
    pub account: Option<Rate>,
    /// The limit of handshakes (conformance B12).
    pub connections: Option<Rate>,
    /// The limit of each route that is not in `routes`: the stage's `DefaultRouteSettings`.
    pub default_route: Option<Rate>,
    /// The limits of routes by their keys: the stage's `RouteSettings`.
    pub routes: HashMap<String, Rate>,
}

impl RateLimits {
    /// Returns the limits of an account, without those of routes.
    pub fn account() -> Self {
        Self {
            account: Some(Rate::ACCOUNT),
            connections: Some(Rate::CONNECTIONS),
            ..Self::default()
        }
    }
}

/// A handle to the limits of a gateway, which can be changed while it runs. Without limits, the default, it costs
/// nothing. Clones share the limits.
#[derive(Clone, Default)]
pub struct Throttle(Arc<Limiter>);

#[derive(Default)]
struct Limiter {
    on: AtomicBool,
    buckets: Mutex<Buckets>,
}

impl Throttle {
    /// Returns a handle to these limits.
    pub fn new(limits: RateLimits) -> Self {
        let throttle = Self::default();
        throttle.set(Some(limits));
        throttle
    }

    /// Replaces the limits and resets their buckets. `None` removes them.
    pub fn set(&self, limits: Option<RateLimits>) {
        let mut buckets = lock(&self.0.buckets);
        self.0.on.store(limits.is_some(), Ordering::Relaxed);
        *buckets = Buckets::new(limits.unwrap_or_default());
    }

    /// Returns the limits, or `None`.
    pub fn limits(&self) -> Option<RateLimits> {
        let on = self.0.on.load(Ordering::Relaxed);
        on.then(|| lock(&self.0.buckets).limits.clone())
    }

    /// Takes a token for a new connection. Returns false if there is none.
    pub(super) fn connection(&self) -> bool {
        self.take(true, Some("$connect"))
    }

    /// Takes a token for a message of this route. Returns false if there is none.
    pub(super) fn message(&self, route: &str) -> bool {
        self.take(false, Some(route))
    }

    /// Takes a token for a call of the management API. Returns false if there is none.
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
    /// Created at the first use of a route. The keys are routes of the API, never values of clients.
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

    /// Takes one token of each bucket involved, or no token.
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

    fn has(&mut self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.filled).as_secs_f64();
        let filled = self.left + elapsed * self.rate.per_second;
        self.left = filled.min(self.rate.burst);
        self.filled = self.filled.max(now);
        self.left >= 1.0
    }
}
