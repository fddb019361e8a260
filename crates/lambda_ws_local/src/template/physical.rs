//! What `Ref` and `Fn::GetAtt` say of the resources whose values a laptop knows.

use super::expression::made;
use super::node::Node;
use super::resource::Resource;
use super::scope::Scope;
use super::{Problem, api, api_key, authorization, function, stage, table};

/// An id of 10 letters and digits, as API Gateway's are, but always the same for the same name.
pub(crate) fn short_id(name: &str) -> String {
    // FNV-1a: stable over versions of Rust, which the standard hasher is not.
    let mut hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let digit = |hash: &mut u64| {
        let digit = (*hash % 36) as u8;
        *hash /= 36;
        char::from(if digit < 10 {
            b'0' + digit
        } else {
            b'a' + digit - 10
        })
    };
    (0..10).map(|_| digit(&mut hash)).collect()
}

/// The ARN of the function of that name.
fn function_arn(scope: &Scope<'_>, name: &str) -> String {
    format!(
        "arn:aws:lambda:{}:{}:function:{name}",
        scope.options.region, scope.options.account
    )
}

/// `Ref name`.
pub(crate) fn reference(scope: &Scope<'_>, name: &str, line: usize) -> Result<Node, Problem> {
    // SAM: `Ref Api.Stage`, `Ref Function.Alias`.
    if let Some((base, part)) = name.split_once('.') {
        return attribute(scope, base, part, line);
    }
    let resource = scope.resource(name, line)?;
    let text = match &*resource.kind {
        function::SERVERLESS | function::LAMBDA => function::name(scope, resource)?,
        table::SIMPLE | table::TABLE | table::GLOBAL => table::name(scope, resource)?,
        api::SERVERLESS => short_id(name),
        stage::KIND => stage::name(scope, resource)?,
        "AWS::Logs::LogGroup" => named(scope, resource, "LogGroupName", line)?,
        "AWS::S3::Bucket" => named(scope, resource, "BucketName", line)?,
        kind if kind.starts_with("AWS::ApiGatewayV2::") => short_id(name),
        api_key::KIND | "AWS::ApiGateway::UsagePlan" => short_id(name),
        _ => return Err(unknown(resource, &format!("Ref {name}"), line)),
    };
    made(text, line)
}

/// `Fn::GetAtt name.attribute`.
pub(crate) fn attribute(
    scope: &Scope<'_>,
    name: &str,
    attribute: &str,
    line: usize,
) -> Result<Node, Problem> {
    let resource = scope.resource(name, line)?;
    let (region, account) = (&scope.options.region, &scope.options.account);
    let text = match (&*resource.kind, attribute) {
        (function::SERVERLESS | function::LAMBDA, "Arn") => {
            function_arn(scope, &function::name(scope, resource)?)
        }
        (function::SERVERLESS, "Alias") => {
            let alias = named(scope, resource, "AutoPublishAlias", line)?;
            format!(
                "{}:{alias}",
                function_arn(scope, &function::name(scope, resource)?)
            )
        }
        (table::SIMPLE | table::TABLE | table::GLOBAL, "Arn") => {
            format!(
                "arn:aws:dynamodb:{region}:{account}:table/{}",
                table::name(scope, resource)?
            )
        }
        (api::SERVERLESS | api::KIND, "ApiId") => short_id(name),
        (api::SERVERLESS | api::KIND, "ApiEndpoint") => {
            format!(
                "wss://{}.execute-api.{region}.amazonaws.com",
                short_id(name)
            )
        }
        (authorization::KIND, "AuthorizerId") | (api_key::KIND, "APIKeyId") => short_id(name),
        (api::SERVERLESS, "Stage") => {
            let id = short_id(name);
            let stage = scope.of_kind(stage::KIND).find(|stage| {
                stage.generated && stage::api(scope, stage).ok().as_ref() == Some(&id)
            });
            stage::name(
                scope,
                stage.ok_or_else(|| Problem::missing(line, &format!("{name}.Stage")))?,
            )?
        }
        _ => {
            return Err(unknown(
                resource,
                &format!("GetAtt {name}.{attribute}"),
                line,
            ));
        }
    };
    made(text, line)
}

fn named(
    scope: &Scope<'_>,
    resource: &Resource,
    property: &str,
    line: usize,
) -> Result<String, Problem> {
    match resource.properties.entry(property) {
        Some(name) => scope.text(name),
        None => Err(unknown(resource, &format!("Ref {}", resource.id), line)),
    }
}

fn unknown(resource: &Resource, expression: &str, line: usize) -> Problem {
    let text = format!(
        "only AWS knows `{expression}` ({}); use a parameter instead and give its local value with --parameter-overrides",
        resource.kind
    );
    Problem::only_here(line, text)
}
