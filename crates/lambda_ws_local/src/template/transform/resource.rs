use std::collections::HashMap;

use super::{function_parts, globals, resource_type, websocket_api};
use crate::template::syntax::{Entry, Node, Problem, Report};

/// A resource of the template, with SAM's `Globals` and without evaluated values.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub(crate) id: String,
    /// Its `Type`.
    pub(crate) resource_type: String,
    /// The name of the condition under which it exists.
    pub(crate) condition: Option<Node>,
    pub(crate) properties: Node,
    pub(crate) metadata: Node,
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// Whether SAM generates this resource from another one.
    pub(crate) generated: bool,
}

impl Resource {
    /// A resource that SAM generates from another one.
    pub(super) fn generated(
        from: &Resource,
        id: String,
        resource_type: &str,
        properties: Vec<Entry>,
        line: usize,
    ) -> Self {
        Self {
            id,
            resource_type: resource_type.to_owned(),
            condition: from.condition.clone(),
            properties: Node::map(properties, line),
            metadata: Node::null(line),
            line,
            column: 0,
            generated: true,
        }
    }

    /// Whether it matters to the reader that it exists.
    pub(crate) fn is_read(&self) -> bool {
        let kind = self.resource_type.strip_prefix("AWS::").unwrap_or_default();
        match kind.split_once("::") {
            Some(("ApiGatewayV2", part)) => !["ApiMapping", "DomainName"].contains(&part),
            Some(("Lambda", part)) => part != "Permission",
            Some(("ApiGateway" | "DynamoDB" | "Serverless", _)) => true,
            _ => false,
        }
    }

    /// Its CDK construct, such as `ChatStack/Chat/Resource`.
    pub(crate) fn construct(&self) -> Option<&str> {
        self.metadata.text_of("aws:cdk:path")
    }
}

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
        report.problem(Problem::new(
            section.line,
            "`Resources` is empty; it maps each resource's name to its type and properties",
        ));
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
    // A resource of the template replaces a generated one, and functions share a generated API.
    generated.retain(|one| lines.insert(one.id.clone(), one.line).is_none());
    resources.extend(generated);
    resources
}

fn resource(entry: &Entry, globals: Option<&Node>) -> Result<Resource, Problem> {
    let (id, node) = (&*entry.key, &entry.value);
    if id.starts_with("Fn::") {
        let text = format!("`{id}` makes resources only on AWS; write them out");
        return Err(Problem::local_only(entry.line, text));
    }
    let Some(kind) = node.text_of("Type") else {
        let text = format!("resource `{id}` has no `Type`");
        return Err(Problem::new(entry.line, text));
    };
    let own = match node.entry("Properties") {
        Some(own) if own.is_null() || !own.entries().is_empty() => own.clone(),
        Some(own) if own.as_list().is_some() || own.as_text().is_some() => {
            let kind = own.kind();
            let text = format!("the properties of `{id}` must be a map, and this is {kind}");
            return Err(Problem::new(own.line, text));
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
