//! The send rate that concurrent broadcasts share.

use super::backend::Backend;
use crate::random;
use crate::sender::Sender;
use crate::store::{DynStore, Entries, StoreError, value_expiry};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

/// The namespace of the registrations. No value of an application can have it.
const NAMESPACE: &str = "rate";

/// How often a task reads the registrations, which costs a read unit.
const INTERVAL: Duration = Duration::from_secs(2);

/// How long a registration lasts, and the age at which it is renewed. The registration of a killed task expires.
const DURATION: Duration = Duration::from_secs(30);
const RENEWAL: Duration = Duration::from_secs(20);

/// The minimum share of the full rate. With `n` broadcasts at once, and more than four, the sum of their rates is `n / 4`
/// times the full rate, and 429s limit it. With smaller shares none of them would end before its chain of tasks.
const LEAST: f64 = 0.25;

/// The longest delay of a task that registers.
const PATIENCE: Duration = Duration::from_secs(1);

/// The maximum number of registrations that are read.
const MOST: usize = 1_000;

/// A registered chain of tasks.
#[derive(Debug, Serialize, Deserialize)]
struct Registration {
    /// Its share of the full rate without other broadcasts.
    rate: u32,
}

/// The registration of a chain of tasks. Each running chain of each broadcast has one, so all of them know the sum of
/// their rates. A broadcast that ends within its event has none.
pub(super) struct RateShare<'a> {
    store: &'a dyn DynStore,
    backend: &'a Backend,
    /// The id of the first task of the chain.
    chain: String,
    rate: u32,
    /// The full rate that all broadcasts share.
    total: u32,
}

impl<'a> RateShare<'a> {
    /// Creates the registration of a task's chain, which sends at `rate` of `total` messages per second when it is
    /// alone.
    pub(super) fn new(backend: &'a Backend, task: &str, rate: u32, total: u32) -> Self {
        Self {
            store: &*backend.store,
            backend,
            chain: task.trim_end_matches('+').to_owned(),
            rate,
            total,
        }
    }

    /// Runs a task of the chain. Its rate follows the number of broadcasts.
    pub(super) async fn during<T>(&self, sender: &Sender, work: impl Future<Output = T>) -> T {
        let mut registered = None;
        let begin = async {
            registered = self.register().await;
            self.adjust(sender).await;
        };
        if timeout(PATIENCE, begin).await.is_err() {
            warn!("the table does not answer; a broadcast begins before it knows the others");
        }
        tokio::select! {
            biased;
            done = work => done,
            () = self.follow(sender, registered) => unreachable!("the loop does not end"),
        }
    }

    /// Keeps the registration of this time, and adjusts the rate to the other broadcasts.
    async fn follow(&self, sender: &Sender, mut registered: Option<Instant>) {
        loop {
            // Tasks that begin together do not read together.
            sleep(INTERVAL.mul_f64(0.75 + 0.5 * random::rng().f64())).await;
            if registered.is_none_or(|at| at.elapsed() >= RENEWAL) {
                registered = self.register().await;
            }
            self.adjust(sender).await;
        }
    }

    /// Removes the registration after the last task of the chain.
    pub(super) async fn end(&self) {
        let now = self.backend.clock().now();
        let removed = self.store.delete_value(NAMESPACE, &self.chain, now).await;
        if let Err(error) = removed {
            let error = &error as &dyn std::error::Error;
            warn!(
                error,
                "the end of a broadcast could not be recorded; others are slower for up to {DURATION:?}"
            );
        }
    }

    /// Writes the registration. Returns the time, or `None` after an error.
    async fn register(&self) -> Option<Instant> {
        let began = Instant::now();
        let registration = Registration { rate: self.rate };
        let value = serde_json::to_string(&registration).expect("a number is always JSON");
        let expires = Some(value_expiry(self.backend.clock().now(), DURATION));
        let written = self
            .store
            .write_value(NAMESPACE, &self.chain, &value, expires);
        if let Err(error) = written.await {
            let error = &error as &dyn std::error::Error;
            warn!(
                error,
                "a broadcast could not be registered; others may send at the full rate beside it"
            );
            return None;
        }
        Some(began)
    }

    async fn adjust(&self, sender: &Sender) {
        match self.others().await {
            Ok(others) => {
                let sum = f64::from(self.rate) + others;
                sender.share_rate((f64::from(self.total) / sum).max(LEAST));
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                warn!(
                    error,
                    "the other broadcasts could not be read; the rate of this one stays"
                );
            }
        }
    }

    /// Returns the sum of the rates of the other chains.
    async fn others(&self) -> Result<f64, StoreError> {
        let now = self.backend.clock().now();
        let page = self.store.value_entries(NAMESPACE, "", None, MOST, now);
        let Entries { entries, .. } = page.await?;
        let others = entries.iter().filter(|(chain, _)| *chain != self.chain);
        // A later version of the program may write another format.
        let rates = others.filter_map(|(_, value)| {
            let other: Registration = serde_json::from_str(&value.value).ok()?;
            Some(f64::from(other.rate))
        });
        Ok(rates.sum())
    }
}
