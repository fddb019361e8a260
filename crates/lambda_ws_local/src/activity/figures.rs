//! Rates and durations of all activity, also of entries that are not shown.

use super::{Operation, OperationKind};
use lambda_ws_protocol::Timestamp;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

/// The number of seconds with figures.
const SECONDS: usize = 300;

/// The number of seconds in the figures by route.
const WINDOW: u64 = 60;

/// Eight buckets per octave of microseconds, up to many hours.
const BUCKETS: usize = 8 * 36;

#[derive(Default)]
pub(super) struct Figures {
    connections: u64,
    /// The current second.
    second: u64,
    now: Second,
    past: VecDeque<Value>,
    /// The figures by route, for the seconds of the window.
    routes: VecDeque<(u64, HashMap<String, Tally>)>,
}

#[derive(Default)]
struct Second {
    received: u64,
    posted: u64,
    errors: u64,
    opened: u64,
    closed: u64,
    all: Tally,
    routes: HashMap<String, Tally>,
}

/// The count and the durations of one kind.
#[derive(Default, Clone)]
struct Tally {
    count: u64,
    errors: u64,
    /// Empty without durations.
    durations: Vec<u32>,
}

impl Figures {
    pub(super) fn operation(&mut self, now: Timestamp, operation: &Operation<'_>) {
        self.roll(now.secs());
        let good = operation.outcome.is_good();
        let second = &mut self.now;
        // A function's start calls this for a connection that never existed.
        let counts = !matches!(
            operation.kind,
            OperationKind::Close | OperationKind::Inspect
        );
        second.errors += u64::from(!good && counts);
        match operation.kind {
            OperationKind::Message => second.received += 1,
            OperationKind::Post => second.posted += u64::from(good),
            OperationKind::Close => {
                second.closed += 1;
                self.connections = self.connections.saturating_sub(1);
            }
            _ => {}
        }
        let name = match operation.kind {
            OperationKind::Connect => "$connect",
            OperationKind::Disconnect => "$disconnect",
            OperationKind::Authorize => "authorizer",
            OperationKind::Post => "post",
            OperationKind::Message if operation.route.is_empty() => "no route",
            OperationKind::Message => operation.route,
            OperationKind::Close | OperationKind::Inspect | OperationKind::Delete => return,
        };
        match second.routes.get_mut(name) {
            Some(tally) => tally.add(good, operation.duration),
            None => {
                let mut tally = Tally::default();
                tally.add(good, operation.duration);
                second.routes.insert(name.to_owned(), tally);
            }
        }
        if operation.kind != OperationKind::Post {
            second.all.add(good, operation.duration);
        }
    }

    pub(super) fn opened(&mut self, now: Timestamp) {
        self.roll(now.secs());
        self.now.opened += 1;
        self.connections += 1;
    }

    /// Completes the seconds that have ended.
    fn roll(&mut self, second: u64) {
        if self.second == 0 || second < self.second {
            // The first second, or the clock was set back.
            self.second = second;
        }
        // Only the end of a long silence is kept.
        let silent = SECONDS as u64 + 1;
        if second - self.second > silent {
            self.past.clear();
            self.second = second - silent;
        }
        while self.second < second {
            let ended = std::mem::take(&mut self.now);
            self.past.push_back(json!({
                "t": self.second, "in": ended.received, "out": ended.posted, "errors": ended.errors,
                "opened": ended.opened, "closed": ended.closed, "connections": self.connections,
                "p50": ended.all.quantile(0.5), "p99": ended.all.quantile(0.99),
            }));
            if self.past.len() > SECONDS {
                self.past.pop_front();
            }
            if !ended.routes.is_empty() {
                self.routes.push_back((self.second, ended.routes));
            }
            self.second += 1;
            while let Some((oldest, _)) = self.routes.front()
                && oldest + WINDOW < self.second
            {
                self.routes.pop_front();
            }
        }
    }

    /// Returns the last complete seconds, and the routes of the last minute.
    pub(super) fn show(&mut self, now: Timestamp, seconds: usize) -> Value {
        self.roll(now.secs());
        let mut routes = BTreeMap::<&str, Tally>::new();
        for (_, second) in &self.routes {
            for (name, tally) in second {
                routes.entry(name).or_default().merge(tally);
            }
        }
        let routes: Vec<_> = routes
            .into_iter()
            .map(|(name, tally)| {
                json!({
                    "route": name, "count": tally.count, "errors": tally.errors,
                    "p50": tally.quantile(0.5), "p99": tally.quantile(0.99),
                })
            })
            .collect();
        let skipped = self.past.len().saturating_sub(seconds);
        let seconds: Vec<_> = self.past.iter().skip(skipped).collect();
        json!({ "seconds": seconds, "routes": routes, "window": WINDOW })
    }
}

