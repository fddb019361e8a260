//! YAML's merge keys, `<<`.

use super::Problem;
use super::node::{Entry, Node, Value};
use super::report::Report;

/// The entries of a map: its own first, then those of the merged maps that it does not have.
pub(crate) fn merged(mut entries: Vec<Entry>, merges: &[Node], report: &Report) -> Vec<Entry> {
    for merge in merges {
        let maps = merge.as_list().unwrap_or(std::slice::from_ref(merge));
        for map in maps {
            if !matches!(map.value, Value::Map(_)) {
                let text = format!("`<<` merges maps, and this is {}", map.kind());
                report.problem(Problem::new(map.line, text));
            }
            for entry in map.entries() {
                if entries.iter().all(|own| own.key != entry.key) {
                    entries.push(entry.clone());
                }
            }
        }
    }
    entries
}
