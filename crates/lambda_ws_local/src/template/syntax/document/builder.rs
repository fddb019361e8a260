use crate::template::syntax::{Entry, Node, Problem, Report, Value, node};
use saphyr_parser::{Event, ScalarStyle, Span, Tag};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::rc::Rc;

/// The maximum depth of nested values, including aliases.
const MAX_DEPTH: usize = 64;
/// The maximum number of values. An alias counts as a copy of its anchor.
const MAX_NODES: usize = 50_000;

/// A position in the text, counted from 1.
#[derive(Clone, Copy)]
struct Position {
    line: usize,
    column: usize,
}

impl Position {
    fn problem(self, text: impl Into<String>) -> Problem {
        Problem::at(self.line, self.column, text)
    }
}

/// A finished value with its size, counted as if aliases were copies.
#[derive(Clone)]
struct Tree {
    node: Node,
    nodes: usize,
    depth: usize,
}

/// A list or a map whose end has not been read.
struct Open {
    anchor: usize,
    tag: Option<String>,
    at: Position,
    nodes: usize,
    depth: usize,
    parts: Parts,
}

enum Parts {
    List(Vec<Node>),
    Map(OpenMap),
}

#[derive(Default)]
struct OpenMap {
    entries: Vec<Entry>,
    /// The line of each entry.
    lines: HashMap<Rc<str>, usize>,
    /// The values of merge keys (`<<`).
    merges: Vec<Node>,
    /// The key whose value has not been read.
    key: Option<Key>,
}

struct Key {
    text: Rc<str>,
    at: Position,
    merge: bool,
}

/// Builds the tree of nodes from the events of a parser.
pub(super) struct Builder<'r> {
    report: &'r Report,
    open: Vec<Open>,
    anchors: HashMap<usize, Tree>,
    pub(super) root: Option<Node>,
}

impl<'r> Builder<'r> {
    pub(super) fn new(report: &'r Report) -> Self {
        Self {
            report,
            open: Vec::new(),
            anchors: HashMap::new(),
            root: None,
        }
    }

    pub(super) fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Problem> {
        let at = Position {
            line: span.start.line(),
            column: span.start.col() + 1,
        };
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_none() => Ok(()),
            Event::DocumentStart(_) => {
                Err(at.problem("the file contains a second document; remove it"))
            }
            Event::Alias(anchor) => {
                let tree = self.anchors.get(&anchor).cloned();
                let tree = tree.ok_or_else(|| {
                    at.problem("an alias is inside its own anchor; remove the alias")
                })?;
                self.add(tree, None, at)
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let node = match plain {
                    true => Node::plain(&text, at.line),
                    false => Node::text(&text, at.line),
                };
                let tree = Tree {
                    node: node.in_column(at.column),
                    nodes: 1,
                    depth: 0,
                };
                let tag = self.function(tag.as_deref(), at.line)?;
                self.finish(tree, anchor, tag, plain.then_some(&*text), at)
            }
            Event::SequenceStart(anchor, tag) => {
                self.begin(anchor, tag.as_deref(), Parts::List(Vec::new()), at)
            }
            Event::MappingStart(anchor, tag) => {
                self.begin(anchor, tag.as_deref(), Parts::Map(OpenMap::default()), at)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(at.column),
        }
    }

