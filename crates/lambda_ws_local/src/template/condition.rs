//! The template's `Conditions`.

use super::Problem;
use super::expression::arguments;
use super::node::Node;
use super::scope::Scope;

/// Whether the condition of that name holds.
pub(crate) fn named(scope: &Scope<'_>, name: &Node) -> Result<bool, Problem> {
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
    let Some(condition) = scope.condition(name) else {
        return Err(Problem::new(line, format!("`Conditions` has no `{name}`")));
    };
    let truth = scope.once(&format!("Condition {name}"), line, || {
        let truth = holds(scope, condition)?;
        Ok(Node::text(truth.to_string(), line))
    })?;
    Ok(truth.as_text() == Some("true"))
}

/// Each level counts as a step, so that neither nesting nor conditions that refer to each other take the whole stack.
fn holds(scope: &Scope<'_>, node: &Node) -> Result<bool, Problem> {
    scope.step(node.line, || compared(scope, node))
}

fn compared(scope: &Scope<'_>, node: &Node) -> Result<bool, Problem> {
    let wrong = || {
        Problem::new(
            node.line,
            "a condition is one of `Fn::And`, `Fn::Equals`, `Fn::Not`, `Fn::Or` and `Condition`",
        )
    };
    let [only] = node.entries() else {
        return Err(wrong());
    };
    let each = || {
        only.value
            .as_list()
            .unwrap_or_default()
            .iter()
            .map(|one| holds(scope, one))
    };
    match &*only.key {
        "Condition" => named(scope, &only.value),
        "Fn::Equals" => {
            let [left, right] = arguments(&only.value, "Fn::Equals")?;
            Ok(scope.text(left)? == scope.text(right)?)
        }
        "Fn::Not" => {
            let [one] = arguments(&only.value, "Fn::Not")?;
            Ok(!holds(scope, one)?)
        }
        "Fn::And" => each().try_fold(true, |all, one| Ok(all & one?)),
        "Fn::Or" => each().try_fold(false, |any, one| Ok(any | one?)),
        _ => Err(wrong()),
    }
}
