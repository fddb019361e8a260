//! The written lines of metrics.

use serde_json::Value;
use std::sync::{Arc, Mutex};

const SCHEMA: &str = include_str!("../../../../../tests/fixtures/emf.schema.json");

/// Lines that were written.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    pub(super) fn push(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }

    /// Returns the documents since the last call. Each is valid for CloudWatch.
    #[track_caller]
    pub(super) fn take_valid(&self) -> Vec<Value> {
        let schema = serde_json::from_str(SCHEMA).unwrap();
        let schema = jsonschema::validator_for(&schema).unwrap();
        let lines = std::mem::take(&mut *self.0.lock().unwrap());
        let read = lines.iter().map(|line| {
            let text = line.strip_suffix('\n').expect("it is a line");
            assert!(!text.contains('\n'), "{text}");
            let document: Value = serde_json::from_str(text).unwrap();
            if let Err(error) = schema.validate(&document) {
                panic!("{error}: {text}");
            }
            has_all_it_names(&document);
            document
        });
        read.collect()
    }

    /// Returns the only line since the last call.
    #[track_caller]
    pub(super) fn one(&self) -> Value {
        let [line] = <[Value; 1]>::try_from(self.take_valid()).unwrap();
        line
    }
}

/// Checks a rule that the schema does not contain: every named member exists once, with the right type.
#[track_caller]
fn has_all_it_names(document: &Value) {
    let mut named = vec!["_aws"];
    for directive in document["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
        for dimension in directive["Dimensions"].as_array().unwrap() {
            for name in dimension.as_array().unwrap() {
                let name = name.as_str().unwrap();
                assert!(document[name].is_string(), "{name}: {document}");
                named.push(name);
            }
        }
        for metric in directive["Metrics"].as_array().unwrap() {
            let name = metric["Name"].as_str().unwrap();
            assert!(!named.contains(&name), "{name} twice: {document}");
            let value = &document[name];
            assert!(value.is_number() || value.is_array(), "{name}: {document}");
            named.push(name);
        }
    }
    for member in document.as_object().unwrap().keys() {
        assert!(named.contains(&member.as_str()), "{member}: {document}");
    }
}
