//! Nested stacks: resources of a CDK app whose templates are other files in the output of `cdk synth`.

use super::node::{Entry, Node, Value};
use super::other_stacks::{MAX_DEPTH, SECTIONS, read, rebuilt, unplaced};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

const STACK: &str = "AWS::CloudFormation::Stack";
/// The metadata with the file name of the template.
const ASSET: &str = "aws:asset:path";
/// The prefix of the attributes of a nested stack.
const OUTPUTS: &str = "Outputs.";
/// The maximum number of nested stacks. Reading them takes time.
const MAX_STACKS: usize = 100;

/// The files of the templates around each nested stack, by its id.
type Parents = HashMap<String, Vec<String>>;

/// Replaces the nested stacks of a synthesized template by their resources. The values that they get and return replace
/// their parameters and outputs. A nested stack without a readable template is left as it is, and one that contains
/// itself, too. Added parts have the line 0.
pub(super) fn inlined(root: Node, folder: &Path) -> Node {
    let (mut root, mut parents) = (root, Parents::new());
    for _ in 0..MAX_STACKS {
        let Some(stack) = Stack::first(&root, folder, &parents) else {
            break;
        };
        root = stack.replace(&root, &mut parents);
    }
    root
}

/// A nested stack with its template.
struct Stack {
    id: String,
    /// The files of the templates around it, and its own.
    files: Vec<String>,
    /// The resource in the template of the parent.
    resource: Node,
    template: Node,
}

impl Stack {
    fn first(root: &Node, folder: &Path, parents: &Parents) -> Option<Self> {
        root.entries_of("Resources").iter().find_map(|one| {
            let resource = &one.value;
            let is_stack = resource.text_of("Type") == Some(STACK);
            let file = resource.entry("Metadata")?.text_of(ASSET)?;
            let mut files = parents.get(&*one.key).cloned().unwrap_or_default();
            // Each copy would contain the next one, with values that may double in size.
            if !is_stack || files.iter().any(|one| one == file) {
                return None;
            }
            files.push(file.to_owned());
            let template = read(&folder.join(file))?;
            Some(Self {
                id: one.key.to_string(),
                files,
                resource: resource.clone(),
                template,
            })
        })
    }

    /// Returns the parent with the parts of this stack in place of its resource. Adds the nested stacks of this one to
    /// `parents`.
    fn replace(&self, root: &Node, parents: &mut Parents) -> Node {
        let values = self.values();
        let names = self.names(root, &values);
        let own = |node: &Node| {
            let renamed = names.rename(&unplaced(node, 0), 0);
            substituted(&renamed, &|one| values.get(one).cloned(), 0)
        };
        let mut sections: Vec<_> = root.entries().to_vec();
        let mut add = |section: &str, added: Vec<Entry>| {
            let mut entries = root.entries_of(section).to_vec();
            entries.extend(added);
            match sections.iter_mut().find(|one| &*one.key == section) {
                Some(known) => known.value.value = Value::Map(entries.into()),
                None if entries.is_empty() => {}
                None => sections.push(Entry::new(section, Node::map(entries, 0))),
            }
        };
        let mut conditions = Vec::new();
        for section in SECTIONS {
            let entries = self.template.entries_of(section).iter();
            // The stack replaces most of its parameters by values.
            let kept = entries.filter(|one| {
                one.value.text_of("Type") != Some("AWS::CDK::Metadata")
                    && !(section == "Parameters" && values.contains_key(&*one.key))
            });
            let added = kept.map(|one| {
                let (name, value) = (names.of(&one.key), own(&one.value));
                let value = match section {
                    "Resources" => self.dependent(name, value, &mut conditions),
                    _ => value,
                };
                Entry {
                    line: 0,
                    column: 0,
                    ..Entry::new(name, value)
                }
            });
            let added: Vec<_> = added.collect();
            if section == "Conditions" {
                conditions.splice(0..0, added);
            } else {
                add(section, added);
            }
        }
        add("Conditions", conditions);
        let mut resources = Vec::new();
        for resource in self.template.entries_of("Resources") {
            let name = names.of(&resource.key);
            resources.push(Node::text(name, 0));
            if resource.value.text_of("Type") == Some(STACK) {
                parents.insert(name.to_owned(), self.files.clone());
            }
        }
        let root = Node {
            value: Value::Map(sections.into()),
            ..root.clone()
        };
        let outputs = self.template.entries_of("Outputs").iter();
        let outputs: BTreeMap<_, _> = outputs
            .filter_map(|one| Some((&*one.key, own(one.value.entry("Value")?))))
            .collect();
        let root = substituted(
            &root,
            &|name| {
                if name == self.id {
                    return Some(Node::single("Ref", Node::text("AWS::StackId", 0)));
                }
                let (id, attribute) = name.split_once('.')?;
                let output = attribute.strip_prefix(OUTPUTS)?;
                outputs.get(output).filter(|_| id == self.id).cloned()
            },
            0,
        );
        self.without_stack(root, &resources)
    }

