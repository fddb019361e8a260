//! The resources of a template, with those that SAM's transform generates.

mod function_parts;
mod globals;
mod resource;
pub(crate) mod resource_type;
mod websocket_api;

use std::collections::HashMap;

pub(crate) use resource::{Resource, short_id};

use super::syntax::{Entry, Node, Problem, Report};

/// Reads the template's `Resources` and adds those that SAM generates. `resolve` evaluates the name of an alias.
pub(crate) fn read(
    template: &Node,
    report: &Report,
    resolve: impl Fn(&Node) -> Option<String>,
) -> Vec<Resource> {
    let Some(section) = template.entry("Resources") else {
        report.problem(Problem::new(0, "the template has no `Resources`"));
        return Vec::new();
    };
    if section.entries().is_empty() {
        let text = "`Resources` is empty; add at least one resource";
        report.problem(section.problem(text));
    }
    let globals = template.entry("Globals");
    let mut resources = Vec::new();
    let mut lines = HashMap::new();
    for entry in section.entries() {
        let Some(resource) = report.ok(resource(entry, globals)) else {
            continue;
        };
        let generated = match &*resource.resource_type {
            resource_type::SAM_WEBSOCKET_API => websocket_api::expand(&resource, report),
            _ => Vec::new(),
        };
        lines.insert(resource.id.clone(), resource.line);
        resources.push(resource);
        for one in generated {
            let Some(line) = lines.get(&one.id) else {
                lines.insert(one.id.clone(), one.line);
                resources.push(one);
                continue;
            };
            let text = format!(
                "SAM generates a resource `{}` for this API, and line {line} has the same name; rename one of them",
                one.id
            );
            report.problem(one.problem(text));
        }
    }
    let generated = resources
        .iter()
        .flat_map(|one| function_parts::expand(one, &resolve));
    let mut generated: Vec<_> = generated.collect();
    // A resource of the template replaces a generated one with the same id. Functions share a generated API.
    generated.retain(|one| lines.insert(one.id.clone(), one.line).is_none());
    resources.extend(generated);
    resources
}

fn resource(entry: &Entry, globals: Option<&Node>) -> Result<Resource, Problem> {
    let (id, node) = (&*entry.key, &entry.value);
    if id.starts_with("Fn::") {
        let text =
            format!("`{id}` creates resources only on AWS; write the resources in the template");
        return Err(Problem::local_only(entry.line, text));
    }
    let Some(kind) = node.text_of("Type") else {
        let text = format!("resource `{id}` has no `Type`");
        return Err(entry.problem(text));
    };
    let own = match node.entry("Properties") {
        Some(own) if own.is_null() || !own.entries().is_empty() => own.clone(),
        Some(own) if own.as_list().is_some() || own.as_text().is_some() => {
            let kind = own.kind();
            let text = format!("the properties of `{id}` are {kind}: expected a map");
            return Err(own.problem(text));
        }
        _ => Node::null(entry.line),
    };
    let metadata = node.entry("Metadata").cloned();
    Ok(Resource {
        id: id.to_owned(),
        resource_type: kind.to_owned(),
        condition: node.entry("Condition").cloned(),
        properties: globals::merge(globals, kind, &own, node.entry("IgnoreGlobals")),
        metadata: metadata.unwrap_or(Node::null(entry.line)),
        line: entry.line,
        column: entry.column,
        generated: false,
    })
}
