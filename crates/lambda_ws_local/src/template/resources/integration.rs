use super::mock::{self, Mock};
use crate::template::evaluate::{Evaluator, Properties};
use crate::template::syntax::{Node, Problem, listed};
use crate::template::transform::{Resource, resource_type};
use std::time::Duration;

/// The shortest timeout of an integration, in ms (conformance E5).
const MIN_TIMEOUT_MS: u32 = 50;
/// The longest timeout of an integration and the default, in ms (conformance E5).
const MAX_TIMEOUT_MS: u32 = 29_000;

/// The integration that handles the events of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Integration {
    /// The Lambda function with this logical id: `AWS_PROXY`.
    Function(String),
    /// A fixed response: `MOCK`.
    Mock(Mock),
    /// An integration that the local gateway does not support. The string states the reason, such as "an integration of
    /// type HTTP".
    Unsupported(String),
}

/// Reads the integration in the `Target` of a route: `integrations/{id}`.
pub(crate) fn read(
    evaluator: &Evaluator<'_>,
    target: &str,
    route: &str,
    line: usize,
) -> Result<(Integration, Duration), Problem> {
    let id = target.strip_prefix("integrations/");
    let found = id.and_then(|id| evaluator.with_id(resource_type::INTEGRATION, id));
    let Some(integration) = found else {
        let text = format!(
            "`Target` of route `{route}` is not valid: expected an integration of the template, such as `!Sub integrations/${{Integration}}`"
        );
        return Err(Problem::new(line, text));
    };
    let owner = match integration.generated {
        true => format!("route `{route}`"),
        false => format!("integration `{}`", integration.id),
    };
    let properties = Properties::new(evaluator, &integration.properties, owner)?;
    let kind = properties.required("IntegrationType")?;
    let timeout = properties
        .number("TimeoutInMillis", MIN_TIMEOUT_MS..=MAX_TIMEOUT_MS)?
        .unwrap_or(MAX_TIMEOUT_MS);
    let timeout = Duration::from_millis(timeout.into());
    let unsupported = |line, why: String, more: &str| {
        let effect = match route {
            "$connect" => "clients cannot connect",
            "$disconnect" => "its events have no effect",
            _ => "its messages get an error",
        };
        let text =
            format!("route `{route}` has {why}, which is not supported locally: {effect}{more}");
        evaluator.report.warn(line, text);
        Integration::Unsupported(why)
    };
    let line = properties.line("IntegrationType");
    let integration = match &*kind {
        "AWS_PROXY" => match proxied_function(evaluator, integration, &properties, route) {
            Ok(function) => Integration::Function(function),
            Err(problem) if problem.is_local_only() => {
                let why = "a function that only AWS knows".to_owned();
                let uri = integration.properties.entry("IntegrationUri");
                unsupported(
                    uri.map_or(line, |uri| uri.line),
                    why,
                    &format!(" ({problem})"),
                )
            }
            Err(problem) => return Err(problem),
        },
        "MOCK" => match mock::read(evaluator, integration, &properties)? {
            Ok(mock) => Integration::Mock(mock),
            Err(why) => unsupported(line, format!("an integration of type MOCK ({why})"), ""),
        },
        _ => unsupported(line, format!("an integration of type {kind}"), ""),
    };
    Ok((integration, timeout))
}

/// The logical id of the function of an integration of type `AWS_PROXY`.
fn proxied_function(
    evaluator: &Evaluator<'_>,
    integration: &Resource,
    properties: &Properties<'_>,
    route: &str,
) -> Result<String, Problem> {
    let Some(uri) = integration.properties.entry("IntegrationUri") else {
        let text = format!("{} has no `IntegrationUri`", properties.owner);
        return Err(integration.problem(text));
    };
    let function = invoked_function(evaluator, uri, &format!("route `{route}`"))?;
    if !integration.generated && properties.value("CredentialsArn").ok().flatten().is_none() {
        note_missing_permission(evaluator, integration, "every event fails");
    }
    Ok(function)
}

/// Returns the logical id of the function that `user`, such as "route `say`", invokes at a URI.
pub(crate) fn invoked_function(
    evaluator: &Evaluator<'_>,
    node: &Node,
    user: &str,
) -> Result<String, Problem> {
    let absent = |name: &str| {
        let functions: Vec<_> = evaluator.functions().map(|one| &*one.id).collect();
        let functions = listed(&functions);
        format!(
            "{user} uses function `{name}`, which is not in the template (functions: {functions})"
        )
    };
    let uri = evaluator.text(node);
    let uri = uri.map_err(|problem| match (problem.missing_name(), problem.line()) {
        (Some(name), Some(line)) => Problem::new(line, absent(name)),
        _ if problem.is_local_only() => problem,
        _ => problem.context(user),
    })?;
    let Some(name) = function_name(&uri) else {
        let text = format!(
            "{user} calls `{uri}`, which is not a Lambda function; use the ARN of a function, such as `!GetAtt Function.Arn`"
        );
        return Err(node.problem(text));
    };
    if name.contains("${stageVariables.") {
        let text =
            format!("a stage variable selects function `{name}`; use a function of the template");
        return Err(Problem::local_only(node.line, text));
    }
    match evaluator.function_named(name) {
        Some(function) => Ok(function.id.clone()),
        None => Err(evaluator.not_in_template(node.line, absent(name))),
    }
}

/// Returns the name in the ARN of a function. The ARN may be part of the path that API Gateway invokes.
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

/// Adds a note if no permission allows API Gateway to invoke a function, with the effect on AWS (conformance B9, E7).
pub(crate) fn note_missing_permission(evaluator: &Evaluator<'_>, caller: &Resource, effect: &str) {
    let permissions = evaluator.of_type(resource_type::PERMISSION);
    let mut written = permissions.filter(|permission| !permission.generated);
    let allowed = written.any(|permission| {
        let principal = evaluator.property(permission, "Principal");
        principal.is_some_and(|principal| principal.starts_with("apigateway."))
    });
    if !allowed {
        let text = format!(
            "no `AWS::Lambda::Permission` allows apigateway.amazonaws.com to call the function: on AWS {effect}"
        );
        evaluator.report.note(caller.line, text);
    }
}
