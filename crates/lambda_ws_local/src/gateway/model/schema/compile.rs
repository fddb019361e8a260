//! Reads schemas.

use super::{Format, Items, Node, Others, Pattern, Rule, SchemaError, below, values};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Number, Value};
use std::collections::{HashMap, HashSet};

/// Compiles a schema and all schemas in it.
pub(super) fn nodes(schema: &Value) -> Result<Vec<Vec<Rule>>, SchemaError> {
    let mut compiler = Compiler {
        document: schema,
        nodes: Vec::new(),
        known: HashMap::new(),
    };
    compiler.schema(schema, "")?;
    Ok(compiler.nodes)
}

struct Compiler<'a> {
    document: &'a Value,
    nodes: Vec<Vec<Rule>>,
    /// The compiled schemas by their JSON pointers.
    known: HashMap<String, Node>,
}

/// Returns the error of a keyword at a JSON pointer.
fn invalid<T>(pointer: &str, expected: &str) -> Result<T, SchemaError> {
    Err(SchemaError(match pointer {
        "" => format!("the schema is not valid: expected {expected}"),
        _ => format!("`{pointer}` is not valid: expected {expected}"),
    }))
}

impl<'a> Compiler<'a> {
    fn schema(&mut self, schema: &'a Value, pointer: &str) -> Result<Node, SchemaError> {
        if let Some(&node) = self.known.get(pointer) {
            return Ok(node);
        }
        let Some(schema) = schema.as_object() else {
            return invalid(pointer, "a schema, which is an object");
        };
        let node = self.nodes.len();
        self.nodes.push(Vec::new());
        self.known.insert(pointer.to_owned(), node);
        let mut rules = Vec::new();
        if let Some(reference) = schema.get("$ref") {
            // Draft 4 ignores all other keywords.
            rules.push(self.reference(reference, &below(pointer, "$ref"))?);
        } else {
            for (keyword, value) in schema {
                let pointer = below(pointer, keyword);
                rules.extend(self.rules(schema, keyword, value, &pointer)?);
            }
            self.properties(schema, pointer, &mut rules)?;
            self.items(schema, pointer, &mut rules)?;
        }
        self.nodes[node] = rules;
        Ok(node)
    }

    fn reference(&mut self, reference: &'a Value, pointer: &str) -> Result<Rule, SchemaError> {
        let Some(text) = reference.as_str() else {
            return invalid(pointer, "a string such as `#/definitions/name`");
        };
        let id = self.document.get("id").and_then(Value::as_str);
        let id = id.map(|id| id.trim_end_matches('#'));
        let local = id.and_then(|id| text.strip_prefix(id)).unwrap_or(text);
        let Some(fragment) = local.strip_prefix('#') else {
            let text = format!(
                "`{pointer}` is not valid: references to other documents are not supported: put the schema below `definitions`"
            );
            return Err(SchemaError(text));
        };
        let target = percent_decode_str(fragment).decode_utf8_lossy();
        match self.document.pointer(&target) {
            Some(schema) => Ok(Rule::Reference(self.schema(schema, &target)?)),
            None => invalid(
                pointer,
                "`#` or the path of a schema, such as `#/definitions/name`",
            ),
        }
    }

