//! What a process knows of a client.

use super::bucket::{Ask, Denial, Grant, Rates};

/// The pause between two warnings about a client, in ms.
const WARNING: u64 = 60_000;

/// The pause between two error frames to a client, in ms.
const ANSWER: u64 = 1_000;

/// The pause between two closes of a connection, in ms: the first may have failed.
const CLOSE: u64 = 10_000;

/// The pause after a search for ended connections of a user that found too few, in ms.
const SEARCH: u64 = 60_000;

/// A connection, user or address, as a process knows it. All times are in ms since 1970.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Client {
    /// The hash of its name; 0 for an empty place.
    pub(super) key: u64,
    /// The time of its last use.
    pub(super) at: u64,
    usage: [Usage; 2],
    blocked_until: u64,
    /// The index of the limit that blocks it.
    blocked_by: u8,
    /// The store did not answer: until then the process gives no further grant of its own.
    alone_until: u64,
    /// The user of a connection, once it is known.
    pub(super) user: Option<User>,
    warned: u64,
    answered: u64,
    closed: u64,
    /// The time of the last search for ended connections that found too few.
    pub(super) searched: u64,
}

/// The user of a connection, as a hash; `None` without one.
pub(super) type User = Option<u64>;

/// The use of messages, or of bytes, in this process.
#[derive(Debug, Clone, Copy, Default)]
struct Usage {
    /// The use without a request to the store. It drains at a tenth of the rate.
    free: f64,
    /// The part of it that is not charged in the store.
    debt: f64,
    /// What is left of the grant.
    grant: f64,
}

/// A use that the store decides about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Asked {
    pub(super) ask: Ask,
    costs: [f64; 2],
    /// The rest of the last grant.
    held: [f64; 2],
}

/// The decision of a process about a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Decision {
    Allow,
    /// The store decides.
    Ask(Asked),
    Deny(Denial),
}

impl Client {
    pub(super) fn new(key: u64, now: u64) -> Self {
        Self {
            key,
            at: now,
            ..Self::default()
        }
    }

    /// Decides about a use of `costs`. `longest` is the longest time of a block.
    pub(super) fn decide(
        &mut self,
        now: u64,
        rates: &Rates,
        costs: [f64; 2],
        longest: u64,
    ) -> Decision {
        self.drain(now, rates, longest);
        if now < self.blocked_until {
            self.hold(rates);
            return self.deny(self.blocked_until - now);
        }
        let mut next = self.usage;
        for kind in 0..2 {
            let (Some(rate), cost) = (rates[kind], costs[kind]) else {
                continue;
            };
            let usage = &mut next[kind];
            if usage.grant > 0.0 && cost <= usage.grant {
                usage.grant -= cost;
                usage.free = rate.free;
            } else if usage.free + cost <= rate.free {
                usage.free += cost;
                usage.debt += cost;
            } else if now < self.alone_until {
                self.hold(rates);
                self.blocked_by = kind as u8;
                return self.deny(self.alone_until - now);
            } else {
                return Decision::Ask(self.ask(costs));
            }
        }
        self.usage = next;
        Decision::Allow
    }

    fn deny(&self, wait: u64) -> Decision {
        let kind = self.blocked_by;
        Decision::Deny(Denial { wait, kind })
    }

    /// Takes out what the answer brings back: another event beside this one must not use or charge it too.
    fn ask(&mut self, costs: [f64; 2]) -> Asked {
        let mut asked = Asked {
            ask: Ask::default(),
            costs,
            held: [0.0; 2],
        };
        for (kind, usage) in self.usage.iter_mut().enumerate() {
            asked.held[kind] = std::mem::take(&mut usage.grant);
            asked.ask.debts[kind] = std::mem::take(&mut usage.debt);
            asked.ask.needs[kind] = costs[kind] - asked.held[kind];
        }
        asked
    }

    /// The store has given a grant.
    pub(super) fn granted(&mut self, rates: &Rates, asked: Asked, grant: Grant) {
        for (kind, usage) in self.usage.iter_mut().enumerate() {
            let rest = asked.held[kind] + grant.tokens[kind] - asked.costs[kind];
            usage.grant += rest.max(0.0);
        }
        self.hold(rates);
    }

    /// The store has given nothing.
    pub(super) fn denied(&mut self, now: u64, rates: &Rates, asked: Asked, denial: Denial) {
        self.give_back(asked);
        self.blocked_until = now + denial.wait;
        self.blocked_by = denial.kind;
        self.hold(rates);
    }

    /// The store did not answer. The process gives a grant of its own, as many per time as the limit allows.
    pub(super) fn unanswered(&mut self, now: u64, rates: &Rates, asked: Asked) {
        self.give_back(asked);
        let mut pause = 1;
        for (kind, rate) in rates.iter().enumerate() {
            let (Some(rate), cost) = (rate, asked.costs[kind]) else {
                continue;
            };
            let tokens = rate.grant.max(cost);
            self.usage[kind].grant = tokens - cost;
            pause = pause.max(rate.wait(tokens));
        }
        self.alone_until = now + pause;
        self.hold(rates);
    }

    fn give_back(&mut self, asked: Asked) {
        for (kind, usage) in self.usage.iter_mut().enumerate() {
            usage.debt += asked.ask.debts[kind];
            usage.grant += asked.held[kind];
        }
    }

    fn drain(&mut self, now: u64, rates: &Rates, longest: u64) {
        // A clock that was set back gives nothing, and blocks nobody for longer than a block lasts.
        let passed = now.saturating_sub(self.at);
        self.at = now;
        for until in [&mut self.blocked_until, &mut self.alone_until] {
            if *until > now + longest {
                *until = 0;
            }
        }
        for (usage, rate) in self.usage.iter_mut().zip(rates) {
            let forgiven = rate.map_or(0.0, |rate| rate.forgiven(passed));
            usage.free = (usage.free - forgiven).max(0.0);
            // As it had drained in the store.
            let drained = rate.map_or(0.0, |rate| rate.refill(passed));
            usage.debt = (usage.debt - drained).max(0.0);
        }
    }

    /// A client that the store decides about has no use without it.
    fn hold(&mut self, rates: &Rates) {
        for (usage, rate) in self.usage.iter_mut().zip(rates) {
            usage.free = rate.map_or(0.0, |rate| rate.free);
        }
    }

    /// Returns whether a warning about it is due, and counts it as written.
    pub(super) fn warns(&mut self, now: u64) -> bool {
        is_due(&mut self.warned, now, WARNING)
    }

    /// Returns whether it may get an error frame, and counts it as sent.
    pub(super) fn answers(&mut self, now: u64) -> bool {
        is_due(&mut self.answered, now, ANSWER)
    }

    /// Returns whether its connection must be closed, and counts it as closed.
    pub(super) fn closes(&mut self, now: u64) -> bool {
        is_due(&mut self.closed, now, CLOSE)
    }

    /// Returns whether its ended connections may be searched.
    pub(super) fn may_search(&self, now: u64) -> bool {
        now.abs_diff(self.searched) >= SEARCH
    }
}

fn is_due(last: &mut u64, now: u64, pause: u64) -> bool {
    // Also if the clock was set back.
    let is_due = now.abs_diff(*last) >= pause;
    if is_due {
        *last = now;
    }
    is_due
}
