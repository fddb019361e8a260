//! The template's `Conditions`.

use super::evaluator::Evaluator;
use super::intrinsics::arguments;
use crate::template::syntax::{Node, Problem};

pub(crate) fn is_true(evaluator: &Evaluator<'_>, name: &Node) -> Result<bool, Problem> {
    let line = name.line;
    let Some(name) = name.as_text() else {
        return Err(Problem::new(
            line,
            format!(
                "the name of a condition is {}: expected a string",
                name.kind()
            ),
        ));
    };
    let Some(condition) = evaluator.conditions.entry(name) else {
        return Err(Problem::new(
            line,
            format!("condition `{name}` is not in `Conditions`"),
        ));
    };
    let truth = evaluator.memoize(&format!("Condition {name}"), line, || {
        let truth = holds(evaluator, condition)?;
        Ok(Node::text(truth.to_string(), line))
    })?;
    Ok(truth.as_text() == Some("true"))
}

/// Whether a condition is true. The depth is limited, because nested or circular conditions could exhaust the stack.
fn holds(evaluator: &Evaluator<'_>, node: &Node) -> Result<bool, Problem> {
    evaluator.descend(node.line, || compared(evaluator, node))
}

fn compared(evaluator: &Evaluator<'_>, node: &Node) -> Result<bool, Problem> {
    let wrong = || {
        node.problem(
            "the condition is not valid: expected `Fn::And`, `Fn::Equals`, `Fn::Not`, `Fn::Or` or `Condition`",
        )
    };
    let [only] = node.entries() else {
        return Err(wrong());
    };
    match &*only.key {
        "Condition" => is_true(evaluator, &only.value),
        "Fn::Equals" => {
            let [left, right] = arguments(&only.value, "Fn::Equals")?;
            Ok(evaluator.text(left)? == evaluator.text(right)?)
        }
        "Fn::Not" => {
            let [one] = arguments(&only.value, "Fn::Not")?;
            Ok(!holds(evaluator, one)?)
        }
        "Fn::And" => decided(evaluator, &only.value, false),
        "Fn::Or" => decided(evaluator, &only.value, true),
        _ => Err(wrong()),
    }
}

/// Returns `decisive` if one of the conditions has that value, even if others are unknown.
fn decided(evaluator: &Evaluator<'_>, list: &Node, decisive: bool) -> Result<bool, Problem> {
    let (mut is_decided, mut unknown) = (false, None);
    for one in list.as_list().unwrap_or_default() {
        match holds(evaluator, one) {
            Ok(one) => is_decided |= one == decisive,
            Err(problem) if problem.is_local_only() => unknown = Some(problem),
            Err(problem) => return Err(problem),
        }
    }
    match unknown {
        Some(problem) if !is_decided => Err(problem),
        _ => Ok(is_decided == decisive),
    }
}