impl Tally {
    fn add(&mut self, good: bool, duration: Duration) {
        self.count += 1;
        self.errors += u64::from(!good);
        if self.durations.is_empty() {
            self.durations = vec![0; BUCKETS];
        }
        self.durations[bucket(duration)] += 1;
    }

    fn merge(&mut self, other: &Tally) {
        self.count += other.count;
        self.errors += other.errors;
        if self.durations.is_empty() {
            self.durations.clone_from(&other.durations);
            return;
        }
        for (ours, theirs) in self.durations.iter_mut().zip(&other.durations) {
            *ours += theirs;
        }
    }

    /// Returns a quantile in ms, to within 7 %, or `None` without durations.
    fn quantile(&self, part: f64) -> Option<f64> {
        let rank = (self.count as f64 * part).ceil().max(1.0) as u64;
        let mut seen = 0;
        let found = self.durations.iter().position(|count| {
            seen += u64::from(*count);
            seen >= rank
        });
        found.map(middle)
    }
}

fn bucket(duration: Duration) -> usize {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    if micros < 8 {
        return micros as usize;
    }
    let octave = micros.ilog2();
    let eighth = micros >> (octave - 3) & 7;
    (((octave - 2) * 8) as usize + eighth as usize).min(BUCKETS - 1)
}

fn middle(bucket: usize) -> f64 {
    let (octave, eighth) = (bucket / 8, (bucket % 8) as f64);
    let micros = match octave {
        0 => eighth,
        octave => (8.5 + eighth) * (1_u64 << (octave - 1)) as f64,
    };
    (micros.round()) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::Outcome;
    use proptest::prelude::*;

    fn message(route: &str, outcome: Outcome, millis: u64) -> Operation<'_> {
        Operation {
            kind: OperationKind::Message,
            route,
            connection_id: "c",
            request_id: "r",
            outcome,
            detail: None,
            duration: Duration::from_millis(millis),
        }
    }

    fn at(second: u64) -> Timestamp {
        Timestamp::from_millis(second * 1000)
    }

    #[test]
    fn a_second_is_shown_when_it_is_over() {
        let mut figures = Figures::default();
        figures.opened(at(1000));
        for millis in [1, 1, 1, 1, 1, 1, 1, 1, 1, 80] {
            figures.operation(at(1000), &message("say", Outcome::Done, millis));
        }
        figures.operation(at(1000), &message("ask", Outcome::Failed, 5));
        assert_eq!(figures.show(at(1000), 10)["seconds"], json!([]));
        let shown = figures.show(at(1001), 10);
        let second = &shown["seconds"][0];
        assert_eq!((&second["in"], &second["errors"]), (&json!(11), &json!(1)));
        assert_eq!(second["connections"], 1);
        let say = &shown["routes"][1];
        assert_eq!((&say["route"], &say["count"]), (&json!("say"), &json!(10)));
        let (p50, p99) = (say["p50"].as_f64().unwrap(), say["p99"].as_f64().unwrap());
        assert!((0.9..1.1).contains(&p50), "{p50}");
        assert!((74.0..86.0).contains(&p99), "{p99}");
    }

    #[test]
    fn a_route_that_rests_for_a_minute_is_no_longer_shown() {
        let mut figures = Figures::default();
        figures.operation(at(1000), &message("say", Outcome::Done, 1));
        assert_eq!(figures.show(at(1059), 0)["routes"][0]["count"], 1);
        assert_eq!(figures.show(at(1062), 0)["routes"], json!([]));
    }

    #[test]
    fn a_long_silence_costs_nothing() {
        let mut figures = Figures::default();
        figures.opened(at(1000));
        let shown = figures.show(at(4_000_000_000), 1000);
        assert_eq!(shown["seconds"].as_array().unwrap().len(), SECONDS);
        assert_eq!(shown["seconds"][0]["connections"], 1);
    }

    proptest! {
        #[test]
        fn a_duration_is_kept_to_within_seven_percent(micros in 8_u64..40_000_000_000) {
            let kept = middle(bucket(Duration::from_micros(micros))) * 1000.0;
            let off = (kept - micros as f64).abs();
            prop_assert!(off <= micros as f64 * 0.07 + 0.5, "{micros} is kept as {kept}");
        }
    }
}