    /// Returns the rules of a keyword. Unknown ones have no effect.
    fn rules(
        &mut self,
        schema: &'a Map<String, Value>,
        keyword: &str,
        value: &'a Value,
        at: &str,
    ) -> Result<Vec<Rule>, SchemaError> {
        let is_exclusive = |name| schema.get(name).and_then(Value::as_bool) == Some(true);
        let rule = match keyword {
            "type" => Rule::Type(types(value, at)?),
            "enum" => match value.as_array() {
                Some(allowed) if !allowed.is_empty() => {
                    let texts: Vec<_> = allowed.iter().map(Value::to_string).collect();
                    let canonical = allowed.iter().map(values::canonical).collect();
                    Rule::Enum(texts.join(", "), canonical)
                }
                _ => return invalid(at, "a list of values"),
            },
            "multipleOf" => {
                let divisor = number(value, at)?;
                if divisor.as_f64().is_none_or(|divisor| divisor <= 0.0) {
                    return invalid(at, "a number greater than 0");
                }
                Rule::MultipleOf(divisor)
            }
            "minimum" => Rule::Minimum(number(value, at)?, is_exclusive("exclusiveMinimum")),
            "maximum" => Rule::Maximum(number(value, at)?, is_exclusive("exclusiveMaximum")),
            "minLength" => Rule::MinLength(count(value, at)?),
            "maxLength" => Rule::MaxLength(count(value, at)?),
            "minItems" => Rule::MinItems(count(value, at)?),
            "maxItems" => Rule::MaxItems(count(value, at)?),
            "minProperties" => Rule::MinProperties(count(value, at)?),
            "maxProperties" => Rule::MaxProperties(count(value, at)?),
            "pattern" => match value.as_str() {
                Some(text) => Rule::Pattern(pattern(text, at)?),
                None => return invalid(at, "a string with a regular expression"),
            },
            "format" => match value.as_str() {
                Some(name) => return Ok(Format::of(name).map(Rule::Format).into_iter().collect()),
                None => return invalid(at, "a string such as `date-time`"),
            },
            "uniqueItems" => match value.as_bool() {
                Some(true) => Rule::UniqueItems,
                Some(false) => return Ok(Vec::new()),
                None => return invalid(at, "true or false"),
            },
            "exclusiveMinimum" | "exclusiveMaximum" => {
                let limit = keyword.replace("exclusiveM", "m");
                return match value.is_boolean() && schema.contains_key(&limit) {
                    true => Ok(Vec::new()),
                    false => invalid(at, &format!("true or false, beside `{limit}`")),
                };
            }
            "required" => Rule::Required(names(value, at)?),
            "dependencies" => return self.dependencies(value, at),
            "definitions" => {
                self.named(value, at)?;
                return Ok(Vec::new());
            }
            "allOf" => Rule::AllOf(self.list(value, at)?),
            "anyOf" => Rule::AnyOf(self.list(value, at)?),
            "oneOf" => Rule::OneOf(self.list(value, at)?),
            "not" => Rule::Not(self.schema(value, at)?),
            "$schema" | "id" | "title" | "description" if !value.is_string() => {
                return invalid(at, "a string");
            }
            _ => return Ok(Vec::new()),
        };
        Ok(vec![rule])
    }

    fn properties(
        &mut self,
        schema: &'a Map<String, Value>,
        pointer: &str,
        rules: &mut Vec<Rule>,
    ) -> Result<(), SchemaError> {
        let mut named = HashMap::new();
        if let Some(properties) = schema.get("properties") {
            named.extend(self.named(properties, &below(pointer, "properties"))?);
        }
        let mut patterns = Vec::new();
        if let Some(properties) = schema.get("patternProperties") {
            let pointer = below(pointer, "patternProperties");
            for (text, node) in self.named(properties, &pointer)? {
                patterns.push((pattern(&text, &below(&pointer, &text))?, node));
            }
        }
        let others = self.others(schema, "additionalProperties", pointer)?;
        let is_any = matches!(others, Others::Any);
        if !named.is_empty() || !patterns.is_empty() || !is_any {
            rules.push(Rule::Properties {
                named,
                patterns,
                others,
            });
        }
        Ok(())
    }

    fn items(
        &mut self,
        schema: &'a Map<String, Value>,
        pointer: &str,
        rules: &mut Vec<Rule>,
    ) -> Result<(), SchemaError> {
        let others = self.others(schema, "additionalItems", pointer)?;
        let pointer = below(pointer, "items");
        match schema.get("items") {
            Some(Value::Array(_)) => {
                let each = self.list(&schema["items"], &pointer)?;
                rules.push(Rule::Items(Items::Each(each, others)));
            }
            // `additionalItems` has no effect without a list.
            Some(all) => rules.push(Rule::Items(Items::All(self.schema(all, &pointer)?))),
            None => {}
        }
        Ok(())
    }

