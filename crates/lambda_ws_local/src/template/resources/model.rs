use std::collections::BTreeMap;

use lambda_ws::selection::Expression;
use serde_json::Value;

use super::{route, stage};
use crate::gateway::{self, BadSchema, Schema};
use crate::template::evaluate::{Evaluator, Properties, json};
use crate::template::syntax::Problem;
use crate::template::transform::Resource;

pub(crate) const KIND: &str = "AWS::ApiGatewayV2::Model";

/// What the messages of a route must look like (conformance D7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Models {
    /// What selects a message's model: `ModelSelectionExpression`.
    pub selection: Expression,
    /// JSON Schemas by the keys of `RequestModels`; that of `$default` is for all other messages.
    pub schemas: BTreeMap<String, Value>,
}

impl Models {
    /// The same, as a gateway checks it.
    ///
    /// # Errors
    ///
    /// A schema that is none, which a template that was read does not have.
    pub fn compile(&self) -> Result<gateway::Models, BadSchema> {
        let mut schemas = Vec::new();
        for (key, schema) in &self.schemas {
            schemas.push((key.clone(), Schema::compile(schema)?));
        }
        Ok(gateway::Models::new(self.selection.clone(), schemas))
    }
}

/// Reports the models that API Gateway would not take, used or not.
pub(crate) fn check(evaluator: &Evaluator<'_>) {
    for model in evaluator.of_kind(KIND) {
        evaluator.report.keep(compiled(evaluator, model));
    }
}

fn compiled(evaluator: &Evaluator<'_>, model: &Resource) -> Result<(), Problem> {
    let owner = format!("model `{}`", model.id);
    let properties = Properties::new(evaluator, &model.properties, owner)?;
    stage::api(evaluator, model)?;
    let name = properties.required("Name")?;
    if name.is_empty() || !name.chars().all(|letter| letter.is_ascii_alphanumeric()) {
        let text = format!("`{name}` is no name of a model: only letters and digits");
        return Err(Problem::new(properties.line("Name"), text));
    }
    if let Some(kind) = properties.text("ContentType")?
        && kind != "application/json"
    {
        let text = format!(
            "{} is of `{kind}`, but messages are only checked as application/json",
            properties.owner
        );
        return Err(Problem::new(properties.line("ContentType"), text));
    }
    let schema = schema(evaluator, model)?;
    Schema::compile(&schema).map(drop).map_err(|error| {
        let text = format!(
            "the `Schema` of {} cannot be checked: {error}",
            properties.owner
        );
        Problem::new(properties.line("Schema"), text)
    })
}

/// A model's schema: a map, or a text that is JSON.
fn schema(evaluator: &Evaluator<'_>, model: &Resource) -> Result<Value, Problem> {
    let Some(node) = model.properties.entry("Schema") else {
        let text = format!("model `{}` has no `Schema`", model.id);
        return Err(Problem::new(model.line, text));
    };
    let told = |problem: Problem| problem.context(&format!("`Schema` of model `{}`", model.id));
    match json::json(evaluator, node).map_err(told)? {
        Value::String(text) => serde_json::from_str(&text).map_err(|error| {
            let text = format!("`Schema` of model `{}` is no JSON: {error}", model.id);
            Problem::new(node.line, text)
        }),
        schema => Ok(schema),
    }
}

/// The models of a route; `None` if its messages are not checked.
pub(crate) fn of_route(
    evaluator: &Evaluator<'_>,
    resource: &Resource,
    properties: &Properties<'_, '_>,
    key: &str,
) -> Result<Option<Models>, Problem> {
    let expression = properties.text("ModelSelectionExpression")?;
    let named = properties.map("RequestModels")?;
    let (expression_line, models_line) = (
        properties.line("ModelSelectionExpression"),
        properties.line("RequestModels"),
    );
    let Some(expression) = expression.filter(|expression| !expression.is_empty()) else {
        if !named.is_empty() {
            let text = format!(
                "the `RequestModels` of route `{key}` check nothing without a `ModelSelectionExpression`, as on AWS"
            );
            evaluator.report.note(models_line, text);
        }
        return Ok(None);
    };
    if route::PREDEFINED[..2].contains(&key) {
        let text = format!("route `{key}` has no messages that a model could check");
        evaluator.report.note(expression_line, text);
        return Ok(None);
    }
    // Written as in other expressions, where it needs no backslash.
    let expression = match &*expression {
        "$default" => r"\$default",
        other => other,
    };
    let selection = expression.parse::<Expression>().map_err(|error| {
        let text = format!("`ModelSelectionExpression` of route `{key}`: {error}");
        Problem::new(expression_line, text)
    })?;
    if named.is_empty() {
        let text = format!(
            "route `{key}` has a `ModelSelectionExpression` and no `RequestModels`: every message fails, as on AWS"
        );
        evaluator.report.note(expression_line, text);
    }
    let mut schemas = BTreeMap::new();
    for (model, _) in named.keys() {
        let Some(name) = named.text(model)? else {
            continue;
        };
        let found = find(evaluator, resource, &name, key, named.line(model))?;
        schemas.insert(model.to_owned(), schema(evaluator, found)?);
    }
    Ok(Some(Models { selection, schemas }))
}

/// The model of that name in the API of a route.
fn find<'s>(
    evaluator: &'s Evaluator<'_>,
    route: &Resource,
    name: &str,
    key: &str,
    line: usize,
) -> Result<&'s Resource, Problem> {
    let api = stage::api(evaluator, route)?;
    let mut names = Vec::new();
    for model in evaluator.of_kind(KIND) {
        if stage::api(evaluator, model).is_ok_and(|other| other == api)
            && let Some(own) = model.properties.entry("Name")
            && let Ok(own) = evaluator.text(own)
        {
            if own == name {
                return Ok(model);
            }
            names.push(own);
        }
    }
    let names = match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    };
    let text = format!(
        "route `{key}` uses model `{name}`, which its API does not have (models: {names}); it is named by the model's `Name`"
    );
    Err(Problem::new(line, text))
}
