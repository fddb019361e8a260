use super::node::{Entry, Node};
use super::report::Report;
use super::{Problem, globals, websocket_api};

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

/// The template's `Resources`, those that SAM would generate from a `WebSocketApi` included.
pub(crate) fn read(template: &Node, report: &Report) -> Vec<Resource> {
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
    for entry in section.entries() {
        let Some(resource) = report.keep(resource(entry, globals)) else {
            continue;
        };
        let generated = match &*resource.kind {
            "AWS::Serverless::WebSocketApi" => websocket_api::expand(&resource, report),
            _ => Vec::new(),
        };
        resources.push(resource);
        for one in generated {
            if let Some(other) = resources.iter().find(|other| other.id == one.id) {
                let text = format!(
                    "SAM names a part of this API `{}`, as something on line {} is named; rename one",
                    one.id, other.line
                );
                report.problem(Problem::new(one.line, text));
            } else {
                resources.push(one);
            }
        }
    }
    resources
}

fn resource(entry: &Entry, globals: Option<&Node>) -> Result<Resource, Problem> {
    let (id, node) = (&*entry.key, &entry.value);
    if id.starts_with("Fn::") {
        return Err(Problem::only_here(
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
