use lambda_ws::wire::IdentitySource;

use super::{integration, stage};
use crate::template::evaluate::{Evaluator, Properties, resource_names};
use crate::template::syntax::{Node, Problem};
use crate::template::transform::Resource;

pub(crate) const KIND: &str = "AWS::ApiGatewayV2::Authorizer";

/// Who may use a route; only `$connect` can have another than `None` (conformance B9).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Authorization {
    /// Everyone: `NONE`.
    #[default]
    None,
    /// Who has signed the handshake: `AWS_IAM`.
    Iam,
    /// Whom a Lambda authorizer allows: `CUSTOM`.
    Lambda(Authorizer),
}

/// A Lambda authorizer of type `REQUEST`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorizer {
    /// The logical id of its function.
    pub function: String,
    /// What a handshake must have before it is asked.
    pub identity_sources: Vec<IdentitySource>,
    /// Its line in the template, counted from 1.
    pub line: usize,
}

/// What an authorizer of an HTTP API has and one of a WebSocket API has not.
const OF_HTTP_APIS: [&str; 4] = [
    "AuthorizerPayloadFormatVersion",
    "AuthorizerResultTtlInSeconds",
    "EnableSimpleResponses",
    "JwtConfiguration",
];

/// The `AuthorizationType` of a route.
pub(crate) fn read(
    evaluator: &Evaluator<'_>,
    route: &Resource,
    key: &str,
    properties: &Properties<'_, '_>,
) -> Result<Authorization, Problem> {
    let kind = properties.text("AuthorizationType")?;
    let line = properties.line("AuthorizationType");
    match kind.as_deref() {
        None | Some("NONE") => return Ok(Authorization::None),
        _ if key != "$connect" => {
            let text = format!("route `{key}` has an authorization, but only `$connect` can");
            return Err(Problem::new(line, text));
        }
        Some("AWS_IAM") => return Ok(Authorization::Iam),
        Some("CUSTOM") => {}
        Some(other) => {
            let text = format!(
                "route `{key}` has the authorization {other}, but it can be NONE, AWS_IAM or CUSTOM"
            );
            return Err(Problem::new(line, text));
        }
    }
    let Some(id) = properties.known_text("AuthorizerId")? else {
        let text = format!(
            "route `{key}` has the authorization CUSTOM and no `AuthorizerId`; give it one, as in `!Ref Authorizer`"
        );
        return Err(Problem::new(line, text));
    };
    let api = stage::api(evaluator, route)?;
    let found = evaluator.of_kind(KIND).find(|one| {
        resource_names::short_id(&one.id) == id
            && stage::api(evaluator, one).is_ok_and(|own| own == api)
    });
    let Some(authorizer) = found else {
        let text = format!("route `{key}`: `AuthorizerId` must be an `{KIND}` of the same API");
        return Err(Problem::new(properties.line("AuthorizerId"), text));
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
        let text = format!("{owner} is of type {kind}, but one of a WebSocket API is REQUEST");
        return Err(Problem::new(properties.line("AuthorizerType"), text));
    }
    for name in OF_HTTP_APIS {
        if properties.value(name)?.is_some() {
            let text = format!("{owner}: `{name}` is supported only for HTTP APIs; remove it");
            return Err(Problem::new(properties.line(name), text));
        }
    }
    if properties.value("IdentityValidationExpression")?.is_some() {
        let text = format!("{owner}: `IdentityValidationExpression` is not used, as on AWS");
        let line = properties.line("IdentityValidationExpression");
        evaluator.report.note(line, text);
    }
    let mut identity_sources = Vec::new();
    for node in properties.list("IdentitySource")? {
        identity_sources.push(identity_source(evaluator, &node, &owner)?);
    }
    let Some(uri) = resource.properties.entry("AuthorizerUri") else {
        let text = format!("{owner} has no `AuthorizerUri`");
        return Err(Problem::new(resource.line, text));
    };
    let function = integration::called(evaluator, uri, &owner).map_err(|problem| match problem
        .is_local_only()
    {
        true => problem.context(&owner),
        false => problem,
    })?;
    let role = properties.value("AuthorizerCredentialsArn");
    if !resource.generated && role.ok().flatten().is_none() {
        let effect = "every client would see 500";
        integration::permission(evaluator, resource, effect);
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
    read.map_err(|error| Problem::new(node.line, format!("{owner}: {error}")))
}