    fn others(
        &mut self,
        schema: &'a Map<String, Value>,
        keyword: &str,
        pointer: &str,
    ) -> Result<Others, SchemaError> {
        match schema.get(keyword) {
            None | Some(Value::Bool(true)) => Ok(Others::Any),
            Some(Value::Bool(false)) => Ok(Others::None),
            Some(schema @ Value::Object(_)) => {
                let node = self.schema(schema, &below(pointer, keyword))?;
                Ok(Others::Schema(node))
            }
            Some(_) => invalid(&below(pointer, keyword), "true, false or a schema"),
        }
    }

    fn dependencies(&mut self, value: &'a Value, at: &str) -> Result<Vec<Rule>, SchemaError> {
        let Some(dependencies) = value.as_object() else {
            return invalid(at, "an object with schemas or lists of properties");
        };
        let mut rules = Vec::new();
        for (name, value) in dependencies {
            let pointer = below(at, name);
            rules.push(match value {
                Value::Array(_) => Rule::DependentNames(name.clone(), names(value, &pointer)?),
                _ => Rule::DependentSchema(name.clone(), self.schema(value, &pointer)?),
            });
        }
        Ok(rules)
    }

    fn named(&mut self, value: &'a Value, at: &str) -> Result<Vec<(String, Node)>, SchemaError> {
        let Some(schemas) = value.as_object() else {
            return invalid(at, "an object with schemas");
        };
        let named = schemas.iter().map(|(name, schema)| {
            let node = self.schema(schema, &below(at, name))?;
            Ok((name.clone(), node))
        });
        named.collect()
    }

    fn list(&mut self, value: &'a Value, at: &str) -> Result<Vec<Node>, SchemaError> {
        match value.as_array() {
            Some(schemas) if !schemas.is_empty() => {
                let schemas = schemas.iter().enumerate();
                let nodes = schemas.map(|(i, schema)| self.schema(schema, &format!("{at}/{i}")));
                nodes.collect()
            }
            _ => invalid(at, "a list of schemas"),
        }
    }
}

fn types(value: &Value, at: &str) -> Result<Vec<String>, SchemaError> {
    const TYPES: [&str; 7] = [
        "array", "boolean", "integer", "null", "number", "object", "string",
    ];
    let types = match value {
        Value::String(one) => vec![one.clone()],
        _ => names(value, at)?,
    };
    match types.iter().all(|name| TYPES.contains(&&**name)) {
        true => Ok(types),
        false => invalid(at, &format!("one or several of {}", TYPES.join(", "))),
    }
}

fn names(value: &Value, at: &str) -> Result<Vec<String>, SchemaError> {
    let names = value.as_array().and_then(|names| {
        let names = names.iter().map(|name| name.as_str().map(str::to_owned));
        names.collect::<Option<Vec<_>>>()
    });
    match names {
        Some(names)
            if !names.is_empty() && names.iter().collect::<HashSet<_>>().len() == names.len() =>
        {
            Ok(names)
        }
        _ => invalid(at, "a list of different strings"),
    }
}

fn number(value: &Value, at: &str) -> Result<Number, SchemaError> {
    match value {
        Value::Number(number) => Ok(number.clone()),
        _ => invalid(at, "a number"),
    }
}

fn count(value: &Value, at: &str) -> Result<u64, SchemaError> {
    match value.as_u64() {
        Some(count) => Ok(count),
        None => invalid(at, "an integer of at least 0"),
    }
}

fn pattern(text: &str, at: &str) -> Result<Pattern, SchemaError> {
    match Pattern::parse(text) {
        Some(pattern) => Ok(pattern),
        None => invalid(at, "a regular expression"),
    }
}
