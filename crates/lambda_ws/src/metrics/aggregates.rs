//! What was counted since the last line.

use super::kind::Metric;
use super::sample::Sample;
use std::collections::BTreeMap;

/// What was counted since the last line.
#[derive(Debug, Default)]
pub(super) struct Aggregates(BTreeMap<(Label, Metric), Values>);

/// What a metric is about: one of few, because CloudWatch charges for each.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    Nothing,
    /// A route of the router.
    Route(String),
    Code(&'static str),
}

/// A sum, or values that percentiles are made of.
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

    pub(super) fn note(&mut self, label: Label, metric: Metric, value: f64) {
        let empty = || Values::Each(Sample::default());
        let values = self.0.entry((label, metric)).or_insert_with(empty);
        if let Values::Each(sample) = values {
            sample.note(value);
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Label, Metric, &Values)> {
        let all = self.0.iter();
        all.map(|((label, metric), values)| (label, *metric, values))
    }
}

/// A close code as a label. Clients choose from thousands.
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
