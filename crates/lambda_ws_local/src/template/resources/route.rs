use super::authorization::{self, Authorization};
use super::integration::{self, Integration};
use super::mock::Mock;
use super::model::{self, Models};
use crate::template::evaluate::{Evaluator, Properties};
use crate::template::syntax::Problem;
use crate::template::transform::{Resource, resource_type};
use std::time::Duration;

/// The route keys that start with `$`.
pub(crate) const PREDEFINED: [&str; 3] = ["$connect", "$disconnect", "$default"];

/// A route of an API, with the integration that handles its events.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// `$connect`, `$disconnect`, `$default`, or a result of the route selection expression.
    pub key: String,
    /// The integration that handles its events.
    pub integration: Integration,
    /// Whether the client receives the body that the function returns. This requires a route response `$default`
    /// (conformance E2), and has no effect on `$connect` and `$disconnect`.
    pub two_way: bool,
    /// The timeout of the integration: 50 ms to 29 s, 29 s by default (conformance E5).
    pub timeout: Duration,
    /// The models that its messages must match (conformance D7). Without models every message is valid.
    pub models: Option<Models>,
    /// Its authorization; only `$connect` can have one.
    pub authorization: Authorization,
    /// Whether clients require an API key; only for `$connect` (conformance B11).
    pub api_key_required: bool,
    /// Its line in the template, counted from 1.
    pub line: usize,
}

impl Route {
    /// The logical id of its function; `None` if its integration is not a function.
    pub fn function(&self) -> Option<&str> {
        match &self.integration {
            Integration::Function(id) => Some(id),
            Integration::Mock(_) | Integration::Unsupported(_) => None,
        }
    }

    /// The logical ids of its function and of the function of its authorizer.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        let authorizer = match &self.authorization {
            Authorization::Lambda(authorizer) => Some(&*authorizer.function),
            Authorization::None | Authorization::Iam => None,
        };
        self.function().into_iter().chain(authorizer)
    }
}

pub(crate) fn read(evaluator: &Evaluator<'_>, resource: &Resource) -> Result<Route, Problem> {
    let mut properties = Properties::of(evaluator, resource, "route")?;
    let key = properties.required("RouteKey")?;
    properties.owner = format!("route `{key}`");
    if key.is_empty() || key.starts_with('$') && !PREDEFINED.contains(&&*key) {
        let text = format!(
            "route key `{key}` is not valid: only $connect, $disconnect and $default start with `$`"
        );
        return Err(properties.problem("RouteKey", text));
    }
    let authorization = authorization::read(evaluator, resource, &key, &properties)?;
    let api_key_required = properties.flag("ApiKeyRequired")?;
    if api_key_required && key != "$connect" {
        let text = format!(
            "route `{key}` requires an API key, which only `$connect` supports; remove `ApiKeyRequired`"
        );
        return Err(properties.problem("ApiKeyRequired", text));
    }
    if let Some(value) = resource.properties.entry("RequestParameters") {
        let text = format!("`RequestParameters` of route `{key}` are not checked");
        evaluator.report.note(value.line, text);
    }
    let models = model::of_route(evaluator, resource, &properties, &key)?;
    let two_way = two_way(evaluator, resource, &key, &properties)?;
    let target = properties.required("Target")?;
    let line = properties.line("Target");
    let (integration, timeout) = integration::read(evaluator, &target, &key, line)?;
    let two_way = match &integration {
        Integration::Mock(Mock { body: None, .. }) if two_way => {
            let text = format!(
                "route `{key}` sends no reply: its mock integration has no `AWS::ApiGatewayV2::IntegrationResponse` with `ResponseTemplates`"
            );
            evaluator.report.note(line, text);
            false
        }
        _ => two_way,
    };
    Ok(Route {
        key,
        integration,
        two_way,
        timeout,
        models,
        authorization,
        api_key_required,
        line: resource.line,
    })
}

/// Whether the route has a route response `$default`. It does not require a `RouteResponseSelectionExpression`, which
/// has no effect without the route response (conformance E2).
fn two_way(
    evaluator: &Evaluator<'_>,
    route: &Resource,
    key: &str,
    properties: &Properties<'_>,
) -> Result<bool, Problem> {
    let id = route.short_id();
    let mut responses = evaluator.of_type(resource_type::ROUTE_RESPONSE);
    let two_way = responses.any(|response| {
        evaluator.property(response, "RouteId").as_ref() == Some(&id)
            && evaluator.property(response, "RouteResponseKey").as_deref() == Some("$default")
    });
    let name = "RouteResponseSelectionExpression";
    match properties.text(name)?.as_deref() {
        None => {}
        Some("$default") if two_way || !model::has_messages(key) => {}
        Some("$default") => {
            let text = format!(
                "{} has no `AWS::ApiGatewayV2::RouteResponse`: the response of the function is not sent to the client, as on AWS",
                properties.owner
            );
            properties.note(name, text);
        }
        Some(other) => {
            let text = format!(
                "`{name}` of {} is `{other}`: expected `$default`",
                properties.owner
            );
            return Err(properties.problem(name, text));
        }
    }
    Ok(two_way)
}
