use std::time::Duration;

use super::function;
use super::mock::{self, Mock};
use crate::template::evaluate::{Evaluator, Properties, resource_names};
use crate::template::syntax::{Node, Problem};
use crate::template::transform::Resource;

pub(crate) const KIND: &str = "AWS::ApiGatewayV2::Integration";
/// The shortest time an integration may be given, in ms (conformance E5).
const MIN_TIMEOUT_MS: u32 = 50;
/// The longest time an integration may be given, and the default, in ms (conformance E5).
const MAX_TIMEOUT_MS: u32 = 29_000;

/// What answers the events of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Integration {
    /// The Lambda function with this logical id: `AWS_PROXY`.
    Function(String),
    /// A fixed response: `MOCK`.
    Mock(Mock),
    /// Nothing on this machine. The text is why, as in "an integration of type HTTP".
    Unsupported(String),
}

/// The integration that a route's `Target` names, as `integrations/{id}`.
pub(crate) fn read(
    evaluator: &Evaluator<'_>,
    target: &str,
    route: &str,
    line: usize,
) -> Result<(Integration, Duration), Problem> {
    let id = target.strip_prefix("integrations/");
    let found = evaluator
        .of_kind(KIND)
        .find(|one| Some(&*resource_names::short_id(&one.id)) == id);
    let Some(integration) = found else {
        let text = format!(
            "route `{route}`: `Target` must be `integrations/` and an integration of the template, as in `!Sub integrations/${{Integration}}`"
        );
        return Err(Problem::new(line, text));
    };
    let owner = if integration.generated {
        format!("route `{route}`")
    } else {
        format!("integration `{}`", integration.id)
    };
    let properties = Properties::new(evaluator, &integration.properties, owner)?;
    let kind = properties.required("IntegrationType")?;
    let timeout = properties
        .number("TimeoutInMillis", MIN_TIMEOUT_MS..=MAX_TIMEOUT_MS)?
        .unwrap_or(MAX_TIMEOUT_MS);
    let timeout = Duration::from_millis(timeout.into());
    let unsupported = |line, why: String, more: &str| {
        let effect = match route {
            "$connect" => "no client can connect",
            "$disconnect" => "nothing happens",
            _ => "its messages are answered with an error",
        };
        let text = format!("route `{route}` has {why}, which is not run here: {effect}{more}");
        evaluator.report.warn(line, text);
        Ok((Integration::Unsupported(why), timeout))
    };
    if kind != "AWS_PROXY" {
        let line = properties.line("IntegrationType");
        if kind == "MOCK" {
            return match mock::read(evaluator, integration, &properties)? {
                Ok(mock) => Ok((Integration::Mock(mock), timeout)),
                Err(why) => unsupported(line, format!("an integration of type MOCK ({why})"), ""),
            };
        }
        return unsupported(line, format!("an integration of type {kind}"), "");
    }
    let Some(uri) = integration.properties.entry("IntegrationUri") else {
        return Err(Problem::new(
            integration.line,
            format!("{} has no `IntegrationUri`", properties.owner),
        ));
    };
    let function = match called(evaluator, uri, &format!("route `{route}`")) {
        Ok(function) => function,
        Err(problem) if problem.is_local_only() => {
            let why = "a function that only AWS knows".to_owned();
            return unsupported(uri.line, why, &format!(" ({problem})"));
        }
        Err(problem) => return Err(problem),
    };
    if !integration.generated && properties.value("CredentialsArn").ok().flatten().is_none() {
        permission(evaluator, integration, "every event would fail");
    }
    Ok((Integration::Function(function), timeout))
}

/// The logical id of the function that `user`, such as "route `say`", calls at this URI.
pub(crate) fn called(
    evaluator: &Evaluator<'_>,
    node: &Node,
    user: &str,
) -> Result<String, Problem> {
    let absent = |name: &str| {
        let all: Vec<_> = function::resources(evaluator)
            .map(|function| &*function.id)
            .collect();
        let all = if all.is_empty() {
            "none".to_owned()
        } else {
            all.join(", ")
        };
        format!("{user} uses function `{name}`, which is not in the template (functions: {all})")
    };
    let uri =
        evaluator
            .text(node)
            .map_err(|problem| match (problem.missing_name(), problem.line()) {
                (Some(name), Some(line)) => Problem::new(line, absent(name)),
                _ if problem.is_local_only() => problem,
                _ => problem.context(user),
            })?;
    let Some(name) = function_name(&uri) else {
        let text = format!(
            "{user} calls `{uri}`, which is no Lambda function; use its ARN, as in `!GetAtt Function.Arn`"
        );
        return Err(Problem::new(node.line, text));
    };
    if name.contains("${stageVariables.") {
        let text =
            format!("the stage decides that it is `{name}`; name a function of the template");
        return Err(Problem::local_only(node.line, text));
    }
    let found = function::resources(evaluator)
        .find(|one| function::name(evaluator, one).is_ok_and(|own| own == name));
    found
        .map(|function| function.id.clone())
        .ok_or_else(|| evaluator.outside(node.line, absent(name)))
}

/// The name in a function's ARN, which may stand in the path that API Gateway invokes.
fn function_name(uri: &str) -> Option<&str> {
    let arn = match uri.split_once(":lambda:path/2015-03-31/functions/") {
        Some((gateway, path)) if gateway.contains(":apigateway:") => {
            path.strip_suffix("/invocations")?
        }
        Some(_) => return None,
        None => uri,
    };
    let parts: Vec<_> = arn.split(':').collect();
    match parts[..] {
        ["arn", _, "lambda", _, _, "function", name]
        | ["arn", _, "lambda", _, _, "function", name, _] => Some(name),
        _ => None,
    }
}

/// Notes a function that API Gateway may not call, and what that has for an effect on AWS (conformance B9, E7).
pub(crate) fn permission(evaluator: &Evaluator<'_>, caller: &Resource, effect: &str) {
    let permissions = evaluator.of_kind("AWS::Lambda::Permission");
    let mut permissions = permissions.filter(|permission| !permission.generated);
    let allowed = permissions.any(|permission| {
        let principal = permission
            .properties
            .entry("Principal")
            .and_then(|principal| evaluator.text(principal).ok());
        principal.is_some_and(|principal| principal.starts_with("apigateway."))
    });
    if !allowed {
        let text = format!(
            "no `AWS::Lambda::Permission` lets apigateway.amazonaws.com call the function: on AWS {effect}"
        );
        evaluator.report.note(caller.line, text);
    }
}
