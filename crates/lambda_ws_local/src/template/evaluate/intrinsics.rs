//! CloudFormation's intrinsic functions.

use super::conditions;
use super::evaluator::Evaluator;
use crate::template::syntax::{Node, Problem};

/// The maximum length of a string, in bytes. A few lines of a template can double a string many times.
const MAX_TEXT: usize = 256 * 1024;

/// Returns the value of an intrinsic function in its long form.
pub(crate) fn evaluate(evaluator: &Evaluator<'_>, node: &Node) -> Result<Node, Problem> {
    let Some((function, argument)) = node.intrinsic() else {
        return Ok(node.clone());
    };
    let line = node.line;
    match function {
        "Ref" => reference(evaluator, argument),
        "Fn::GetAtt" => attribute(evaluator, argument),
        "Fn::Sub" => substitute(evaluator, argument),
        "Fn::Join" => join(evaluator, argument),
        "Fn::Select" => select(evaluator, argument),
        "Fn::Split" => split(evaluator, argument),
        "Fn::FindInMap" => find_in_map(evaluator, argument),
        "Fn::If" => {
            let [name, yes, no] = arguments(argument, function)?;
            evaluator.value(if conditions::is_true(evaluator, name)? {
                yes
            } else {
                no
            })
        }
        "Fn::ImportValue" => Err(Problem::local_only(
            line,
            "`Fn::ImportValue` is a value of another stack; use a parameter",
        )),
        _ => Err(Problem::local_only(
            line,
            format!("`{function}` is not evaluated locally; use a parameter"),
        )),
    }
}

/// Returns the arguments of a function with exactly `N` arguments.
pub(crate) fn arguments<'n, const N: usize>(
    argument: &'n Node,
    function: &str,
) -> Result<&'n [Node; N], Problem> {
    let items = argument.as_list().and_then(|items| items.try_into().ok());
    items.ok_or_else(|| {
        argument.problem(format!(
            "the argument of `{function}` is not valid: expected a list of {N} values"
        ))
    })
}

fn literal<'n>(node: &'n Node, function: &str) -> Result<&'n str, Problem> {
    node.as_text().ok_or_else(|| {
        node.problem(format!(
            "the argument of `{function}` is {}: expected a string",
            node.kind()
        ))
    })
}

/// Returns the string as a node, or a problem if it is too long.
pub(crate) fn bounded_text(text: String, line: usize) -> Result<Node, Problem> {
    if text.len() > MAX_TEXT {
        return Err(Problem::new(
            line,
            format!("the string is longer than {MAX_TEXT} bytes"),
        ));
    }
    Ok(Node::text(text, line))
}

fn reference(evaluator: &Evaluator<'_>, argument: &Node) -> Result<Node, Problem> {
    evaluator.reference(literal(argument, "Ref")?, argument.line)
}

fn attribute(evaluator: &Evaluator<'_>, argument: &Node) -> Result<Node, Problem> {
    let (name, attribute) = match argument.as_list() {
        Some([name, attribute]) => (
            literal(name, "Fn::GetAtt")?.to_owned(),
            evaluator.text(attribute)?,
        ),
        _ => {
            let dotted = argument.as_text().and_then(|text| text.split_once('.'));
            let wrong = || {
                argument.problem("the argument of `Fn::GetAtt` is not valid: expected a resource and an attribute, such as `Table.Arn`")
            };
            let (name, attribute) = dotted.ok_or_else(wrong)?;
            (name.to_owned(), attribute.to_owned())
        }
    };
    evaluator.attribute(&name, &attribute, argument.line)
}

fn substitute(evaluator: &Evaluator<'_>, argument: &Node) -> Result<Node, Problem> {
    let (text, variables) = match argument.as_list() {
        Some([text, variables]) => (text, Some(variables)),
        Some(_) => {
            return Err(argument.problem("the argument of `Fn::Sub` is not valid: expected a string, or a list of a string and a map"));
        }
        None => (argument, None),
    };
    let mut rest = literal(text, "Fn::Sub")?;
    let mut result = String::with_capacity(rest.len());
    while let Some((before, after)) = rest.split_once("${") {
        result.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            result.push_str("${");
            rest = after;
            continue;
        };
        rest = after;
        match name.strip_prefix('!') {
            Some(literal) => result.extend(["${", literal, "}"]),
            None => result.push_str(&variable(evaluator, name.trim(), variables, text.line)?),
        }
        if result.len() > MAX_TEXT {
            break;
        }
    }
    result.push_str(rest);
    bounded_text(result, text.line)
}

