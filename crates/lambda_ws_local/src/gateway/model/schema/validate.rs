//! The check of values.

use super::values::{canonical, compare, is_multiple};
use super::{Items, Node, Others, Rule, Schema, below};
use serde_json::{Map, Value};
use std::collections::HashSet;

/// Why a value does not match a schema. The texts contain nothing of the value but names of properties.
#[derive(Debug)]
pub(in crate::gateway) struct Misfit {
    /// The JSON pointer of the part that does not match.
    pub(in crate::gateway) path: String,
    pub(in crate::gateway) reason: String,
}

type Checked = Result<(), Misfit>;

impl Schema {
    /// Checks a value, up to the first part that does not match.
    pub(in crate::gateway) fn validate(&self, value: &Value) -> Checked {
        self.node(0, value, "")
    }

    fn node(&self, node: Node, value: &Value, path: &str) -> Checked {
        for rule in &self.nodes[node] {
            self.rule(rule, value, path)?;
        }
        Ok(())
    }

    fn matches(&self, node: Node, value: &Value) -> bool {
        self.node(node, value, "").is_ok()
    }

    fn rule(&self, rule: &Rule, value: &Value, path: &str) -> Checked {
        let expect = |is_valid: bool, expected: &dyn Fn() -> String| match is_valid {
            true => Ok(()),
            false => Err(Misfit {
                path: path.to_owned(),
                reason: format!("expected {}", expected()),
            }),
        };
        match (rule, value) {
            (Rule::Type(types), _) => expect(types.iter().any(|name| is_of(value, name)), &|| {
                format!("the type {}", types.join(" or "))
            }),
            (Rule::Enum(texts, allowed), _) => {
                expect(
                    allowed.contains(&canonical(value)),
                    &|| match allowed.len() {
                        1 => texts.clone(),
                        _ => format!("one of {texts}"),
                    },
                )
            }
            (Rule::MultipleOf(divisor), Value::Number(number)) => {
                expect(is_multiple(number, divisor), &|| {
                    format!("a multiple of {divisor}")
                })
            }
            (Rule::Minimum(limit, is_exclusive), Value::Number(number)) => {
                let order = compare(number, limit);
                match is_exclusive {
                    true => expect(order.is_gt(), &|| format!("more than {limit}")),
                    false => expect(order.is_ge(), &|| format!("at least {limit}")),
                }
            }
            (Rule::Maximum(limit, is_exclusive), Value::Number(number)) => {
                let order = compare(number, limit);
                match is_exclusive {
                    true => expect(order.is_lt(), &|| format!("less than {limit}")),
                    false => expect(order.is_le(), &|| format!("at most {limit}")),
                }
            }
            (Rule::MinLength(limit), Value::String(text)) => {
                expect(text.chars().count() as u64 >= *limit, &|| {
                    format!("at least {limit} characters")
                })
            }
            (Rule::MaxLength(limit), Value::String(text)) => {
                expect(text.chars().count() as u64 <= *limit, &|| {
                    format!("at most {limit} characters")
                })
            }
            (Rule::Pattern(pattern), Value::String(text)) => expect(pattern.matches(text), &|| {
                format!("a string that matches `{}`", pattern.text)
            }),
            (Rule::Format(format), Value::String(text)) => {
                expect(format.matches(text), &|| format.description().to_owned())
            }
            (Rule::MinItems(limit), Value::Array(items)) => {
                expect(items.len() as u64 >= *limit, &|| {
                    format!("at least {limit} items")
                })
            }
            (Rule::MaxItems(limit), Value::Array(items)) => {
                expect(items.len() as u64 <= *limit, &|| {
                    format!("at most {limit} items")
                })
            }
            (Rule::UniqueItems, Value::Array(items)) => {
                let mut known = HashSet::new();
                let are_unique = items.iter().all(|item| known.insert(canonical(item)));
                expect(are_unique, &|| "different items".to_owned())
            }
            (Rule::Items(rule), Value::Array(items)) => self.items(rule, items, path),
            (Rule::MinProperties(limit), Value::Object(members)) => {
                expect(members.len() as u64 >= *limit, &|| {
                    format!("at least {limit} properties")
                })
            }
            (Rule::MaxProperties(limit), Value::Object(members)) => {
                expect(members.len() as u64 <= *limit, &|| {
                    format!("at most {limit} properties")
                })
            }
            (Rule::Required(names), Value::Object(members)) => {
                match names.iter().find(|name| !members.contains_key(*name)) {
                    Some(name) => expect(false, &|| format!("the required property `{name}`")),
                    None => Ok(()),
                }
            }
            (Rule::Properties { .. }, Value::Object(members)) => {
                self.properties(rule, members, path)
            }
            (Rule::DependentNames(name, names), Value::Object(members))
                if members.contains_key(name) =>
            {
                match names.iter().find(|name| !members.contains_key(*name)) {
                    Some(missing) => expect(false, &|| {
                        format!("the property `{missing}`, because there is `{name}`")
                    }),
                    None => Ok(()),
                }
            }
            (Rule::DependentSchema(name, node), Value::Object(members))
                if members.contains_key(name) =>
            {
                self.node(*node, value, path)
            }
            (Rule::AllOf(nodes), _) => nodes
                .iter()
                .try_for_each(|&node| self.node(node, value, path)),
            (Rule::AnyOf(nodes), _) => {
                expect(nodes.iter().any(|&node| self.matches(node, value)), &|| {
                    "a value that matches a schema of `anyOf`".to_owned()
                })
            }
            (Rule::OneOf(nodes), _) => {
                let matching = nodes.iter().filter(|&&node| self.matches(node, value));
                let count = matching.count();
                expect(count == 1, &|| {
                    format!("a value that matches one schema of `oneOf`, not {count}")
                })
            }
            (Rule::Not(node), _) => expect(!self.matches(*node, value), &|| {
                "a value that does not match the schema of `not`".to_owned()
            }),
            (Rule::Reference(node), _) => self.node(*node, value, path),
            _ => Ok(()),
        }
    }

