//! The template's `Conditions`.

use super::evaluator::Evaluator;
use super::intrinsics::arguments;
use crate::template::syntax::{Node, Problem};

/// Whether the condition of that name holds.
pub(crate) fn named(evaluator: &Evaluator<'_>, name: &Node) -> Result<bool, Problem> {
    let line = name.line;
    let Some(name) = name.as_text() else {
        return Err(Problem::new(
            line,
            format!(
                "a condition's name belongs here, and this is {}",
                name.kind()
            ),
        ));
    };
    let Some(condition) = evaluator.conditions.entry(name) else {
        return Err(Problem::new(line, format!("`Conditions` has no `{name}`")));
    };
    let truth = evaluator.memoize(&format!("Condition {name}"), line, || {
        let truth = holds(evaluator, condition)?;
        Ok(Node::text(truth.to_string(), line))
    })?;
    Ok(truth.as_text() == Some("true"))
}

/// Limits the depth, so that nested and circular conditions do not exhaust the stack.
fn holds(evaluator: &Evaluator<'_>, node: &Node) -> Result<bool, Problem> {
    evaluator.descend(node.line, || compared(evaluator, node))
}

fn compared(evaluator: &Evaluator<'_>, node: &Node) -> Result<bool, Problem> {
    let wrong = || {
        node.problem(
            "a condition is one of `Fn::And`, `Fn::Equals`, `Fn::Not`, `Fn::Or` and `Condition`",
        )
    };
    let [only] = node.entries() else {
        return Err(wrong());
    };
    match &*only.key {
        "Condition" => named(evaluator, &only.value),
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
