//! The environment variables of a function.

use crate::template::evaluate::intrinsics::dynamic_reference;
use crate::template::evaluate::{Evaluator, Properties};
use crate::template::syntax::{Node, Note, Problem};
use std::collections::BTreeMap;

/// The variables that Lambda reserves and rejects in the configuration of a function.
const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// Reads `Environment.Variables`. A variable that only AWS knows is empty.
pub(super) fn read(
    evaluator: &Evaluator<'_>,
    properties: &Properties<'_>,
    notes: &mut Vec<Note>,
) -> Result<BTreeMap<String, String>, Vec<Problem>> {
    let environment = properties.map("Environment");
    let variables = environment.and_then(|environment| environment.map("Variables"));
    let variables = variables.map_err(|problem| vec![problem])?;
    let (mut environment, mut problems) = (BTreeMap::new(), Vec::new());
    for (name, node) in variables.keys() {
        let owner = format!("variable `{name}` of {}", properties.owner);
        match variable(evaluator, name, node) {
            Ok(Some(value)) => {
                if let Some(reference) = dynamic_reference(&value) {
                    let text = format!(
                        "{owner} contains `{reference}`, which only AWS resolves; set it with --env {name}=VALUE"
                    );
                    notes.push(Note::new(node.line, text));
                }
                environment.insert(name.to_owned(), value);
            }
            Ok(None) => {}
            Err(problem) if problem.is_local_only() => {
                let fault = problem.fault();
                let text = format!("{owner} is empty: {fault}; set it with --env {name}=VALUE");
                notes.push(Note::warning(node.line, text));
                environment.insert(name.to_owned(), String::new());
            }
            Err(problem) => problems.push(problem.context(&owner)),
        }
    }
    match problems.is_empty() {
        true => Ok(environment),
        false => Err(problems),
    }
}

fn variable(evaluator: &Evaluator<'_>, name: &str, node: &Node) -> Result<Option<String>, Problem> {
    if RESERVED.contains(&name) {
        return Err(node.problem("Lambda reserves this name; use another name"));
    }
    let is_valid = |(index, letter): (usize, char)| {
        letter.is_ascii_alphabetic() || index > 0 && (letter.is_ascii_digit() || letter == '_')
    };
    if name.len() < 2 || !name.chars().enumerate().all(is_valid) {
        return Err(node.problem("the name is not valid: expected a letter, followed by at least one letter, digit or `_`"));
    }
    let value = evaluator.value(node)?;
    if value.is_null() {
        return Ok(None);
    }
    evaluator.text(&value).map(Some)
}
