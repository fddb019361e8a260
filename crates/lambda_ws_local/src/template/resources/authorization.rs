use super::integration;
use crate::template::evaluate::{Evaluator, Properties, resource_names};
use crate::template::syntax::{Node, Problem};
use crate::template::transform::{Resource, resource_type};
use lambda_ws_protocol::authorizer::IdentitySource;

/// The authorization of a route. For routes other than `$connect` it is always `None` (conformance B9).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Authorization {
    /// `NONE`: all clients.
    #[default]
    None,
    /// `AWS_IAM`: clients that sign the handshake.
    Iam,
    /// `CUSTOM`: clients that a Lambda authorizer allows.
    Lambda(Authorizer),
}

/// A Lambda authorizer of type `REQUEST`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Authorizer {
    /// The logical id of its function.
    pub function: String,
    /// The identity sources that a handshake must contain before the authorizer is invoked.
    pub identity_sources: Vec<IdentitySource>,
    /// Its line in the template, counted from 1.
    pub line: usize,
}

/// The properties of authorizers that only HTTP APIs support.
const OF_HTTP_APIS: [&str; 4] = [
    "AuthorizerPayloadFormatVersion",
    "AuthorizerResultTtlInSeconds",
    "EnableSimpleResponses",
    "JwtConfiguration",
];

pub(crate) fn read(
    evaluator: &Evaluator<'_>,
    route: &Resource,
    key: &str,
    properties: &Properties<'_>,
) -> Result<Authorization, Problem> {
    let kind = properties.text("AuthorizationType")?;
    match kind.as_deref() {
        None | Some("NONE") => return Ok(Authorization::None),
        _ if key != "$connect" => {
            let text = format!(
                "route `{key}` has an authorization, which only `$connect` supports; remove it"
            );
            return Err(properties.problem("AuthorizationType", text));
        }
        Some("AWS_IAM") => return Ok(Authorization::Iam),
        Some("CUSTOM") => {}
        Some(other) => {
            let text = format!(
                "`AuthorizationType` of route `{key}` is `{other}`: expected NONE, AWS_IAM or CUSTOM"
            );
            return Err(properties.problem("AuthorizationType", text));
        }
    }
    let Some(id) = properties.known_text("AuthorizerId")? else {
        let text = format!(
            "route `{key}` has the authorization CUSTOM but no `AuthorizerId`; add one, such as `!Ref Authorizer`"
        );
        return Err(properties.problem("AuthorizationType", text));
    };
    let api = resource_names::api_id(evaluator, route)?;
    let found = evaluator.with_id(resource_type::AUTHORIZER, &id);
    let found = found.filter(|one| resource_names::belongs_to(evaluator, one, &api));
    let Some(authorizer) = found else {
        let text = format!(
            "`AuthorizerId` of route `{key}` is not valid: expected an `AWS::ApiGatewayV2::Authorizer` of the same API"
        );
        return Err(properties.problem("AuthorizerId", text));
    };
    authorizer_of(evaluator, authorizer).map(Authorization::Lambda)
}

fn authorizer_of(evaluator: &Evaluator<'_>, resource: &Resource) -> Result<Authorizer, Problem> {
    let owner = match resource.generated {
        true => "`Auth`".to_owned(),
        false => format!("authorizer `{}`", resource.id),
    };
    let properties = Properties::new(evaluator, &resource.properties, &*owner)?;
    let kind = properties.required("AuthorizerType")?;
    if kind != "REQUEST" {
        let text = format!("`AuthorizerType` of {owner} is `{kind}`: expected REQUEST");
        return Err(properties.problem("AuthorizerType", text));
    }
    for name in OF_HTTP_APIS {
        if properties.value(name)?.is_some() {
            let text = format!("{owner} has `{name}`, which only HTTP APIs support; remove it");
            return Err(properties.problem(name, text));
        }
    }
    if properties.value("IdentityValidationExpression")?.is_some() {
        let text = format!("`IdentityValidationExpression` of {owner} has no effect, as on AWS");
        properties.note("IdentityValidationExpression", text);
    }
    let mut identity_sources = Vec::new();
    for node in properties.list("IdentitySource")? {
        identity_sources.push(identity_source(evaluator, &node, &owner)?);
    }
    let Some(uri) = resource.properties.entry("AuthorizerUri") else {
        let text = format!("{owner} has no `AuthorizerUri`");
        return Err(resource.problem(text));
    };
    let function = integration::invoked_function(evaluator, uri, &owner);
    let function = function.map_err(|problem| match problem.is_local_only() {
        true => problem.context(&owner),
        false => problem,
    })?;
    let role = properties.value("AuthorizerCredentialsArn");
    if !resource.generated && role.ok().flatten().is_none() {
        integration::note_missing_permission(evaluator, resource, "every handshake fails with 500");
    }
    Ok(Authorizer {
        function,
        identity_sources,
        line: resource.line,
    })
}

fn identity_source(
    evaluator: &Evaluator<'_>,
    node: &Node,
    owner: &str,
) -> Result<IdentitySource, Problem> {
    let source = evaluator
        .text(node)
        .map_err(|problem| problem.context(owner))?;
    let read = source.parse();
    read.map_err(|error| node.problem(format!("{owner}: {error}")))
}
