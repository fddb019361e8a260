use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::rc::Rc;

use saphyr_parser::{Event, ScalarStyle, Span, Tag};

use crate::template::syntax::{Entry, Node, Problem, Report, Value, node};

/// How deep values may be nested, aliases included.
const MAX_DEPTH: usize = 64;
/// How many values there may be, each alias counted with all that it repeats.
const MAX_NODES: usize = 50_000;

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
    line: usize,
    column: usize,
    nodes: usize,
    depth: usize,
    parts: Parts,
}

enum Parts {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        /// The line of each entry.
        lines: HashMap<Rc<str>, usize>,
        merges: Vec<Node>,
        key: Option<Key>,
    },
}

struct Key {
    text: Rc<str>,
    line: usize,
    column: usize,
    merge: bool,
}

/// Builds the tree of nodes from the events of a parser.
pub(super) struct Builder<'r> {
    report: &'r Report,
    open: Vec<Open>,
    anchors: HashMap<usize, Tree>,
    pub(super) root: Option<Node>,
}

/// Adds a key with its line; returns the line where it was given before.
fn add_key<K: Eq + Hash>(lines: &mut HashMap<K, usize>, key: K, line: usize) -> Option<usize> {
    let mut first = None;
    lines
        .entry(key)
        .and_modify(|line| first = Some(*line))
        .or_insert(line);
    first
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
        let (line, column) = (span.start.line(), span.start.col() + 1);
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_none() => Ok(()),
            Event::DocumentStart(_) => Err(Problem::at(
                line,
                column,
                "a second document begins here; a template is one",
            )),
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(tree) => {
                    let tree = tree.clone();
                    self.add(tree, None, line, column)
                }
                None => Err(Problem::at(
                    line,
                    column,
                    "an alias stands inside its own anchor",
                )),
            },
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let node = if plain {
                    Node::plain(&text, line)
                } else {
                    Node::text(&text, line)
                };
                let node = node.in_column(column);
                let key = plain.then_some(&*text);
                let tag = self.function(tag.as_deref(), line)?;
                self.finish(
                    Tree {
                        node,
                        nodes: 1,
                        depth: 0,
                    },
                    anchor,
                    tag,
                    key,
                    column,
                )
            }
            Event::SequenceStart(anchor, tag) => self.begin(
                anchor,
                tag.as_deref(),
                Parts::List(Vec::new()),
                line,
                column,
            ),
            Event::MappingStart(anchor, tag) => {
                let parts = Parts::Map {
                    entries: Vec::new(),
                    lines: HashMap::new(),
                    merges: Vec::new(),
                    key: None,
                };
                self.begin(anchor, tag.as_deref(), parts, line, column)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(column),
        }
    }

    fn begin(
        &mut self,
        anchor: usize,
        tag: Option<&Tag>,
        parts: Parts,
        line: usize,
        column: usize,
    ) -> Result<(), Problem> {
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(line, column));
        }
        let tag = self.function(tag, line)?;
        self.open.push(Open {
            anchor,
            tag,
            line,
            column,
            nodes: 1,
            depth: 0,
            parts,
        });
        Ok(())
    }

    fn end(&mut self, column: usize) -> Result<(), Problem> {
        let Some(Open {
            anchor,
            tag,
            line,
            column: begin,
            nodes,
            depth,
            parts,
        }) = self.open.pop()
        else {
            return Ok(());
        };
        let node = match parts {
            Parts::List(items) => Node::list(items, line),
            Parts::Map {
                entries, merges, ..
            } => Node::map(merged(entries, &merges, self.report), line),
        };
        let node = node.in_column(begin);
        self.finish(Tree { node, nodes, depth }, anchor, tag, None, column)
    }

    /// Gives a value its function, remembers it under its anchor, and puts it where it belongs.
    fn finish(
        &mut self,
        mut tree: Tree,
        anchor: usize,
        tag: Option<String>,
        key: Option<&str>,
        column: usize,
    ) -> Result<(), Problem> {
        let line = tree.node.line;
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
        self.add(tree, key, line, column)
    }

    fn add(
        &mut self,
        tree: Tree,
        plain: Option<&str>,
        line: usize,
        column: usize,
    ) -> Result<(), Problem> {
        let level = self.open.len();
        let Some(open) = self.open.last_mut() else {
            self.root = Some(tree.node);
            return Ok(());
        };
        open.nodes += tree.nodes;
        open.depth = open.depth.max(tree.depth + 1);
        if open.nodes > MAX_NODES {
            return Err(Problem::at(
                line,
                column,
                format!("aliases repeat more than {MAX_NODES} values here"),
            ));
        }
        if level + tree.depth > MAX_DEPTH {
            return Err(too_deep(line, column));
        }
        match &mut open.parts {
            Parts::List(items) => items.push(tree.node),
            Parts::Map {
                entries,
                lines,
                merges,
                key,
            } => match key.take() {
                Some(Key { merge: true, .. }) => merges.push(tree.node),
                Some(name) => {
                    if let Some(first) = add_key(lines, name.text.clone(), name.line) {
                        let text =
                            format!("the key `{}` was given before, on line {first}", name.text);
                        self.report.problem(Problem::new(name.line, text));
                    } else {
                        entries.push(Entry {
                            key: name.text,
                            line: name.line,
                            column: name.column,
                            value: tree.node,
                        });
                    }
                }
                None => {
                    let text = match (plain, &tree.node.value) {
                        (Some(plain), _) => plain.into(),
                        (None, Value::Text(text)) => text.clone(),
                        _ => return Err(Problem::at(line, column, "a key must be a text")),
                    };
                    *key = Some(Key {
                        text,
                        line,
                        column,
                        merge: plain == Some("<<"),
                    });
                }
            },
        }
        Ok(())
    }

    /// The long form of a function's tag; a tag of YAML's own schema changes nothing.
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
                format!("`{tag}` is no function of CloudFormation"),
            ));
        }
        Ok(function)
    }
}

fn too_deep(line: usize, column: usize) -> Problem {
    Problem::at(
        line,
        column,
        format!("values are nested deeper than {MAX_DEPTH} levels"),
    )
}

/// The entries of a map: its own first, then those of the merged maps that it does not have.
fn merged(mut entries: Vec<Entry>, merges: &[Node], report: &Report) -> Vec<Entry> {
    let mut keys: HashSet<_> = match merges.is_empty() {
        true => return entries,
        false => entries.iter().map(|entry| entry.key.clone()).collect(),
    };
    for merge in merges {
        let maps = merge.as_list().unwrap_or(std::slice::from_ref(merge));
        for map in maps {
            if !matches!(map.value, Value::Map(_)) {
                let text = format!("`<<` merges maps, and this is {}", map.kind());
                report.problem(Problem::new(map.line, text));
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