    fn begin(
        &mut self,
        anchor: usize,
        tag: Option<&Tag>,
        parts: Parts,
        at: Position,
    ) -> Result<(), Problem> {
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(at));
        }
        let tag = self.function(tag, at.line)?;
        self.open.push(Open {
            anchor,
            tag,
            at,
            nodes: 1,
            depth: 0,
            parts,
        });
        Ok(())
    }

    fn end(&mut self, column: usize) -> Result<(), Problem> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let node = match open.parts {
            Parts::List(items) => Node::list(items, open.at.line),
            Parts::Map(map) => {
                let entries = merged(map.entries, &map.merges, self.report);
                Node::map(entries, open.at.line)
            }
        };
        let tree = Tree {
            node: node.in_column(open.at.column),
            nodes: open.nodes,
            depth: open.depth,
        };
        let at = Position { column, ..open.at };
        self.finish(tree, open.anchor, open.tag, None, at)
    }

    /// Applies the function of the tag, stores the value under its anchor, and adds it to its parent.
    fn finish(
        &mut self,
        mut tree: Tree,
        anchor: usize,
        tag: Option<String>,
        key: Option<&str>,
        at: Position,
    ) -> Result<(), Problem> {
        if let Some(function) = tag {
            tree = Tree {
                node: Node::single(&function, tree.node),
                nodes: tree.nodes + 1,
                depth: tree.depth + 1,
            };
        }
        if anchor > 0 {
            self.anchors.insert(anchor, tree.clone());
        }
        self.add(tree, key, at)
    }

    fn add(&mut self, tree: Tree, plain: Option<&str>, at: Position) -> Result<(), Problem> {
        let level = self.open.len();
        let Some(open) = self.open.last_mut() else {
            self.root = Some(tree.node);
            return Ok(());
        };
        open.nodes += tree.nodes;
        open.depth = open.depth.max(tree.depth + 1);
        if open.nodes > MAX_NODES {
            return Err(at.problem(format!("aliases expand to more than {MAX_NODES} values")));
        }
        if level + tree.depth > MAX_DEPTH {
            return Err(too_deep(at));
        }
        match &mut open.parts {
            Parts::List(items) => items.push(tree.node),
            Parts::Map(map) => map.add(tree.node, plain, at, self.report)?,
        }
        Ok(())
    }

    /// The long form of a function's tag; `None` for a tag of the YAML core schema.
    fn function(&self, tag: Option<&Tag>, line: usize) -> Result<Option<String>, Problem> {
        let Some(tag) = tag.filter(|tag| {
            !(tag.is_yaml_core_schema() || tag.handle.is_empty() && tag.suffix == "!")
        }) else {
            return Ok(None);
        };
        let function = (tag.handle == "!")
            .then(|| node::long_form(&tag.suffix))
            .flatten();
        if function.is_none() && !tag.suffix.is_empty() {
            self.report.problem(Problem::new(
                line,
                format!("`{tag}` is not a CloudFormation function"),
            ));
        }
        Ok(function)
    }
}

impl OpenMap {
    /// Adds a key, or the value of the last key. `plain` is the text of an unquoted scalar.
    fn add(
        &mut self,
        node: Node,
        plain: Option<&str>,
        at: Position,
        report: &Report,
    ) -> Result<(), Problem> {
        let Some(key) = self.key.take() else {
            let text = match (plain, &node.value) {
                (Some(plain), _) => plain.into(),
                (None, Value::Text(text)) => text.clone(),
                _ => return Err(at.problem("a key is not valid: expected a string")),
            };
            let merge = plain == Some("<<");
            self.key = Some(Key { text, at, merge });
            return Ok(());
        };
        if key.merge {
            self.merges.push(node);
        } else if let Some(first) = add_key(&mut self.lines, key.text.clone(), key.at.line) {
            let text = format!("the key `{}` is already defined on line {first}", key.text);
            report.problem(Problem::new(key.at.line, text));
        } else {
            self.entries.push(Entry {
                key: key.text,
                line: key.at.line,
                column: key.at.column,
                value: node,
            });
        }
        Ok(())
    }
}

/// Adds a key with its line. Returns the line of an earlier key that is equal.
fn add_key<K: Eq + Hash>(lines: &mut HashMap<K, usize>, key: K, line: usize) -> Option<usize> {
    let mut first = None;
    lines
        .entry(key)
        .and_modify(|line| first = Some(*line))
        .or_insert(line);
    first
}

fn too_deep(at: Position) -> Problem {
    at.problem(format!("values are nested deeper than {MAX_DEPTH} levels"))
}

/// The entries of a map, followed by the entries of the merged maps whose keys are new.
fn merged(mut entries: Vec<Entry>, merges: &[Node], report: &Report) -> Vec<Entry> {
    let mut keys: HashSet<_> = match merges.is_empty() {
        true => return entries,
        false => entries.iter().map(|entry| entry.key.clone()).collect(),
    };
    for merge in merges {
        for map in merge.items() {
            if !matches!(map.value, Value::Map(_)) {
                let text = format!("the value of `<<` is {}: expected a map", map.kind());
                report.problem(map.problem(text));
            }
            for entry in map.entries() {
                if keys.insert(entry.key.clone()) {
                    entries.push(entry.clone());
                }
            }
        }
    }
    entries
}

#[cfg(test)]
mod tests;
