//! CloudWatch's embedded metric format.

use super::aggregates::{Aggregates, Label, Values};
use super::kind::{By, Metric, Unit};
use crate::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;

/// The maximum number of values of a metric in a document.
const VALUES: usize = 100;

/// The maximum length of a dimension's value, in characters. CloudWatch accepts more, but dashboards do not show it.
const LONGEST: usize = 250;

/// The namespace and the dimension that all documents share.
pub(super) struct Dimensions {
    pub(super) namespace: String,
    pub(super) function: Option<String>,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "_aws")]
    metadata: Metadata<'a>,
    #[serde(rename = "Function", skip_serializing_if = "Option::is_none")]
    function: Option<&'a str>,
    #[serde(rename = "Route", skip_serializing_if = "Option::is_none")]
    route: Option<String>,
    #[serde(rename = "Code", skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(flatten)]
    values: &'a BTreeMap<Metric, Shown<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    timestamp: Timestamp,
    cloud_watch_metrics: Vec<Directive<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'a str,
    dimensions: Vec<Vec<&'static str>>,
    metrics: Vec<Definition>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: Metric,
    unit: Unit,
}

#[derive(Clone, Copy, Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    Sum(u64),
    Each(&'a [f64]),
}

/// The content of a document: one value per dimension, and each metric once.
#[derive(Default)]
struct Page<'a> {
    route: Option<&'a str>,
    code: Option<&'a str>,
    values: BTreeMap<Metric, Shown<'a>>,
}

impl<'a> Page<'a> {
    fn takes(&self, label: &Label, metric: Metric) -> bool {
        let is_free = match label {
            Label::Nothing => true,
            Label::Route(route) => self.route.is_none_or(|other| other == route),
            Label::Code(code) => self.code.is_none_or(|other| other == *code),
        };
        is_free && !self.values.contains_key(&metric)
    }

    fn take(&mut self, label: &'a Label, metric: Metric, shown: Shown<'a>) {
        match label {
            Label::Nothing => {}
            Label::Route(route) => self.route = Some(route),
            Label::Code(code) => self.code = Some(code),
        }
        self.values.insert(metric, shown);
    }

    fn line(&self, shared: &Dimensions, now: Timestamp) -> String {
        let of = |by: By| {
            let metrics = self.values.keys().filter(|metric| metric.by() == by);
            let metrics: Vec<_> = metrics
                .map(|metric| Definition {
                    name: *metric,
                    unit: metric.unit(),
                })
                .collect();
            (!metrics.is_empty()).then(|| Directive {
                namespace: &shared.namespace,
                dimensions: dimensions(shared, by),
                metrics,
            })
        };
        let all = [By::Nothing, By::Route, By::Code];
        let document = Document {
            metadata: Metadata {
                timestamp: now,
                cloud_watch_metrics: all.into_iter().filter_map(of).collect(),
            },
            function: shared.function.as_deref(),
            route: self.route.map(readable),
            code: self.code,
            values: &self.values,
        };
        let mut line = serde_json::to_string(&document).expect("text and numbers are always JSON");
        line.push('\n');
        line
    }
}

/// Returns the dimensions of a metric. Each metric also has a total over all routes and codes.
fn dimensions(shared: &Dimensions, by: By) -> Vec<Vec<&'static str>> {
    let function = Vec::from_iter(shared.function.is_some().then_some("Function"));
    let with = |name| [function.clone(), vec![name]].concat();
    match by {
        By::Nothing => vec![function],
        By::Route => vec![with("Route"), function],
        By::Code => vec![with("Code"), function],
    }
}

/// Returns a route as a valid value of a dimension: ASCII.
fn readable(route: &str) -> String {
    let readable = |c: char| match c {
        ' '..='~' => c,
        _ => '?',
    };
    route.chars().take(LONGEST).map(readable).collect()
}

/// Returns the documents of all metrics, one per line, as few as the limits allow.
pub(super) fn documents(
    shared: &Dimensions,
    aggregates: &Aggregates,
    now: Timestamp,
) -> Vec<String> {
    let mut pages: Vec<Page<'_>> = Vec::new();
    let mut put = |label, metric, shown| {
        let free = pages.iter().position(|page| page.takes(label, metric));
        let at = free.unwrap_or_else(|| {
            pages.push(Page::default());
            pages.len() - 1
        });
        pages[at].take(label, metric, shown);
    };
    for (label, metric, values) in aggregates.iter() {
        match values {
            Values::Sum(sum) => put(label, metric, Shown::Sum(*sum)),
            Values::Each(sample) => {
                for values in sample.values().chunks(VALUES) {
                    put(label, metric, Shown::Each(values));
                }
            }
        }
    }
    pages.iter().map(|page| page.line(shared, now)).collect()
}