    /// Returns the names of this template that the parent uses for something else, with new names.
    fn names(&self, root: &Node, values: &BTreeMap<String, Node>) -> Names {
        let used = |name: &str| {
            SECTIONS
                .iter()
                .any(|section| root.entries_of(section).iter().any(|one| &*one.key == name))
        };
        let own = SECTIONS
            .iter()
            .flat_map(|section| self.template.entries_of(section));
        let own = own.filter(|one| used(&one.key) && !values.contains_key(&*one.key));
        Names(
            own.map(|one| (one.key.to_string(), format!("{}{}", self.id, one.key)))
                .collect(),
        )
    }

    /// Returns the values of the parameters that the parent sets, and the defaults of the others.
    fn values(&self) -> BTreeMap<String, Node> {
        let given = self
            .resource
            .entry("Properties")
            .and_then(|properties| properties.entry("Parameters"));
        let parameters = self.template.entries_of("Parameters").iter();
        let values = parameters.filter_map(|parameter| {
            let kind = parameter.value.text_of("Type").unwrap_or("String");
            // The value is the name of an SSM parameter, which only AWS knows.
            if kind.starts_with("AWS::SSM::") {
                return None;
            }
            let given = given.and_then(|given| given.entry(&parameter.key));
            let value = given.or(parameter.value.entry("Default"))?.clone();
            let is_list = kind == "CommaDelimitedList" || kind.starts_with("List<");
            let value = match is_list && value.as_list().is_none() {
                true => {
                    let arguments = vec![Node::text(",", value.line), value];
                    Node::single("Fn::Split", Node::list(arguments, 0))
                }
                false => value,
            };
            Some((parameter.key.to_string(), value))
        });
        values.collect()
    }

    /// Returns a resource that exists and waits as the stack does.
    fn dependent(&self, name: &str, resource: Node, conditions: &mut Vec<Entry>) -> Node {
        let mut entries = resource.entries().to_vec();
        let mut set = |key: &str, value: Node| match entries.iter_mut().find(|one| &*one.key == key)
        {
            Some(entry) => entry.value = value,
            None => entries.push(Entry::new(key, value)),
        };
        if let Some(condition) = self.resource.text_of("Condition") {
            let of_both = resource.text_of("Condition").map(|own| {
                let both = [condition, own]
                    .map(|one| Node::single("Condition", Node::text(one, 0)))
                    .to_vec();
                let both = Node::single("Fn::And", Node::list(both, 0));
                let id = format!("{}{name}", self.id);
                conditions.push(Entry::new(&id, both));
                id
            });
            let condition = of_both.as_deref().unwrap_or(condition);
            set("Condition", Node::text(condition, 0));
        }
        if let Some(depends) = self.resource.entry("DependsOn") {
            let own = resource.entry("DependsOn").map(Node::items);
            let all = own.unwrap_or_default().iter().chain(depends.items());
            set("DependsOn", Node::list(all.cloned().collect(), 0));
        }
        Node {
            value: Value::Map(entries.into()),
            ..resource
        }
    }

    /// Removes the resource of this stack. What waits for it waits for all its resources.
    fn without_stack(&self, root: Node, resources: &[Node]) -> Node {
        let kept = root.entries_of("Resources").iter();
        let kept = kept.filter(|one| *one.key != *self.id).map(|one| {
            let entries = one.value.entries().iter().map(|part| {
                let depends = &*part.key == "DependsOn";
                let items = part.value.items().iter().flat_map(|item| {
                    match item.as_text() == Some(&*self.id) {
                        true => resources.to_vec(),
                        false => vec![item.clone()],
                    }
                });
                let value = match depends {
                    true => Node::list(items.collect(), part.value.line),
                    false => part.value.clone(),
                };
                Entry {
                    value,
                    ..part.clone()
                }
            });
            let value = Node {
                value: Value::Map(entries.collect()),
                ..one.value.clone()
            };
            Entry {
                value,
                ..one.clone()
            }
        });
        let kept = Value::Map(kept.collect());
        let sections = root.entries().iter().map(|section| {
            let value = match &*section.key {
                "Resources" => Node {
                    value: kept.clone(),
                    ..section.value.clone()
                },
                _ => section.value.clone(),
            };
            Entry {
                value,
                ..section.clone()
            }
        });
        Node {
            value: Value::Map(sections.collect()),
            ..root.clone()
        }
    }
}

/// The new names of parts whose names are taken.
struct Names(BTreeMap<String, String>);

impl Names {
    fn of<'n>(&'n self, name: &'n str) -> &'n str {
        self.0.get(name).map_or(name, |new| new)
    }

    /// Returns the text with a new name of a resource before its attribute, such as `Chat.Arn`.
    fn of_attribute(&self, text: &str) -> String {
        let (name, attribute) = match text.split_once('.') {
            Some((name, _)) => (name, &text[name.len()..]),
            None => (text, ""),
        };
        format!("{}{attribute}", self.of(name))
    }

