//! The bucket of a client in the store, which all processes share.

use super::rate::Rate;
use serde::{Deserialize, Serialize};

/// The limits of a scope: of its messages and its bytes, or of its handshakes.
pub(super) type Rates = [Option<Rate>; 2];

/// Returns the longest time of a block that is possible without a jump of a clock, in ms.
pub(super) fn longest_block(rates: &Rates) -> u64 {
    let waits = rates.iter().flatten().map(|rate| rate.wait(rate.burst));
    waits.max().unwrap_or(0).saturating_mul(2)
}

/// A use that is not allowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Denial {
    /// The time until the next one is allowed, in ms.
    pub(super) wait: u64,
    /// The index of its limit in the rates of the scope.
    pub(super) kind: u8,
}

/// How far the clock of another process may be ahead, in ms. A bucket of a later time counts as empty.
const SKEW: u64 = 5_000;

/// More than the rounding of levels. Without it a client at exactly its limit may be over it.
const ROUNDING: f64 = 1e-9;

/// What a client has used. It drains at the rate of the limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Bucket {
    /// The time of the levels, in ms since 1970.
    at: u64,
    levels: [f64; 2],
}

/// What a process asks the store for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Ask {
    /// The least that it needs.
    pub(super) needs: [f64; 2],
    /// What it has used and not charged yet.
    pub(super) debts: [f64; 2],
}

/// What a process may use.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Grant {
    pub(super) tokens: [f64; 2],
    /// The time until the first use, in ms. It is 0 unless messages are delayed.
    pub(super) wait: u64,
}

impl Bucket {
    /// Charges the debts, and takes at least the needs. Fails with the time until a whole grant is available, and changes
    /// nothing then.
    ///
    /// `delay` is the longest wait of a grant, in ms.
    pub(super) fn grant(
        &mut self,
        now: u64,
        rates: &Rates,
        ask: Ask,
        delay: u64,
    ) -> Result<Grant, Denial> {
        let mut next = self.drained(now, rates);
        let mut grant = Grant {
            tokens: [0.0; 2],
            wait: 0,
        };
        let mut denial: Option<Denial> = None;
        for (kind, rate) in rates.iter().enumerate() {
            let Some(rate) = rate else { continue };
            let (need, level) = (ask.needs[kind], next.levels[kind] + ask.debts[kind]);
            next.levels[kind] = level;
            if need <= 0.0 {
                continue;
            }
            let over = level + need - rate.burst - ROUNDING;
            // A message that is larger than the burst is allowed from an empty bucket, and charged completely.
            let is_over = over > 0.0 && level > 0.0;
            if is_over && over > rate.refill(delay) {
                let wait = rate.wait(over + (rate.grant - need).max(0.0));
                let kind = kind as u8;
                denial = denial
                    .filter(|other| other.wait >= wait)
                    .or(Some(Denial { wait, kind }));
                continue;
            }
            if is_over {
                grant.wait = grant.wait.max(rate.wait(over));
            }
            let tokens = rate.grant.min(rate.burst - level).max(need);
            grant.tokens[kind] = tokens;
            next.levels[kind] = level + tokens;
        }
        if let Some(denial) = denial {
            return Err(denial);
        }
        *self = next;
        Ok(grant)
    }

    /// The time until it is empty, in ms.
    pub(super) fn life(&self, rates: &Rates) -> u64 {
        let kinds = rates.iter().zip(self.levels);
        let lives = kinds.map(|(rate, level)| rate.map_or(0, |rate| rate.wait(level)));
        lives.max().unwrap_or(0)
    }

    fn drained(&self, now: u64, rates: &Rates) -> Self {
        if self.at > now + SKEW {
            // Otherwise a wrong clock would block the client until that time.
            return Self {
                at: now,
                ..Self::default()
            };
        }
        let passed = now.saturating_sub(self.at);
        let mut levels = self.levels;
        for (level, rate) in levels.iter_mut().zip(rates) {
            let drained = rate.map_or(0.0, |rate| rate.refill(passed));
            *level = (*level - drained).max(0.0);
        }
        Self {
            // Never back: what has drained once does not drain again.
            at: self.at.max(now),
            levels,
        }
    }
}