    fn items(&self, rule: &Items, items: &[Value], path: &str) -> Checked {
        for (i, item) in items.iter().enumerate() {
            let path = format!("{path}/{i}");
            match rule {
                Items::All(node) => self.node(*node, item, &path)?,
                Items::Each(nodes, others) => match nodes.get(i) {
                    Some(&node) => self.node(node, item, &path)?,
                    None => self.other(others, item, path, || {
                        format!("expected at most {} items", nodes.len())
                    })?,
                },
            }
        }
        Ok(())
    }

    fn properties(&self, rule: &Rule, members: &Map<String, Value>, path: &str) -> Checked {
        let Rule::Properties {
            named,
            patterns,
            others,
        } = rule
        else {
            return Ok(());
        };
        for (name, value) in members {
            let path = below(path, name);
            let mut is_known = false;
            if let Some(&node) = named.get(name) {
                is_known = true;
                self.node(node, value, &path)?;
            }
            for (pattern, node) in patterns {
                if pattern.matches(name) {
                    is_known = true;
                    self.node(*node, value, &path)?;
                }
            }
            if !is_known {
                self.other(others, value, path, || {
                    "the model does not allow this property".to_owned()
                })?;
            }
        }
        Ok(())
    }

    fn other(
        &self,
        others: &Others,
        value: &Value,
        path: String,
        reason: impl Fn() -> String,
    ) -> Checked {
        match others {
            Others::Any => Ok(()),
            Others::None => Err(Misfit {
                path,
                reason: reason(),
            }),
            Others::Schema(node) => self.node(*node, value, &path),
        }
    }
}

fn is_large(float: f64) -> bool {
    float.abs() >= 2_f64.powi(63)
}

/// Returns whether a value has a type of draft 4, where `1.0` is not an integer.
fn is_of(value: &Value, name: &str) -> bool {
    match value {
        Value::Null => name == "null",
        Value::Bool(_) => name == "boolean",
        // An integer with more than 64 bits is read as a float.
        Value::Number(number) => {
            let is_integer = || !number.is_f64() || number.as_f64().is_some_and(is_large);
            name == "number" || (name == "integer" && is_integer())
        }
        Value::String(_) => name == "string",
        Value::Array(_) => name == "array",
        Value::Object(_) => name == "object",
    }
}
