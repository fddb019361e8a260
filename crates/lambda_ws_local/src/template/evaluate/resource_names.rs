//! What `Ref` and `Fn::GetAtt` say of the resources whose values a laptop knows.

use super::evaluator::Evaluator;
use super::intrinsics::bounded_text;
use crate::template::resources::{api, api_key, authorization, function, stage, table};
use crate::template::syntax::{Node, Problem};
use crate::template::transform::Resource;

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
fn function_arn(evaluator: &Evaluator<'_>, name: &str) -> String {
    format!(
        "arn:aws:lambda:{}:{}:function:{name}",
        evaluator.options.region, evaluator.options.account
    )
}

const ROLE: &str = "AWS::IAM::Role";
const ALIAS: &str = "AWS::Lambda::Alias";
const VERSION: &str = "AWS::Lambda::Version";
/// The number of the version that SAM publishes: here it is the only one.
const FIRST_VERSION: &str = "1";

/// The name that a resource has by its property `name`; `None` if it has none, or one that only AWS knows.
pub(crate) fn own_name(
    evaluator: &Evaluator<'_>,
    resource: &Resource,
    name: &str,
) -> Result<Option<String>, Problem> {
    let Some(node) = resource.properties.entry(name) else {
        return Ok(None);
    };
    let text = evaluator
        .value(node)
        .and_then(|value| match value.is_null() {
            true => Ok(None),
            false => evaluator.text(&value).map(Some),
        });
    match text {
        Err(problem) if problem.is_local_only() => {
            let id = &resource.id;
            let text = format!("`{name}` of `{id}` is its logical id here: {problem}");
            evaluator.report.note(node.line, text);
            Ok(None)
        }
        text => text,
    }
}

fn role_name(evaluator: &Evaluator<'_>, role: &Resource) -> Result<String, Problem> {
    Ok(own_name(evaluator, role, "RoleName")?.unwrap_or_else(|| role.id.clone()))
}

/// The ARN of the function that an alias or a version is of, without one.
fn arn_of(evaluator: &Evaluator<'_>, part: &Resource, line: usize) -> Result<String, Problem> {
    let of = named(evaluator, part, "FunctionName", line)?;
    Ok(match of.split(':').collect::<Vec<_>>()[..] {
        ["arn", .., "function", name] | ["arn", .., "function", name, _] => {
            function_arn(evaluator, name)
        }
        _ => function_arn(evaluator, &of),
    })
}

fn alias_arn(evaluator: &Evaluator<'_>, alias: &Resource, line: usize) -> Result<String, Problem> {
    let name = named(evaluator, alias, "Name", line)?;
    Ok(format!("{}:{name}", arn_of(evaluator, alias, line)?))
}

fn version_arn(
    evaluator: &Evaluator<'_>,
    version: &Resource,
    line: usize,
) -> Result<String, Problem> {
    let of = arn_of(evaluator, version, line)?;
    let number = version_number(evaluator, version, line)?;
    Ok(format!("{of}:{number}"))
}

/// The number of a version: its position among the versions of its function.
fn version_number(
    evaluator: &Evaluator<'_>,
    version: &Resource,
    line: usize,
) -> Result<usize, Problem> {
    let of = arn_of(evaluator, version, line)?;
    let earlier = evaluator
        .of_kind(VERSION)
        .take_while(|one| one.id != version.id);
    let same = earlier.filter(|one| arn_of(evaluator, one, line).is_ok_and(|own| own == of));
    Ok(same.count() + 1)
}

/// `Ref name`.
pub(crate) fn reference(
    evaluator: &Evaluator<'_>,
    name: &str,
    line: usize,
) -> Result<Node, Problem> {
    // SAM: `Ref Api.Stage`, `Ref Function.Alias`.
    if let Some((base, part)) = name.split_once('.') {
        return attribute(evaluator, base, part, line);
    }
    let resource = evaluator.resource(name, line)?;
    let text = match &*resource.kind {
        function::SERVERLESS | function::LAMBDA => function::name(evaluator, resource)?,
        table::SIMPLE | table::TABLE | table::GLOBAL => table::name(evaluator, resource)?,
        api::SERVERLESS | "AWS::Serverless::Api" | "AWS::Serverless::HttpApi" => short_id(name),
        "AWS::ApiGateway::RestApi" => short_id(name),
        ROLE => role_name(evaluator, resource)?,
        ALIAS => alias_arn(evaluator, resource, line)?,
        VERSION => version_arn(evaluator, resource, line)?,
        stage::KIND => stage::name(evaluator, resource)?,
        "AWS::Logs::LogGroup" => named(evaluator, resource, "LogGroupName", line)?,
        "AWS::S3::Bucket" => named(evaluator, resource, "BucketName", line)?,
        kind if kind.starts_with("AWS::ApiGatewayV2::") => short_id(name),
        api_key::KIND | "AWS::ApiGateway::UsagePlan" => short_id(name),
        _ => return Err(unknown(resource, &format!("Ref {name}"), line)),
    };
    bounded_text(text, line)
}

/// `Fn::GetAtt name.attribute`.
pub(crate) fn attribute(
    evaluator: &Evaluator<'_>,
    name: &str,
    attribute: &str,
    line: usize,
) -> Result<Node, Problem> {
    let resource = evaluator.resource(name, line)?;
    let (region, account) = (&evaluator.options.region, &evaluator.options.account);
    let text = match (&*resource.kind, attribute) {
        (function::SERVERLESS | function::LAMBDA, "Arn") => {
            function_arn(evaluator, &function::name(evaluator, resource)?)
        }
        (function::SERVERLESS, "Alias") => {
            let alias = named(evaluator, resource, "AutoPublishAlias", line)?;
            format!(
                "{}:{alias}",
                function_arn(evaluator, &function::name(evaluator, resource)?)
            )
        }
        (function::SERVERLESS, "Version") => {
            let arn = function_arn(evaluator, &function::name(evaluator, resource)?);
            format!("{arn}:{FIRST_VERSION}")
        }
        (ROLE, "Arn") => {
            let path = resource.properties.entry("Path");
            let path = path.map_or(Ok("/".to_owned()), |path| evaluator.text(path))?;
            format!(
                "arn:aws:iam::{account}:role{path}{}",
                role_name(evaluator, resource)?
            )
        }
        (ALIAS, "AliasArn") => alias_arn(evaluator, resource, line)?,
        (VERSION, "FunctionArn") => version_arn(evaluator, resource, line)?,
        (VERSION, "Version") => version_number(evaluator, resource, line)?.to_string(),
        (table::SIMPLE | table::TABLE | table::GLOBAL, "Arn") => {
            format!(
                "arn:aws:dynamodb:{region}:{account}:table/{}",
                table::name(evaluator, resource)?
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
            let stage = evaluator.of_kind(stage::KIND).find(|stage| {
                stage.generated && stage::api(evaluator, stage).ok().as_ref() == Some(&id)
            });
            stage::name(
                evaluator,
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
    bounded_text(text, line)
}

fn named(
    evaluator: &Evaluator<'_>,
    resource: &Resource,
    property: &str,
    line: usize,
) -> Result<String, Problem> {
    match resource.properties.entry(property) {
        Some(name) => evaluator.text(name),
        None => Err(unknown(resource, &format!("Ref {}", resource.id), line)),
    }
}

fn unknown(resource: &Resource, expression: &str, line: usize) -> Problem {
    let text = format!(
        "only AWS knows `{expression}` ({}); use a parameter instead and give its local value with --parameter-overrides",
        resource.kind
    );
    Problem::local_only(line, text)
}
