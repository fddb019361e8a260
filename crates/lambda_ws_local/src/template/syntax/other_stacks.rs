//! The other stacks of a CDK app. A template refers to their outputs, and their resources belong to the same application.

use super::document;
use super::nested_stacks::inlined;
use super::node::{Entry, Node, Value};
use super::report::Report;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The list of the stacks in the output of `cdk synth`.
const MANIFEST: &str = "manifest.json";
/// The end of the name of a template in the output of `cdk synth`.
const TEMPLATE: &str = ".template.json";
/// The maximum number of other stacks. CloudFormation allows more, but reading them takes time.
const MAX_STACKS: usize = 100;
/// The maximum nesting of values. CloudFormation's own limit is lower, and each level uses stack space.
pub(super) const MAX_DEPTH: usize = 100;
/// The sections that resources refer to.
pub(super) const SECTIONS: [&str; 4] = ["Resources", "Parameters", "Mappings", "Conditions"];

/// Adds the resources of nested stacks and of the stacks whose outputs a synthesized template uses, and replaces these
/// references by the values of the outputs. A template that the CDK did not synthesize is returned unchanged. Added parts have
/// the line 0.
pub(crate) fn joined(root: Node, path: &Path, report: &Report) -> Node {
    let name = path.file_name().and_then(|name| name.to_str());
    let Some(name) = name.filter(|name| name.ends_with(TEMPLATE)) else {
        return root;
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut unread = templates(&folder.join(MANIFEST));
    unread.retain(|_, file| *file != *name);
    let mut root = inlined(root, folder);
    // Each round reads at least one stack. A stack can use the outputs of another one.
    while let Some((stack, file, line)) = next(&root, folder, &unread) {
        unread.remove(&stack);
        let Some(other) = read(&folder.join(file)) else {
            continue;
        };
        let other = inlined(other, folder);
        match shared_resource(&root, &other) {
            Some(id) => {
                let text = format!(
                    "stack `{stack}` is not read, because both stacks contain a resource `{id}`; give one of them another \
                     construct id"
                );
                report.warn(line, text);
            }
            None => root = add(root, &stack, &other),
        }
    }
    root
}

/// Returns the templates of an assembly by the names of their stacks.
fn templates(manifest: &Path) -> BTreeMap<String, PathBuf> {
    let text = fs::read(manifest).unwrap_or_default();
    let manifest: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    let artifacts = manifest["artifacts"].as_object().into_iter().flatten();
    let templates = artifacts.filter_map(|(id, artifact)| {
        let properties = &artifact["properties"];
        let name = properties["stackName"].as_str().unwrap_or(id);
        let file = properties["templateFile"].as_str()?;
        Some((name.to_owned(), PathBuf::from(file)))
    });
    templates.take(MAX_STACKS).collect()
}

/// Returns the template in a file.
pub(super) fn read(path: &Path) -> Option<Node> {
    let text = fs::read_to_string(path).ok()?;
    document::read(&text, &Report::default()).ok()
}

/// A use of an output of another stack.
enum Use<'n> {
    /// `Fn::ImportValue`, with the name of the export.
    Export(&'n str),
    /// `Fn::GetStackOutput`, with the names of the stack and the output.
    Output(&'n str, &'n str),
}

impl<'n> Use<'n> {
    fn of(node: &'n Node) -> Option<Self> {
        match node.intrinsic()? {
            ("Fn::ImportValue", name) => name.as_text().map(Use::Export),
            ("Fn::GetStackOutput", output) => {
                let stack = output.text_of("StackName")?;
                Some(Use::Output(stack, output.text_of("OutputName")?))
            }
            _ => None,
        }
    }

    /// Returns the output's value in another stack.
    fn value<'o>(&self, stack: &str, other: &'o Node) -> Option<&'o Node> {
        let mut outputs = other.entries_of("Outputs").iter();
        let output = outputs.find(|output| match self {
            Self::Export(name) => {
                let export = output.value.entry("Export");
                export.and_then(|export| export.text_of("Name")) == Some(*name)
            }
            Self::Output(of, name) => *of == stack && *name == &*output.key,
        });
        output?.value.entry("Value")
    }
}

