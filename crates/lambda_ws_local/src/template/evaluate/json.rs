//! Values of the template that are JSON of their own, such as a schema.

use serde_json::{Map, Number, Value as Json};

use super::evaluator::Evaluator;
use crate::template::syntax::{Node, Problem, Value};

/// The JSON of a value, evaluated to its leaves: what stands without quotes may be a number or a boolean.
pub(crate) fn json(evaluator: &Evaluator<'_>, node: &Node) -> Result<Json, Problem> {
    let node = evaluator.value(node)?;
    Ok(match &node.value {
        Value::Null => Json::Null,
        Value::Text(text) if node.plain => scalar(text),
        Value::Text(text) => Json::String(text.to_string()),
        Value::List(items) => {
            let items = items.iter().map(|item| json(evaluator, item));
            Json::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Map(entries) => {
            let mut members = Map::new();
            for entry in entries.iter() {
                members.insert(entry.key.to_string(), json(evaluator, &entry.value)?);
            }
            Json::Object(members)
        }
    })
}

fn scalar(text: &str) -> Json {
    match text {
        "true" => Json::Bool(true),
        "false" => Json::Bool(false),
        _ => match text.parse::<Number>() {
            Ok(number) => Json::Number(number),
            Err(_) => Json::String(text.to_owned()),
        },
    }
}
