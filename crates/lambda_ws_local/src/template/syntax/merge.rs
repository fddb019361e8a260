//! YAML's merge keys, `<<`.

use std::collections::HashSet;

use super::node::{Entry, Node, Value};
use super::problem::Problem;
use super::report::Report;

/// The entries of a map: its own first, then those of the merged maps that it does not have.
pub(crate) fn merged(mut entries: Vec<Entry>, merges: &[Node], report: &Report) -> Vec<Entry> {
    let mut keys: HashSet<_> = match merges.is_empty() {
        true => return entries,
        false => entries.iter().map(|entry| entry.key.clone()).collect(),
    };
    for merge in merges {
        let maps = merge.as_list().unwrap_or(std::slice::from_ref(merge));
        for map in maps {
            if !matches!(map.value, Value::Map(_)) {
                let text = format!("`<<` merges maps, and this is {}", map.kind());
                report.problem(Problem::new(map.line, text));
            }
            for entry in map.entries() {
                if keys.insert(entry.key.clone()) {
                    entries.push(entry.clone());
                }
            }
        }
    }
    entries
}