/// Returns an unread stack with an output that the template uses, and the line of the use.
fn next(
    root: &Node,
    folder: &Path,
    unread: &BTreeMap<String, PathBuf>,
) -> Option<(String, PathBuf, usize)> {
    let mut uses = Vec::new();
    collect(root, 0, &mut uses);
    if uses.is_empty() {
        return None;
    }
    unread.iter().find_map(|(stack, file)| {
        let other = inlined(read(&folder.join(file))?, folder);
        let mut uses = uses.iter();
        let (_, line) = uses.find(|(one, _)| one.value(stack, &other).is_some())?;
        Some((stack.clone(), file.clone(), *line))
    })
}

fn collect<'n>(node: &'n Node, depth: usize, uses: &mut Vec<(Use<'n>, usize)>) {
    if depth > MAX_DEPTH {
        return;
    }
    uses.extend(Use::of(node).map(|one| (one, node.line)));
    match &node.value {
        Value::List(items) => items.iter().for_each(|one| collect(one, depth + 1, uses)),
        Value::Map(entries) => {
            let values = entries.iter().map(|one| &one.value);
            values.for_each(|one| collect(one, depth + 1, uses));
        }
        _ => {}
    }
}

/// Returns a resource that both templates contain.
fn shared_resource<'n>(root: &'n Node, other: &Node) -> Option<&'n str> {
    let resources = other.entry("Resources")?;
    let mut own = root.entries_of("Resources").iter();
    let shared = own.find(|one| {
        one.value.text_of("Type") != Some("AWS::CDK::Metadata")
            && resources.entry(&one.key).is_some()
    });
    shared.map(|one| &*one.key)
}

/// Adds the parts of another stack, and replaces the references to its outputs.
fn add(root: Node, stack: &str, other: &Node) -> Node {
    let is_api = |entry: &Entry| {
        let kind = entry.value.text_of("Type").unwrap_or_default();
        kind.starts_with("AWS::ApiGatewayV2::")
    };
    // The API of the other stack is another application.
    let has_api = root.entries_of("Resources").iter().any(is_api);
    let mut sections: Vec<_> = root.entries().to_vec();
    for name in SECTIONS {
        let mut entries = root.entries_of(name).to_vec();
        for entry in other.entries_of(name) {
            let is_known = entries.iter().any(|one| one.key == entry.key);
            if !(is_known || name == "Resources" && has_api && is_api(entry)) {
                entries.push(Entry::new(&entry.key, unplaced(&entry.value, 0)));
            }
        }
        match sections.iter_mut().find(|one| &*one.key == name) {
            Some(own) => own.value.value = Value::Map(entries.into()),
            None => sections.push(Entry::new(name, Node::map(entries, 0))),
        }
    }
    let root = Node {
        value: Value::Map(sections.into()),
        ..root
    };
    replaced(&root, stack, other, 0)
}

/// Returns a copy of a value without positions, because they are in another file.
pub(super) fn unplaced(node: &Node, depth: usize) -> Node {
    let value = rebuilt(&node.value, depth, &|one| unplaced(one, depth + 1));
    let value = match value {
        Value::Map(entries) => {
            let entries = entries.iter().cloned();
            let entries = entries.map(|one| Entry {
                line: 0,
                column: 0,
                ..one
            });
            Value::Map(entries.collect())
        }
        other => other,
    };
    Node {
        value,
        line: 0,
        column: 0,
        plain: node.plain,
    }
}

/// Returns a copy of a value with the values of the outputs of a stack in place of their uses.
fn replaced(node: &Node, stack: &str, other: &Node, depth: usize) -> Node {
    if let Some(output) = Use::of(node).and_then(|one| one.value(stack, other)) {
        let value = unplaced(output, depth);
        return Node {
            line: node.line,
            column: node.column,
            ..value
        };
    }
    let value = rebuilt(&node.value, depth, &|one| {
        replaced(one, stack, other, depth + 1)
    });
    Node {
        value,
        ..node.clone()
    }
}

/// Returns a list or a map with changed values.
pub(super) fn rebuilt(value: &Value, depth: usize, change: &dyn Fn(&Node) -> Node) -> Value {
    match value {
        Value::List(items) if depth < MAX_DEPTH => Value::List(items.iter().map(change).collect()),
        Value::Map(entries) if depth < MAX_DEPTH => {
            let entries = entries.iter().map(|one| Entry {
                value: change(&one.value),
                ..one.clone()
            });
            Value::Map(entries.collect())
        }
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests;
