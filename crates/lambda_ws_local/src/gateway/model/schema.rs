//! JSON Schema of draft 4, the language of API Gateway's models.
//!
//! Libraries for JSON Schema support every draft. They take a tenth of the time to compile the gateway.
//! `compile.rs` reads a schema once and reports its mistakes; `validate.rs` checks values.

mod compile;
mod format;
mod pattern;
#[cfg(test)]
mod tests;
mod validate;
mod values;

use format::Format;
use pattern::Pattern;
use serde_json::{Number, Value};
use std::collections::{HashMap, HashSet};
pub(in crate::gateway) use validate::Misfit;

/// A compiled JSON Schema of draft 4, the language of API Gateway's models.
pub struct Schema {
    /// The schema itself is first. Schemas refer to others by their index, because they may be recursive.
    nodes: Vec<Vec<Rule>>,
}

/// Why a JSON value is not a valid schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SchemaError(String);

/// The index of a schema in [`Schema::nodes`].
type Node = usize;

/// A keyword, or several that depend on each other.
enum Rule {
    Type(Vec<String>),
    /// The allowed values as JSON, and their canonical forms.
    Enum(String, HashSet<String>),
    MultipleOf(Number),
    /// The limit, and whether the limit itself is not allowed.
    Minimum(Number, bool),
    Maximum(Number, bool),
    MinLength(u64),
    MaxLength(u64),
    Pattern(Pattern),
    Format(Format),
    MinItems(u64),
    MaxItems(u64),
    UniqueItems,
    Items(Items),
    MinProperties(u64),
    MaxProperties(u64),
    Required(Vec<String>),
    Properties {
        named: HashMap<String, Node>,
        patterns: Vec<(Pattern, Node)>,
        others: Others,
    },
    /// The properties that a property requires.
    DependentNames(String, Vec<String>),
    DependentSchema(String, Node),
    AllOf(Vec<Node>),
    AnyOf(Vec<Node>),
    OneOf(Vec<Node>),
    Not(Node),
    Reference(Node),
}

enum Items {
    All(Node),
    /// The first items, and those after them.
    Each(Vec<Node>, Others),
}

/// What `additionalItems` and `additionalProperties` allow.
enum Others {
    Any,
    None,
    Schema(Node),
}

impl Schema {
    /// Compiles a schema. References outside the schema are not fetched.
    ///
    /// # Errors
    ///
    /// The value is not a schema of draft 4, it has references to other documents, or its references form a cycle.
    pub fn compile(schema: &Value) -> Result<Self, SchemaError> {
        let nodes = compile::nodes(schema)?;
        let mut states = vec![State::New; nodes.len()];
        for node in 0..nodes.len() {
            if !ends(&nodes, node, &mut states) {
                let text = "`$ref` is not valid: the schema refers to itself for the same value";
                return Err(SchemaError(text.to_owned()));
            }
        }
        Ok(Self { nodes })
    }

    /// Returns the patterns that the gateway does not check. They have back-references, classes of Unicode such as
    /// `\p{Letter}`, or look-around. Lookaheads after the first `^` are supported.
    pub fn unchecked_patterns(&self) -> impl Iterator<Item = &str> {
        let patterns = self.nodes.iter().flatten().flat_map(Rule::patterns);
        let unchecked = patterns.filter(|pattern| !pattern.is_supported());
        unchecked.map(|pattern| pattern.text.as_str())
    }
}

impl Rule {
    fn patterns(&self) -> Vec<&Pattern> {
        match self {
            Rule::Pattern(pattern) => vec![pattern],
            Rule::Properties { patterns, .. } => patterns.iter().map(|(one, _)| one).collect(),
            _ => Vec::new(),
        }
    }
}

/// How far the search for cycles is.
#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    Entered,
    Ends,
}

/// Returns whether the schemas that apply to the same value as `node` do not include `node`.
fn ends(nodes: &[Vec<Rule>], node: Node, states: &mut [State]) -> bool {
    if states[node] != State::New {
        return states[node] == State::Ends;
    }
    states[node] = State::Entered;
    let all_end = nodes[node].iter().all(|rule| {
        let same = match rule {
            Rule::AllOf(nodes) | Rule::AnyOf(nodes) | Rule::OneOf(nodes) => nodes.as_slice(),
            Rule::Not(node) | Rule::Reference(node) | Rule::DependentSchema(_, node) => {
                std::slice::from_ref(node)
            }
            _ => &[],
        };
        same.iter().all(|&node| ends(nodes, node, states))
    });
    states[node] = State::Ends;
    all_end
}

/// Returns the JSON pointer of a member.
fn below(pointer: &str, name: &str) -> String {
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}
