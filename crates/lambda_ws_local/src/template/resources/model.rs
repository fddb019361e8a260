use crate::gateway::{self, Schema, SchemaError};
use crate::template::evaluate::{Evaluator, Properties, json, resource_names};
use crate::template::syntax::{Problem, listed};
use crate::template::transform::{Resource, resource_type};
use lambda_ws_protocol::selection::Expression;
use serde_json::Value;
use std::collections::BTreeMap;

/// The models that the messages of a route must match (conformance D7).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Models {
    /// The expression that selects a message's model: `ModelSelectionExpression`.
    pub selection: Expression,
    /// JSON Schemas by the keys of `RequestModels`; `$default` applies to all other messages.
    pub schemas: BTreeMap<String, Value>,
}

impl Models {
    /// Compiles the schemas for the gateway.
    ///
    /// # Errors
    ///
    /// If a schema is not valid. [`Template::parse`](crate::template::Template::parse) already rejects such a schema.
    pub fn compile(&self) -> Result<gateway::Models, SchemaError> {
        let mut schemas = Vec::new();
        for (key, schema) in &self.schemas {
            schemas.push((key.clone(), Schema::compile(schema)?));
        }
        Ok(gateway::Models::new(self.selection.clone(), schemas))
    }
}

/// Whether the route with this key receives messages.
pub(crate) fn has_messages(key: &str) -> bool {
    !matches!(key, "$connect" | "$disconnect")
}

/// Reports the models that API Gateway rejects, including unused ones.
pub(crate) fn check(evaluator: &Evaluator<'_>) {
    for model in evaluator.of_type(resource_type::MODEL) {
        evaluator.report.ok(compiled(evaluator, model));
    }
}

fn compiled(evaluator: &Evaluator<'_>, model: &Resource) -> Result<(), Problem> {
    let properties = Properties::of(evaluator, model, "model")?;
    let owner = &properties.owner;
    resource_names::api_id(evaluator, model)?;
    let name = properties.required("Name")?;
    if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_alphanumeric()) {
        let text = format!("model name `{name}` is not valid: expected letters and digits");
        return Err(properties.problem("Name", text));
    }
    if let Some(kind) = properties.text("ContentType")?
        && kind != "application/json"
    {
        let text = format!("`ContentType` of {owner} is `{kind}`: expected application/json");
        return Err(properties.problem("ContentType", text));
    }
    let schema = schema(evaluator, model)?;
    let schema = Schema::compile(&schema).map_err(|error| {
        let text = format!("`Schema` of {owner}: {error}");
        properties.problem("Schema", text)
    })?;
    for pattern in schema.unchecked_patterns() {
        let text = format!("the pattern `{pattern}` of {owner} is not checked locally");
        properties.note("Schema", text);
    }
    Ok(())
}

/// Returns the schema of a model: a map, or a string that contains JSON.
fn schema(evaluator: &Evaluator<'_>, model: &Resource) -> Result<Value, Problem> {
    let id = &model.id;
    let Some(node) = model.properties.entry("Schema") else {
        let text = format!("model `{id}` has no `Schema`");
        return Err(model.problem(text));
    };
    let schema = json::json(evaluator, node, true);
    match schema.map_err(|problem| problem.context(&format!("`Schema` of model `{id}`")))? {
        Value::String(text) => serde_json::from_str(&text).map_err(|error| {
            let text = format!("`Schema` of model `{id}` is not valid JSON: {error}");
            node.problem(text)
        }),
        schema => Ok(schema),
    }
}

/// Reads the models of a route; `None` if its messages are not checked.
pub(crate) fn of_route(
    evaluator: &Evaluator<'_>,
    resource: &Resource,
    properties: &Properties<'_>,
    key: &str,
) -> Result<Option<Models>, Problem> {
    let expression = properties.text("ModelSelectionExpression")?;
    let models = properties.map("RequestModels")?;
    let Some(expression) = expression.filter(|expression| !expression.is_empty()) else {
        if !models.is_empty() {
            let text = format!(
                "the `RequestModels` of route `{key}` have no effect without a `ModelSelectionExpression`, as on AWS"
            );
            properties.note("RequestModels", text);
        }
        return Ok(None);
    };
    if !has_messages(key) {
        let text =
            format!("the models of route `{key}` have no effect, because it receives no messages");
        properties.note("ModelSelectionExpression", text);
        return Ok(None);
    }
    // This expression accepts `$default` without the backslash.
    let expression = match &*expression {
        "$default" => r"\$default",
        other => other,
    };
    let selection = expression.parse::<Expression>().map_err(|error| {
        let text = format!("`ModelSelectionExpression` of route `{key}`: {error}");
        properties.problem("ModelSelectionExpression", text)
    })?;
    if models.is_empty() {
        let text = format!(
            "route `{key}` has a `ModelSelectionExpression` but no `RequestModels`: every message fails, as on AWS"
        );
        properties.note("ModelSelectionExpression", text);
    }
    let mut schemas = BTreeMap::new();
    for (model, _) in models.keys() {
        let Some(name) = models.text(model)? else {
            continue;
        };
        let found = find(evaluator, resource, &name, key, models.line(model))?;
        schemas.insert(model.to_owned(), schema(evaluator, found)?);
    }
    Ok(Some(Models { selection, schemas }))
}

/// Returns the model with this name in the API of a route.
fn find<'s>(
    evaluator: &'s Evaluator<'_>,
    route: &Resource,
    name: &str,
    key: &str,
    line: usize,
) -> Result<&'s Resource, Problem> {
    let api = resource_names::api_id(evaluator, route)?;
    let mut names = Vec::new();
    for model in evaluator.of_type(resource_type::MODEL) {
        if resource_names::belongs_to(evaluator, model, &api)
            && let Some(own) = evaluator.property(model, "Name")
        {
            if own == name {
                return Ok(model);
            }
            names.push(own);
        }
    }
    let names = listed(&names);
    let text = format!(
        "route `{key}` uses model `{name}`, which its API does not have (models: {names}); use the `Name` of a model"
    );
    Err(Problem::new(line, text))
}