fn variable(
    evaluator: &Evaluator<'_>,
    name: &str,
    variables: Option<&Node>,
    line: usize,
) -> Result<String, Problem> {
    let value = match (
        variables.and_then(|map| map.entry(name)),
        name.split_once('.'),
    ) {
        (Some(own), _) => evaluator.value(own)?,
        (None, Some((resource, attribute))) => evaluator.attribute(resource, attribute, line)?,
        (None, None) => evaluator.reference(name, line)?,
    };
    if value.is_null() {
        return Err(Problem::new(line, format!("`${{{name}}}` has no value")));
    }
    evaluator.text(&value)
}

fn join(evaluator: &Evaluator<'_>, argument: &Node) -> Result<Node, Problem> {
    let [delimiter, items] = arguments(argument, "Fn::Join")?;
    let delimiter = literal(delimiter, "Fn::Join")?;
    let mut result = String::new();
    let items = evaluator.value(items)?;
    let Some(items) = items.as_list() else {
        return Err(items.problem(format!("the value is {}: expected a list", items.kind())));
    };
    let mut is_first = true;
    for item in items {
        // An unknown item makes the whole text unknown, even if unknown values count as absent elsewhere.
        let item = evaluator.value(item)?;
        if item.is_null() {
            continue;
        }
        if !is_first {
            result.push_str(delimiter);
        }
        is_first = false;
        result.push_str(&evaluator.text(&item)?);
        if result.len() > MAX_TEXT {
            break;
        }
    }
    bounded_text(result, argument.line)
}

fn select(evaluator: &Evaluator<'_>, argument: &Node) -> Result<Node, Problem> {
    let [index, items] = arguments(argument, "Fn::Select")?;
    let index = evaluator.text(index)?;
    // The other items may be unknown.
    let items = evaluator.value(items)?;
    let item = index
        .parse::<usize>()
        .ok()
        .and_then(|index| items.as_list()?.get(index));
    let wrong = || {
        let count = items.as_list().map_or(0, <[Node]>::len);
        argument.problem(format!(
            "`Fn::Select` has no item {index}: the length of the list is {count}, and indexes start at 0"
        ))
    };
    evaluator.value(item.ok_or_else(wrong)?)
}

fn split(evaluator: &Evaluator<'_>, argument: &Node) -> Result<Node, Problem> {
    let [delimiter, text] = arguments(argument, "Fn::Split")?;
    let delimiter = literal(delimiter, "Fn::Split")?;
    if delimiter.is_empty() {
        return Err(
            argument.problem("`Fn::Split` has an empty delimiter: expected at least one character")
        );
    }
    let text = evaluator.text(text)?;
    Ok(Node::list(
        text.split(delimiter)
            .map(|item| Node::text(item, argument.line))
            .collect(),
        argument.line,
    ))
}

fn find_in_map(evaluator: &Evaluator<'_>, argument: &Node) -> Result<Node, Problem> {
    let (keys, default) = match argument.as_list() {
        Some([keys @ .., last]) if keys.len() == 3 => (keys, last.entry("DefaultValue")),
        Some(keys) if keys.len() == 3 => (keys, None),
        _ => {
            return Err(argument.problem(
                "the argument of `Fn::FindInMap` is not valid: expected a mapping and two keys",
            ));
        }
    };
    let (map, first, second) = (
        evaluator.text(&keys[0])?,
        evaluator.text(&keys[1])?,
        evaluator.text(&keys[2])?,
    );
    let found = evaluator
        .mappings
        .entry(&map)
        .and_then(|map| map.entry(&first))
        .and_then(|map| map.entry(&second));
    match found.or(default) {
        Some(value) => evaluator.value(value),
        None => Err(argument.problem(format!(
            "`Mappings` has no value for `{map}`, `{first}`, `{second}`"
        ))),
    }
}

/// Returns the first dynamic reference in a value, such as `{{resolve:ssm:/chat/color}}`, which CloudFormation resolves
/// during a deployment.
pub(crate) fn dynamic_reference(value: &str) -> Option<&str> {
    let begin = value.find("{{resolve:")?;
    let end = value[begin..].find("}}")? + 2;
    Some(&value[begin..begin + end])
}
