//! Counts and values that are not written yet.

use super::kind::Metric;
use crate::random::rng;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Aggregates(BTreeMap<(Label, Metric), Values>);

/// The subject of a metric. There are few, because CloudWatch charges for each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    Nothing,
    Route(String),
    Code(&'static str),
}

/// A sum, or the values for percentiles.
#[derive(Debug)]
pub(super) enum Values {
    Sum(u64),
    Each(Sample),
}

impl Aggregates {
    pub(super) fn add(&mut self, label: Label, metric: Metric, count: u64) {
        let values = self.0.entry((label, metric)).or_insert(Values::Sum(0));
        if let Values::Sum(sum) = values {
            *sum += count;
        }
    }

    pub(super) fn value(&mut self, label: Label, metric: Metric, value: f64) {
        let empty = || Values::Each(Sample::default());
        let values = self.0.entry((label, metric)).or_insert_with(empty);
        if let Values::Each(sample) = values {
            sample.add(value);
        }
    }

    /// Adds all counts and values of another.
    pub(super) fn merge(&mut self, other: Self) {
        for ((label, metric), values) in other.0 {
            match values {
                Values::Sum(sum) => self.add(label, metric, sum),
                Values::Each(sample) => {
                    for value in sample.values {
                        self.value(label.clone(), metric, value);
                    }
                }
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Label, Metric, &Values)> {
        let all = self.0.iter();
        all.map(|((label, metric), values)| (label, *metric, values))
    }
}

/// Returns the label of a close code. Clients can choose from thousands.
pub(super) fn code(code: Option<u16>) -> &'static str {
    match code {
        Some(1000) => "1000",
        Some(1001) => "1001",
        Some(1002) => "1002",
        Some(1003) => "1003",
        Some(1005) => "1005",
        Some(1006) => "1006",
        Some(1007) => "1007",
        Some(1008) => "1008",
        Some(1009) => "1009",
        Some(1010) => "1010",
        Some(1011) => "1011",
        Some(3000..4000) => "3xxx",
        Some(4000..5000) => "4xxx",
        Some(_) => "other",
        None => "none",
    }
}

/// The maximum number of values that an invocation writes for a metric. A larger set is sampled.
const MOST: usize = 1000;

/// All values, or a sample of them with equal probabilities.
#[derive(Debug, Default)]
pub(super) struct Sample {
    values: Vec<f64>,
    seen: usize,
}

impl Sample {
    pub(super) fn add(&mut self, value: f64) {
        self.seen += 1;
        if self.values.len() < MOST {
            return self.values.push(value);
        }
        if let Some(slot) = self.values.get_mut(rng().usize(..self.seen)) {
            *slot = value;
        }
    }

    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fair_sample_of_many_values_is_kept() {
        let mut sample = Sample::default();
        (0..100_000).for_each(|value| sample.add(f64::from(value)));
        assert_eq!(sample.values().len(), MOST);
        let mean = sample.values().iter().sum::<f64>() / MOST as f64;
        // Ten times the standard error of such a sample.
        assert!((40_900.0..59_100.0).contains(&mean), "{mean}");
    }
}
