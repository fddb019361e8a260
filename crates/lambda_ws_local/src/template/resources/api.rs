use std::collections::BTreeMap;

use super::model;
use super::route::{self, Route};
use super::stage::{self, Throttling};
use crate::gateway::ApiKeySource;
use crate::template::evaluate::{Evaluator, Properties, resource_names};
use crate::template::syntax::Problem;
use crate::template::transform::Resource;

pub(crate) const SERVERLESS: &str = "AWS::Serverless::WebSocketApi";
pub(crate) const KIND: &str = "AWS::ApiGatewayV2::Api";

/// A WebSocket API of the template, with the one stage that is served.
#[derive(Clone, Debug, PartialEq)]
pub struct Api {
    /// Its name in the template.
    pub logical_id: String,
    /// Its id in URLs: 10 letters and digits, always the same for the same logical id.
    pub id: String,
    /// What selects a message's route, as `$request.body.action` (conformance D1).
    pub route_selection_expression: String,
    /// The stage's name: 1 to 128 letters, digits, `_` and `-`.
    pub stage: String,
    /// `StageVariables`, evaluated.
    pub stage_variables: BTreeMap<String, String>,
    /// How fast the stage's routes may be.
    pub throttling: Throttling,
    /// Where a client's API key is looked for, if its `$connect` needs one (conformance B11).
    pub api_key_source: ApiKeySource,
    /// Its routes, each key once.
    pub routes: Vec<Route>,
    /// Its line in the template, counted from 1.
    pub line: usize,
}

/// The template's WebSocket APIs, in its order.
pub(crate) fn read(evaluator: &Evaluator<'_>) -> Vec<Api> {
    report_orphans(evaluator);
    model::check(evaluator);
    let resources = evaluator
        .resources
        .iter()
        .filter(|resource| resource.kind == SERVERLESS || resource.kind == KIND);
    resources
        .filter_map(|resource| evaluator.report.keep(api(evaluator, resource)).flatten())
        .collect()
}

fn api(evaluator: &Evaluator<'_>, resource: &Resource) -> Result<Option<Api>, Problem> {
    let properties = Properties::new(
        evaluator,
        &resource.properties,
        format!("API `{}`", resource.id),
    )?;
    // An OpenAPI document makes HTTP APIs only.
    let imported = |name| resource.properties.entry(name).is_some();
    if resource.kind == KIND && (imported("Body") || imported("BodyS3Location")) {
        return Ok(None);
    }
    if resource.kind == KIND {
        let protocol = properties.required("ProtocolType")?;
        if protocol != "WEBSOCKET" {
            evaluator.report.note(
                resource.line,
                format!(
                    "API `{}` speaks {protocol}, and only websockets are served",
                    resource.id
                ),
            );
            return Ok(None);
        }
    }
    let id = resource_names::short_id(&resource.id);
    let routes = routes(evaluator, &id);
    let stage = evaluator
        .report
        .keep(stage::of_api(evaluator, &resource.id, &id, resource.line));
    let expression = properties
        .known_text("RouteSelectionExpression")?
        .filter(|expression| !expression.is_empty());
    let Some(route_selection_expression) = expression else {
        let text = format!(
            "{} has no `RouteSelectionExpression`; most have `$request.body.action`",
            properties.owner
        );
        return Err(Problem::new(
            properties.line("RouteSelectionExpression"),
            text,
        ));
    };
    let api_key_source = api_key_source(&properties)?;
    // Whether it is disabled does not matter, if only AWS knows.
    let disabled = match properties.flag("DisableExecuteApiEndpoint") {
        Err(problem) if problem.is_local_only() => false,
        disabled => disabled?,
    };
    if disabled {
        let line = properties.line("DisableExecuteApiEndpoint");
        evaluator.report.note(
            line,
            format!(
                "{} is served although its execute-api endpoint is disabled",
                properties.owner
            ),
        );
    }
    if properties
        .value("Domain")
        .is_ok_and(|domain| domain.is_some())
    {
        evaluator.report.note(
            properties.line("Domain"),
            "custom domain names are not served",
        );
    }
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

fn api_key_source(properties: &Properties<'_, '_>) -> Result<ApiKeySource, Problem> {
    let name = "ApiKeySelectionExpression";
    let Some(text) = properties.text(name)? else {
        return Ok(ApiKeySource::default());
    };
    let problem = |error| {
        Problem::new(
            properties.line(name),
            format!("{}: {error}", properties.owner),
        )
    };
    text.parse().map_err(problem)
}

fn routes(evaluator: &Evaluator<'_>, id: &str) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    for resource in evaluator
        .of_kind(route::KIND)
        .filter(|resource| stage::api(evaluator, resource).is_ok_and(|api| api == id))
    {
        let Some(route) = evaluator.report.keep(route::read(evaluator, resource)) else {
            continue;
        };
        match routes.iter().find(|first| first.key == route.key) {
            Some(_) if evaluator.may_be_absent(&resource.id) => {}
            Some(first) => {
                let text = format!(
                    "route `{}` was defined before, on line {}",
                    route.key, first.line
                );
                evaluator.report.problem(Problem::new(route.line, text));
            }
            None => routes.push(route),
        }
    }
    routes
}

/// Reports the routes and stages of no API.
fn report_orphans(evaluator: &Evaluator<'_>) {
    let apis = ["AWS::Serverless::HttpApi", SERVERLESS, KIND];
    let ids: Vec<_> = evaluator
        .resources
        .iter()
        .filter(|one| apis.contains(&&*one.kind))
        .map(|one| resource_names::short_id(&one.id))
        .collect();
    for part in evaluator
        .of_kind(route::KIND)
        .chain(evaluator.of_kind(stage::KIND))
    {
        let what = if part.kind == stage::KIND {
            "stage"
        } else {
            "route"
        };
        let problem = match stage::api(evaluator, part) {
            Ok(id) if ids.contains(&id) => continue,
            Ok(id) => evaluator.outside(
                part.line,
                format!(
                    "{what} `{}` belongs to the API `{id}`, which is not in the template",
                    part.id
                ),
            ),
            Err(problem) => problem.context(&format!("{what} `{}`", part.id)),
        };
        evaluator.report.problem(problem);
    }
}
