//! The resources to which a value refers.

use super::finding::Location;
use crate::template::evaluate::{Evaluator, conditions};
use crate::template::syntax::Node;
use crate::template::transform::Resource;

/// One `Ref`, `Fn::GetAtt`, or variable of `Fn::Sub`.
pub(super) struct Reference {
    /// The logical id, or the name of a parameter.
    pub(super) id: String,
    pub(super) location: Location,
    /// Whether the reference exists under all conditions.
    pub(super) certain: bool,
}

/// Returns all references in a value, except those in branches of `Fn::If` that are not taken.
pub(super) fn of(evaluator: &Evaluator<'_>, node: &Node) -> Vec<Reference> {
    let mut found = Vec::new();
    collect(evaluator, node, true, &mut found);
    found
}

/// Adds the references in a value. The recursion is limited, because templates have at most 64 levels.
fn collect(evaluator: &Evaluator<'_>, node: &Node, certain: bool, found: &mut Vec<Reference>) {
    let mut add = |id: &str| {
        found.push(Reference {
            id: id.split('.').next().unwrap_or(id).to_owned(),
            location: Location::from(node),
            certain,
        });
    };
    match node.intrinsic() {
        Some(("Ref", name)) => name.as_text().into_iter().for_each(add),
        Some(("Fn::GetAtt", argument)) => {
            argument
                .items()
                .first()
                .and_then(Node::as_text)
                .into_iter()
                .for_each(add);
        }
        Some(("Fn::Sub", argument)) => {
            let parts = argument.as_list();
            let text = parts.and_then(<[Node]>::first).unwrap_or(argument);
            let variables = parts.and_then(|parts| parts.get(1));
            for name in variables_of(text.as_text().unwrap_or_default()) {
                if variables.is_none_or(|own| own.entry(name).is_none()) {
                    add(name);
                }
            }
            for entry in variables.map(Node::entries).unwrap_or_default() {
                collect(evaluator, &entry.value, certain, found);
            }
        }
        Some(("Fn::If", argument)) => {
            if let Some([name, yes, no]) = argument.as_list() {
                match conditions::is_true(evaluator, name) {
                    Ok(true) => collect(evaluator, yes, certain, found),
                    Ok(false) => collect(evaluator, no, certain, found),
                    Err(_) => {
                        collect(evaluator, yes, false, found);
                        collect(evaluator, no, false, found);
                    }
                }
            }
        }
        _ => {
            for item in node.as_list().unwrap_or_default() {
                collect(evaluator, item, certain, found);
            }
            for entry in node.entries() {
                collect(evaluator, &entry.value, certain, found);
            }
        }
    }
}

/// Returns the names in `${..}`.
fn variables_of(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split("${").skip(1);
    parts
        .filter_map(|part| Some(part.split_once('}')?.0.trim()))
        .filter(|name| !name.starts_with('!') && !name.is_empty())
}

/// Returns the function that a value refers to, even if the value is unknown.
pub(super) fn function<'e>(evaluator: &'e Evaluator<'_>, node: &Node) -> Option<&'e Resource> {
    let references = of(evaluator, node);
    let mut functions = evaluator.functions();
    functions.find(|one| references.iter().any(|reference| reference.id == one.id))
}

/// Returns the resource that a value is a reference to, such as `!Ref Role` or `!GetAtt Role.Arn`.
pub(super) fn referenced_resource(node: &Node) -> Option<String> {
    let (function, argument) = node.intrinsic()?;
    let name = match function {
        "Ref" => return argument.as_text().map(str::to_owned),
        "Fn::GetAtt" => argument.items().first()?.as_text()?,
        "Fn::Sub" => {
            let name = argument.as_text()?.strip_prefix("${")?.strip_suffix('}')?;
            (!name.contains("${")).then_some(name)?
        }
        _ => return None,
    };
    name.split('.').next().map(str::to_owned)
}
