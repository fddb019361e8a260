use std::time::Duration;

use super::authorization::{self, Authorization};
use super::integration::{self, Integration};
use super::mock::{self, Mock};
use super::model::{self, Models};
use crate::template::evaluate::{Evaluator, Properties, resource_names};
use crate::template::syntax::Problem;
use crate::template::transform::Resource;

pub(crate) const KIND: &str = "AWS::ApiGatewayV2::Route";
/// What makes a route two-way.
const RESPONSE: &str = "AWS::ApiGatewayV2::RouteResponse";
/// The route keys that begin with `$`.
pub(crate) const PREDEFINED: [&str; 3] = ["$connect", "$disconnect", "$default"];

/// A route of an API: what answers the events of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `$connect`, `$disconnect`, `$default`, or what the route selection expression must yield.
    pub key: String,
    /// What answers its events.
    pub integration: Integration,
    /// Whether the body that the function returns goes to the client: the route has a route response `$default`
    /// (conformance E2). Without effect on `$connect` and `$disconnect`.
    pub two_way: bool,
    /// How long API Gateway waits for the function: 50 ms to 29 s, 29 s by default (conformance E5).
    pub timeout: Duration,
    /// What its messages must look like; anything, if there are none (conformance D7).
    pub models: Option<Models>,
    /// Who may use it; only `$connect` can have one.
    pub authorization: Authorization,
    /// Whether clients need an API key; only of `$connect` (conformance B11).
    pub api_key_required: bool,
    /// Its line in the template, counted from 1.
    pub line: usize,
}

impl Route {
    /// The logical id of the function behind it; `None` if something else answers.
    pub fn function(&self) -> Option<&str> {
        match &self.integration {
            Integration::Function(id) => Some(id),
            Integration::Mock(_) | Integration::Unsupported(_) => None,
        }
    }

    /// The logical ids of the functions that it calls: its own, and that of its authorizer.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        let authorizer = match &self.authorization {
            Authorization::Lambda(authorizer) => Some(&*authorizer.function),
            Authorization::None | Authorization::Iam => None,
        };
        self.function().into_iter().chain(authorizer)
    }
}

/// What a route has that AWS may check and that is not checked here.
const UNCHECKED: [&str; 1] = ["RequestParameters"];

pub(crate) fn read(evaluator: &Evaluator<'_>, resource: &Resource) -> Result<Route, Problem> {
    let properties = Properties::new(
        evaluator,
        &resource.properties,
        format!("route `{}`", resource.id),
    )?;
    let key = properties.required("RouteKey")?;
    let key_line = properties.line("RouteKey");
    let properties = Properties::new(evaluator, &resource.properties, format!("route `{key}`"))?;
    if key.is_empty() || key.starts_with('$') && !PREDEFINED.contains(&&*key) {
        let text = format!(
            "`{key}` is no route key: only $connect, $disconnect and $default begin with `$`"
        );
        return Err(Problem::new(key_line, text));
    }
    let authorization = authorization::read(evaluator, resource, &key, &properties)?;
    let api_key_required = properties.flag("ApiKeyRequired")?;
    if api_key_required && key != "$connect" {
        let text = format!("route `{key}` needs an API key, but only `$connect` can");
        return Err(Problem::new(properties.line("ApiKeyRequired"), text));
    }
    for name in UNCHECKED {
        if let Some(value) = resource.properties.entry(name) {
            evaluator.report.note(
                value.line,
                format!("`{name}` of route `{key}` is not checked"),
            );
        }
    }
    let models = model::of_route(evaluator, resource, &properties, &key)?;
    let two_way = two_way(evaluator, resource, &key, &properties)?;
    let target = properties.required("Target")?;
    let line = properties.line("Target");
    let (integration, timeout) = integration::read(evaluator, &target, &key, line)?;
    let two_way = match &integration {
        Integration::Mock(Mock { body: None, .. }) if two_way => {
            let text = format!(
                "route `{key}` answers nothing: its mock integration has no `{}` with a `ResponseTemplates`",
                mock::RESPONSE
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

/// Whether the route has a route response `$default`. `RouteResponseSelectionExpression` is not needed for it, and does
/// nothing without one (conformance E2).
fn two_way(
    evaluator: &Evaluator<'_>,
    route: &Resource,
    key: &str,
    properties: &Properties<'_, '_>,
) -> Result<bool, Problem> {
    let id = resource_names::short_id(&route.id);
    let two_way = evaluator.of_kind(RESPONSE).any(|response| {
        let text = |name| {
            let node = response.properties.entry(name);
            node.and_then(|node| evaluator.text(node).ok())
        };
        text("RouteId").as_ref() == Some(&id)
            && text("RouteResponseKey").as_deref() == Some("$default")
    });
    let selection = properties.text("RouteResponseSelectionExpression")?;
    let line = properties.line("RouteResponseSelectionExpression");
    let has_messages = !PREDEFINED[..2].contains(&key);
    match selection.as_deref() {
        None => {}
        Some("$default") if two_way || !has_messages => {}
        Some("$default") => {
            let text = format!(
                "{} has no `{RESPONSE}`: what the function returns is not sent, as on AWS",
                properties.owner
            );
            evaluator.report.note(line, text);
        }
        Some(other) => {
            let text = format!(
                "{}: `RouteResponseSelectionExpression` is `{other}`, but it can only be `$default`",
                properties.owner
            );
            return Err(Problem::new(line, text));
        }
    }
    Ok(two_way)
}
