//! CloudFormation's intrinsic functions.

use super::conditions;
use super::evaluator::Scope;
use crate::template::syntax::{Node, Problem};

/// The longest text a function may make, in bytes: templates double texts with a few lines.
const MAX_TEXT: usize = 256 * 1024;

/// The value of an intrinsic function in its long form.
pub(crate) fn evaluate(scope: &Scope<'_>, node: &Node) -> Result<Node, Problem> {
    let Some((function, argument)) = node.intrinsic() else {
        return Ok(node.clone());
    };
    let line = node.line;
    match function {
        "Ref" => reference(scope, argument),
        "Fn::GetAtt" => attribute(scope, argument),
        "Fn::Sub" => substitute(scope, argument),
        "Fn::Join" => join(scope, argument),
        "Fn::Select" => select(scope, argument),
        "Fn::Split" => split(scope, argument),
        "Fn::FindInMap" => find_in_map(scope, argument),
        "Fn::If" => {
            let [name, yes, no] = arguments(argument, function)?;
            scope.value(if conditions::named(scope, name)? {
                yes
            } else {
                no
            })
        }
        "Fn::ImportValue" => Err(Problem::only_here(
            line,
            "`Fn::ImportValue` is the value of another stack; use a parameter",
        )),
        _ => Err(Problem::only_here(
            line,
            format!("`{function}` is not evaluated locally; use a parameter"),
        )),
    }
}

/// The arguments of a function that takes exactly `N`.
pub(crate) fn arguments<'n, const N: usize>(
    argument: &'n Node,
    function: &str,
) -> Result<&'n [Node; N], Problem> {
    let items = argument.as_list().and_then(|items| items.try_into().ok());
    items.ok_or_else(|| {
        Problem::new(
            argument.line,
            format!("`{function}` takes a list of {N} values"),
        )
    })
}

fn literal<'n>(node: &'n Node, function: &str) -> Result<&'n str, Problem> {
    node.as_text().ok_or_else(|| {
        Problem::new(
            node.line,
            format!("`{function}` takes a name, and this is {}", node.kind()),
        )
    })
}

/// A text that is not too long.
pub(crate) fn made(text: String, line: usize) -> Result<Node, Problem> {
    if text.len() > MAX_TEXT {
        return Err(Problem::new(
            line,
            format!("this text is longer than {MAX_TEXT} bytes"),
        ));
    }
    Ok(Node::text(text, line))
}

fn reference(scope: &Scope<'_>, argument: &Node) -> Result<Node, Problem> {
    scope.reference(literal(argument, "Ref")?, argument.line)
}

fn attribute(scope: &Scope<'_>, argument: &Node) -> Result<Node, Problem> {
    let (name, attribute) = match argument.as_list() {
        Some([name, attribute]) => (
            literal(name, "Fn::GetAtt")?.to_owned(),
            scope.text(attribute)?,
        ),
        _ => {
            let dotted = argument.as_text().and_then(|text| text.split_once('.'));
            let wrong = || {
                Problem::new(
                    argument.line,
                    "`Fn::GetAtt` takes a resource and an attribute, as in `Table.Arn`",
                )
            };
            let (name, attribute) = dotted.ok_or_else(wrong)?;
            (name.to_owned(), attribute.to_owned())
        }
    };
    scope.attribute(&name, &attribute, argument.line)
}

fn substitute(scope: &Scope<'_>, argument: &Node) -> Result<Node, Problem> {
    let (text, variables) = match argument.as_list() {
        Some([text, variables]) => (text, Some(variables)),
        Some(_) => {
            return Err(Problem::new(
                argument.line,
                "`Fn::Sub` takes a text, or a list of a text and a map",
            ));
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
            None => result.push_str(&variable(scope, name.trim(), variables, text.line)?),
        }
        if result.len() > MAX_TEXT {
            break;
        }
    }
    result.push_str(rest);
    made(result, text.line)
}

fn variable(
    scope: &Scope<'_>,
    name: &str,
    variables: Option<&Node>,
    line: usize,
) -> Result<String, Problem> {
    let value = match (
        variables.and_then(|map| map.entry(name)),
        name.split_once('.'),
    ) {
        (Some(own), _) => scope.value(own)?,
        (None, Some((resource, attribute))) => scope.attribute(resource, attribute, line)?,
        (None, None) => scope.reference(name, line)?,
    };
    if value.is_null() {
        return Err(Problem::new(line, format!("`${{{name}}}` has no value")));
    }
    scope.text(&value)
}

fn join(scope: &Scope<'_>, argument: &Node) -> Result<Node, Problem> {
    let [delimiter, items] = arguments(argument, "Fn::Join")?;
    let delimiter = literal(delimiter, "Fn::Join")?;
    let mut result = String::new();
    for (index, item) in scope.list(items)?.iter().enumerate() {
        if index > 0 {
            result.push_str(delimiter);
        }
        result.push_str(&scope.text(item)?);
        if result.len() > MAX_TEXT {
            break;
        }
    }
    made(result, argument.line)
}

fn select(scope: &Scope<'_>, argument: &Node) -> Result<Node, Problem> {
    let [index, items] = arguments(argument, "Fn::Select")?;
    let index = scope.text(index)?;
    // Only the one that is selected needs a value.
    let items = scope.value(items)?;
    let item = index
        .parse::<usize>()
        .ok()
        .and_then(|index| items.as_list()?.get(index));
    let wrong = || {
        let count = items.as_list().map_or(0, <[Node]>::len);
        Problem::new(
            argument.line,
            format!("`Fn::Select` has no item {index}: the list has {count}, counted from 0"),
        )
    };
    scope.value(item.ok_or_else(wrong)?)
}

fn split(scope: &Scope<'_>, argument: &Node) -> Result<Node, Problem> {
    let [delimiter, text] = arguments(argument, "Fn::Split")?;
    let delimiter = literal(delimiter, "Fn::Split")?;
    if delimiter.is_empty() {
        return Err(Problem::new(argument.line, "`Fn::Split` needs a delimiter"));
    }
    let text = scope.text(text)?;
    Ok(Node::list(
        text.split(delimiter)
            .map(|item| Node::text(item, argument.line))
            .collect(),
        argument.line,
    ))
}

fn find_in_map(scope: &Scope<'_>, argument: &Node) -> Result<Node, Problem> {
    let (keys, default) = match argument.as_list() {
        Some([keys @ .., last]) if keys.len() == 3 => (keys, last.entry("DefaultValue")),
        Some(keys) if keys.len() == 3 => (keys, None),
        _ => {
            return Err(Problem::new(
                argument.line,
                "`Fn::FindInMap` takes a mapping and two keys",
            ));
        }
    };
    let (map, first, second) = (
        scope.text(&keys[0])?,
        scope.text(&keys[1])?,
        scope.text(&keys[2])?,
    );
    let found = scope
        .mapping(&map)
        .and_then(|map| map.entry(&first))
        .and_then(|map| map.entry(&second));
    match found.or(default) {
        Some(value) => scope.value(value),
        None => Err(Problem::new(
            argument.line,
            format!("`Mappings` has no `{map}` with `{first}` and `{second}`"),
        )),
    }
}
