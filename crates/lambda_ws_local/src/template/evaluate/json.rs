//! Values of a template that are JSON.

use super::evaluator::Evaluator;
use crate::template::syntax::{Node, Problem, Value};
use serde_json::{Map, Number, Value as Json};

/// Returns a value as JSON, evaluated to its leaves. Scalars are strings, except for unquoted numbers and booleans if
/// `typed`.
pub(crate) fn json(evaluator: &Evaluator<'_>, node: &Node, typed: bool) -> Result<Json, Problem> {
    let node = evaluator.value(node)?;
    Ok(match &node.value {
        Value::Null => Json::Null,
        Value::Text(text) if typed && node.plain => scalar(text),
        Value::Text(text) => Json::String(text.to_string()),
        Value::List(items) => {
            let items = items.iter().map(|item| json(evaluator, item, typed));
            Json::Array(items.collect::<Result<_, _>>()?)
        }
        Value::Map(entries) => {
            let members = entries
                .iter()
                .map(|one| Ok((one.key.to_string(), json(evaluator, &one.value, typed)?)));
            Json::Object(members.collect::<Result<Map<_, _>, Problem>>()?)
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