    /// Returns a copy of a value whose references have the new names.
    fn rename(&self, node: &Node, depth: usize) -> Node {
        if self.0.is_empty() || depth > MAX_DEPTH {
            return node.clone();
        }
        let text = |one: &Node| match one.as_text() {
            Some(name) => Node {
                value: Value::Text(self.of(name).into()),
                ..one.clone()
            },
            None => self.rename(one, depth + 1),
        };
        let first = |one: &Node| match one.as_list() {
            Some([name, rest @ ..]) => {
                let rest = rest.iter().map(|one| self.rename(one, depth + 1));
                Node::list(std::iter::once(text(name)).chain(rest).collect(), one.line)
            }
            _ => self.rename(one, depth + 1),
        };
        let value = match &node.value {
            Value::Map(entries) => {
                let entries = entries.iter().map(|entry| {
                    let value = &entry.value;
                    let value = match &*entry.key {
                        "Ref" | "Condition" => text(value),
                        "DependsOn" => {
                            Node::list(value.items().iter().map(text).collect(), value.line)
                        }
                        "Fn::GetAtt" => match value.as_text() {
                            Some(dotted) => Node::text(self.of_attribute(dotted), value.line),
                            None => first(value),
                        },
                        "Fn::If" | "Fn::FindInMap" => first(value),
                        "Fn::Sub" => self.renamed_sub(value, depth),
                        _ => self.rename(value, depth + 1),
                    };
                    Entry {
                        value,
                        ..entry.clone()
                    }
                });
                Value::Map(entries.collect())
            }
            other => rebuilt(other, depth, &|one| self.rename(one, depth + 1)),
        };
        Node {
            value,
            ..node.clone()
        }
    }

    fn renamed_sub(&self, argument: &Node, depth: usize) -> Node {
        let own = argument.as_list().and_then(|list| list.get(1));
        let is_own = |name: &str| own.is_some_and(|map| map.entry(name).is_some());
        let sub = |text: &str| {
            variables(text, &mut |name| match is_own(name) {
                true => None,
                false => Some(self.of_attribute(name)),
            })
        };
        match (argument.as_text(), argument.as_list()) {
            (Some(text), _) => Node::text(sub(text), argument.line),
            (None, Some([text, own])) => {
                let text = Node::text(sub(text.as_text().unwrap_or_default()), text.line);
                Node::list(vec![text, self.rename(own, depth + 1)], argument.line)
            }
            _ => argument.clone(),
        }
    }
}

/// Returns a copy of a value in which references have values. A name is that of `Ref`, or one of `Fn::GetAtt` such as
/// `Chat.Arn`.
fn substituted(node: &Node, value_of: &dyn Fn(&str) -> Option<Node>, depth: usize) -> Node {
    let name = match node.intrinsic() {
        Some(("Ref", name)) => name.as_text().map(str::to_owned),
        Some(("Fn::GetAtt", argument)) => match argument.items() {
            [name, attribute] => match (name.as_text(), attribute.as_text()) {
                (Some(name), Some(attribute)) => Some(format!("{name}.{attribute}")),
                _ => None,
            },
            _ => argument.as_text().map(str::to_owned),
        },
        Some(("Fn::Sub", argument)) => return substituted_sub(node, argument, value_of, depth),
        _ => None,
    };
    if let Some(value) = name.and_then(|name| value_of(&name)) {
        return Node {
            line: node.line,
            column: node.column,
            ..value
        };
    }
    Node {
        value: rebuilt(&node.value, depth, &|one| {
            substituted(one, value_of, depth + 1)
        }),
        ..node.clone()
    }
}

/// Returns an `Fn::Sub` whose values are further variables of it.
fn substituted_sub(
    node: &Node,
    argument: &Node,
    value_of: &dyn Fn(&str) -> Option<Node>,
    depth: usize,
) -> Node {
    let (text, own) = match argument.items() {
        [text] => (text, None),
        [text, own] => (text, Some(substituted(own, value_of, depth + 1))),
        _ => return node.clone(),
    };
    let mut all = own
        .as_ref()
        .map_or(Vec::new(), |own| own.entries().to_vec());
    let replaced = variables(text.as_text().unwrap_or_default(), &mut |name| {
        if all.iter().any(|one| &*one.key == name) {
            return None;
        }
        all.push(Entry::new(name, value_of(name)?));
        None
    });
    let text = Node {
        value: Value::Text(replaced.into()),
        ..text.clone()
    };
    let argument = match all.is_empty() {
        true => text,
        false => Node::list(vec![text, Node::map(all, argument.line)], argument.line),
    };
    Node {
        line: node.line,
        ..Node::single("Fn::Sub", argument)
    }
}

/// Returns the text of an `Fn::Sub` with other names for its variables. `None` keeps a name.
fn variables(text: &str, name_of: &mut dyn FnMut(&str) -> Option<String>) -> String {
    let (mut result, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else {
            break;
        };
        let new = match name.starts_with('!') {
            true => None,
            false => name_of(name.trim()),
        };
        result.extend([before, "${", new.as_deref().unwrap_or(name), "}"]);
        rest = after;
    }
    result.push_str(rest);
    result
}

#[cfg(test)]
mod tests;
