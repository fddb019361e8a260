use std::collections::HashMap;

use super::{function_parts, globals, websocket_api};
use crate::template::syntax::{Entry, Node, Problem, Report};

/// One resource of the template, SAM's Globals merged in, its values not yet evaluated.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub(crate) id: String,
    pub(crate) kind: String,
    /// The name of the condition under which it exists.
    pub(crate) condition: Option<Node>,
    pub(crate) properties: Node,
    pub(crate) metadata: Node,
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// Whether SAM makes this resource from another, which also gives the API its permission to call the function.
    pub(crate) generated: bool,
}

impl Resource {
    /// Whether its kind is one that is read, so that it matters whether it exists.
    pub(crate) fn is_read(&self) -> bool {
        let kind = self.kind.strip_prefix("AWS::").unwrap_or_default();
        match kind.split_once("::") {
            Some(("ApiGatewayV2", part)) => !["ApiMapping", "DomainName"].contains(&part),
            Some(("Lambda", part)) => part != "Permission",
            Some(("ApiGateway" | "DynamoDB" | "Serverless", _)) => true,
            _ => false,
        }
    }

    /// The construct of CDK that it was made of, as `ChatStack/Chat/Resource`.
    pub(crate) fn construct(&self) -> Option<&str> {
        self.metadata.entry("aws:cdk:path")?.as_text()
    }
}

/// The template's `Resources`, those that SAM would generate from others included. `resolve` evaluates the name of an
/// alias.
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
        report.problem(Problem::new(
            section.line,
            "`Resources` is empty; it maps each resource's name to its type and properties",
        ));
    }
    let globals = template.entry("Globals");
    let mut resources = Vec::new();
    let mut lines = HashMap::new();
    for entry in section.entries() {
        let Some(resource) = report.keep(resource(entry, globals)) else {
            continue;
        };
        let generated = match &*resource.kind {
            "AWS::Serverless::WebSocketApi" => websocket_api::expand(&resource, report),
            _ => Vec::new(),
        };
        lines.insert(resource.id.clone(), resource.line);
        resources.push(resource);
        for one in generated {
            if let Some(line) = lines.get(&one.id) {
                let text = format!(
                    "SAM names a part of this API `{}`, as something on line {line} is named; rename one",
                    one.id
                );
                report.problem(Problem::new(one.line, text));
            } else {
                lines.insert(one.id.clone(), one.line);
                resources.push(one);
            }
        }
    }
    let generated = resources
        .iter()
        .flat_map(|one| function_parts::expand(one, &resolve));
    let mut generated: Vec<_> = generated.collect();
    // Where the template has a resource of its own, or two functions have the same API, there is one.
    generated.retain(|one| lines.insert(one.id.clone(), one.line).is_none());
    resources.extend(generated);
    resources
}

fn resource(entry: &Entry, globals: Option<&Node>) -> Result<Resource, Problem> {
    let (id, node) = (&*entry.key, &entry.value);
    if id.starts_with("Fn::") {
        return Err(Problem::local_only(
            entry.line,
            format!("`{id}` makes resources only on AWS; write them out"),
        ));
    }
    let Some(kind) = node.entry("Type").and_then(Node::as_text) else {
        return Err(Problem::new(
            entry.line,
            format!("resource `{id}` has no `Type`"),
        ));
    };
    let own = match node.entry("Properties") {
        Some(own) if own.is_null() || !own.entries().is_empty() => own.clone(),
        Some(own) if own.as_list().is_some() || own.as_text().is_some() => {
            return Err(Problem::new(
                own.line,
                format!(
                    "the properties of `{id}` must be a map, and this is {}",
                    own.kind()
                ),
            ));
        }
        _ => Node::null(entry.line),
    };
    Ok(Resource {
        id: id.to_owned(),
        kind: kind.to_owned(),
        condition: node.entry("Condition").cloned(),
        properties: globals::merge(globals, kind, &own, node.entry("IgnoreGlobals")),
        metadata: node
            .entry("Metadata")
            .cloned()
            .unwrap_or(Node::null(entry.line)),
        line: entry.line,
        column: entry.column,
        generated: false,
    })
}
