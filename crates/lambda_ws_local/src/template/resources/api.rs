use super::model;
use super::route::{self, Route};
use super::stage::{self, Throttling};
use crate::gateway::{ApiKey, ApiKeySource};
use crate::template::evaluate::{Evaluator, Properties, resource_names};
use crate::template::syntax::Problem;
use crate::template::transform::{Resource, resource_type};
use std::collections::BTreeMap;

/// A WebSocket API of the template, with the stage that is served.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Api {
    /// Its name in the template.
    pub logical_id: String,
    /// Its id in URLs: 10 letters and digits that depend only on the logical id.
    pub id: String,
    /// The expression that selects a message's route, such as `$request.body.action` (conformance D1).
    pub route_selection_expression: String,
    /// The stage's name: 1 to 128 letters, digits, `_` and `-`.
    pub stage: String,
    /// `StageVariables`, evaluated.
    pub stage_variables: BTreeMap<String, String>,
    /// The rate limits of the stage's routes.
    pub throttling: Throttling,
    /// The source of a client's API key, if `$connect` requires one (conformance B11).
    pub api_key_source: ApiKeySource,
    /// Its routes, with unique keys.
    pub routes: Vec<Route>,
    /// Its line in the template, counted from 1.
    pub line: usize,
}

/// Returns the WebSocket APIs in the order of the template.
pub(crate) fn read(evaluator: &Evaluator<'_>) -> Vec<Api> {
    report_orphans(evaluator);
    model::check(evaluator);
    let types = [resource_type::SAM_WEBSOCKET_API, resource_type::API];
    let resources = evaluator.resources.iter();
    resources
        .filter(|resource| types.contains(&&*resource.resource_type))
        .filter_map(|resource| evaluator.report.ok(api(evaluator, resource)).flatten())
        .collect()
}

fn api(evaluator: &Evaluator<'_>, resource: &Resource) -> Result<Option<Api>, Problem> {
    let properties = Properties::of(evaluator, resource, "API")?;
    if resource.resource_type == resource_type::API {
        // An OpenAPI document creates HTTP APIs only.
        let imported = |name| resource.properties.entry(name).is_some();
        if imported("Body") || imported("BodyS3Location") {
            return Ok(None);
        }
        let protocol = properties.required("ProtocolType")?;
        if protocol != "WEBSOCKET" {
            let text = format!(
                "API `{}` has the protocol {protocol}: only WebSocket APIs are served",
                resource.id
            );
            evaluator.report.note(resource.line, text);
            return Ok(None);
        }
    }
    let id = resource.short_id();
    let routes = routes(evaluator, &id);
    let stage = stage::of_api(evaluator, &resource.id, &id, resource.line);
    let stage = evaluator.report.ok(stage);
    let expression = properties.known_text("RouteSelectionExpression")?;
    let Some(route_selection_expression) = expression.filter(|one| !one.is_empty()) else {
        let text = format!(
            "{} has no `RouteSelectionExpression`; add one, such as `$request.body.action`",
            properties.owner
        );
        return Err(properties.problem("RouteSelectionExpression", text));
    };
    let api_key_source = api_key_source(&properties)?;
    note_unsupported(&properties)?;
    Ok(stage.map(|stage| Api {
        logical_id: resource.id.clone(),
        id,
        route_selection_expression,
        stage: stage.name,
        stage_variables: stage.variables,
        throttling: stage.throttling,
        api_key_source,
        routes,
        line: resource.line,
    }))
}

fn note_unsupported(properties: &Properties<'_>) -> Result<(), Problem> {
    // An unknown value changes nothing: the endpoint is served in any case.
    let disabled = match properties.flag("DisableExecuteApiEndpoint") {
        Err(problem) if problem.is_local_only() => false,
        disabled => disabled?,
    };
    if disabled {
        let text = format!(
            "{} is served although its execute-api endpoint is disabled",
            properties.owner
        );
        properties.note("DisableExecuteApiEndpoint", text);
    }
    if let Ok(Some(_)) = properties.value("Domain") {
        properties.note("Domain", "custom domain names are not served");
    }
    Ok(())
}

fn api_key_source(properties: &Properties<'_>) -> Result<ApiKeySource, Problem> {
    let name = "ApiKeySelectionExpression";
    let Some(text) = properties.text(name)? else {
        return Ok(ApiKeySource::default());
    };
    let problem = |error| properties.problem(name, format!("{}: {error}", properties.owner));
    text.parse().map_err(problem)
}

fn routes(evaluator: &Evaluator<'_>, id: &str) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    let parts = evaluator.of_type(resource_type::ROUTE);
    for resource in parts.filter(|part| resource_names::belongs_to(evaluator, part, id)) {
        let Some(route) = evaluator.report.ok(route::read(evaluator, resource)) else {
            continue;
        };
        match routes.iter().find(|first| first.key == route.key) {
            Some(_) if evaluator.may_be_absent(&resource.id) => {}
            Some(first) => {
                let text = format!(
                    "route `{}` is already defined on line {}",
                    route.key, first.line
                );
                evaluator.report.problem(Problem::new(route.line, text));
            }
            None => routes.push(route),
        }
    }
    routes
}

/// Reports the routes and stages whose API is not in the template.
fn report_orphans(evaluator: &Evaluator<'_>) {
    let apis = [
        resource_type::SAM_HTTP_API,
        resource_type::SAM_WEBSOCKET_API,
        resource_type::API,
    ];
    let apis = evaluator
        .resources
        .iter()
        .filter(|one| apis.contains(&&*one.resource_type));
    let ids: Vec<_> = apis.map(|one| one.short_id()).collect();
    let routes = evaluator.of_type(resource_type::ROUTE);
    let stages = evaluator.of_type(resource_type::STAGE);
    for (what, part) in routes
        .map(|one| ("route", one))
        .chain(stages.map(|one| ("stage", one)))
    {
        let owner = format!("{what} `{}`", part.id);
        let problem = match resource_names::api_id(evaluator, part) {
            Ok(id) if ids.contains(&id) => continue,
            Ok(id) => evaluator.not_in_template(
                part.line,
                format!("{owner} belongs to the API `{id}`, which is not in the template"),
            ),
            Err(problem) => problem.context(&owner),
        };
        evaluator.report.problem(problem);
    }
}

/// Returns the API keys that clients can use. On AWS a usage plan assigns a key to an API. Locally every key is valid
/// for every API (conformance B11).
pub(crate) fn keys(evaluator: &Evaluator<'_>) -> Vec<ApiKey> {
    let keys = evaluator.of_type(resource_type::API_KEY);
    keys.filter_map(|resource| evaluator.report.ok(key(evaluator, resource)).flatten())
        .collect()
}

fn key(evaluator: &Evaluator<'_>, resource: &Resource) -> Result<Option<ApiKey>, Problem> {
    let properties = Properties::of(evaluator, resource, "API key")?;
    let why = if !properties.flag("Enabled")? {
        "is not `Enabled: true`: no client can use it, as on AWS"
    } else if let Some(value) = properties.text("Value")? {
        let id = resource.short_id();
        return Ok(Some(ApiKey { id, value }));
    } else {
        "has no `Value`, which AWS generates; pass a local key with --api-key"
    };
    let text = format!("{} {why}", properties.owner);
    evaluator.report.note(resource.line, text);
    Ok(None)
}
