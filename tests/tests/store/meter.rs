//! What requests cost.

use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// Adds up what requests cost. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter(Arc<Mutex<Bill>>);

/// A sum of requests.
#[derive(Debug, Default, Clone, PartialEq)]
pub(crate) struct Bill {
    pub(crate) requests: Vec<String>,
    pub(crate) write_units: f64,
    pub(crate) read_units: f64,
}

impl Meter {
    /// The request that also asks for its cost.
    pub(crate) fn ask(request: &Bytes) -> Bytes {
        let mut request: Value = serde_json::from_slice(request).expect("the SDK writes JSON");
        request["ReturnConsumedCapacity"] = json!("TOTAL");
        request.to_string().into()
    }

    pub(crate) fn read(&self, operation: &str, answer: &Bytes) {
        let answer: Value = serde_json::from_slice(answer).expect("answers are JSON");
        let consumed = &answer["ConsumedCapacity"];
        let tables = consumed
            .as_array()
            .map_or(std::slice::from_ref(consumed), Vec::as_slice);
        let units = tables
            .iter()
            .filter_map(|table| table["CapacityUnits"].as_f64())
            .sum::<f64>();
        let mut bill = self.0.lock().expect("no test panics with it");
        bill.requests.push(operation.to_owned());
        match operation {
            "GetItem" | "BatchGetItem" | "Query" => bill.read_units += units,
            _ => bill.write_units += units,
        }
    }

    /// What was added up since this was last asked.
    pub(crate) fn take(&self) -> Bill {
        std::mem::take(&mut *self.0.lock().expect("no test panics with it"))
    }
}
