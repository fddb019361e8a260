//! The names of resources, and the values of `Ref` and `Fn::GetAtt` that are known without AWS.

use super::evaluator::Evaluator;
use super::intrinsics::bounded_text;
use super::parameters::STACK;
use crate::template::syntax::{Node, Problem};
use crate::template::transform::{Resource, resource_type};

/// The minimum length of a table name.
pub(crate) const MIN_TABLE_NAME: usize = 3;
/// The number of the version that SAM publishes. Locally it is the only version.
const FIRST_VERSION: &str = "1";

/// Returns the id of the API that a stage, a route or an integration belongs to.
pub(crate) fn api_id(evaluator: &Evaluator<'_>, part: &Resource) -> Result<String, Problem> {
    match part.properties.entry("ApiId") {
        Some(id) => evaluator.text(id),
        None => Err(part.problem(format!("`{}` has no `ApiId`", part.id))),
    }
}

/// Whether a stage, a route or an integration belongs to the API with that id.
pub(crate) fn belongs_to(evaluator: &Evaluator<'_>, part: &Resource, api: &str) -> bool {
    api_id(evaluator, part).is_ok_and(|id| id == api)
}

/// Returns the function's name on AWS: `FunctionName`, or the logical id.
pub(crate) fn function(evaluator: &Evaluator<'_>, function: &Resource) -> Result<String, Problem> {
    name_or_id(evaluator, function, "FunctionName")
}

/// Returns the table's name on AWS: `TableName`, or one that is derived from the logical id.
pub(crate) fn table(evaluator: &Evaluator<'_>, table: &Resource) -> Result<String, Problem> {
    let name = explicit_name(evaluator, table, "TableName")?;
    Ok(
        name.unwrap_or_else(|| match table.id.len() < MIN_TABLE_NAME {
            // The name that AWS generates is long enough.
            true => format!("{STACK}-{}", table.id),
            false => table.id.clone(),
        }),
    )
}

/// Returns the stage's name. `--stage` replaces it if the API has no other stage.
pub(crate) fn stage(evaluator: &Evaluator<'_>, stage: &Resource) -> Result<String, Problem> {
    if let Some(name) = &evaluator.options.stage {
        let id = api_id(evaluator, stage)?;
        let stages = evaluator.of_type(resource_type::STAGE);
        let mut others = stages.filter(|other| other.id != stage.id);
        if !others.any(|other| belongs_to(evaluator, other, &id)) {
            return Ok(name.clone());
        }
    }
    match stage.properties.entry("StageName") {
        Some(name) => evaluator.text(name),
        None => Err(stage.problem(format!("stage `{}` has no `StageName`", stage.id))),
    }
}

/// Returns the name in a property of a resource; `None` if it is not set, or if only AWS knows it.
fn explicit_name(
    evaluator: &Evaluator<'_>,
    resource: &Resource,
    property: &str,
) -> Result<Option<String>, Problem> {
    let Some(node) = resource.properties.entry(property) else {
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
            let text = format!("`{property}` of `{id}` is its logical id locally: {problem}");
            evaluator.report.note(node.line, text);
            Ok(None)
        }
        text => text,
    }
}

fn name_or_id(
    evaluator: &Evaluator<'_>,
    resource: &Resource,
    property: &str,
) -> Result<String, Problem> {
    let name = explicit_name(evaluator, resource, property)?;
    Ok(name.unwrap_or_else(|| resource.id.clone()))
}

fn function_arn(evaluator: &Evaluator<'_>, name: &str) -> String {
    evaluator.options.arn("lambda", &format!("function:{name}"))
}

/// The unqualified ARN of the function of an alias or a version.
fn unqualified_arn(
    evaluator: &Evaluator<'_>,
    resource: &Resource,
    line: usize,
) -> Result<String, Problem> {
    let function = required(evaluator, resource, "FunctionName", line)?;
    Ok(match function.split(':').collect::<Vec<_>>()[..] {
        ["arn", .., "function", name] | ["arn", .., "function", name, _] => {
            function_arn(evaluator, name)
        }
        _ => function_arn(evaluator, &function),
    })
}

fn alias_arn(evaluator: &Evaluator<'_>, alias: &Resource, line: usize) -> Result<String, Problem> {
    let name = required(evaluator, alias, "Name", line)?;
    let arn = unqualified_arn(evaluator, alias, line)?;
    Ok(format!("{arn}:{name}"))
}

fn version_arn(
    evaluator: &Evaluator<'_>,
    version: &Resource,
    line: usize,
) -> Result<String, Problem> {
    let arn = unqualified_arn(evaluator, version, line)?;
    let number = version_number(evaluator, version, line)?;
    Ok(format!("{arn}:{number}"))
}

/// The number of a version: its position among the versions of its function.
fn version_number(
    evaluator: &Evaluator<'_>,
    version: &Resource,
    line: usize,
) -> Result<usize, Problem> {
    let arn = unqualified_arn(evaluator, version, line)?;
    let versions = evaluator.of_type(resource_type::VERSION);
    let earlier = versions.take_while(|one| one.id != version.id);
    let same =
        earlier.filter(|one| unqualified_arn(evaluator, one, line).is_ok_and(|other| other == arn));
    Ok(same.count() + 1)
}

pub(super) fn reference(
    evaluator: &Evaluator<'_>,
    name: &str,
    line: usize,
) -> Result<Node, Problem> {
    // SAM: `Ref Api.Stage`, `Ref Function.Alias`.
    if let Some((base, part)) = name.split_once('.') {
        return attribute(evaluator, base, part, line);
    }
    let resource = evaluator.resource(name, line)?;
    let property = |name| required(evaluator, resource, name, line);
    let text = match &*resource.resource_type {
        resource_type::SAM_FUNCTION | resource_type::FUNCTION => function(evaluator, resource)?,
        resource_type::SAM_TABLE | resource_type::TABLE | resource_type::GLOBAL_TABLE => {
            table(evaluator, resource)?
        }
        resource_type::ROLE => name_or_id(evaluator, resource, "RoleName")?,
        resource_type::ALIAS => alias_arn(evaluator, resource, line)?,
        resource_type::VERSION => version_arn(evaluator, resource, line)?,
        resource_type::STAGE => stage(evaluator, resource)?,
        resource_type::LOG_GROUP => property("LogGroupName")?,
        "AWS::S3::Bucket" => property("BucketName")?,
        resource_type::SAM_WEBSOCKET_API
        | resource_type::SAM_REST_API
        | resource_type::SAM_HTTP_API
        | resource_type::REST_API
        | resource_type::API_KEY
        | resource_type::USAGE_PLAN => resource.short_id(),
        other if other.starts_with("AWS::ApiGatewayV2::") => resource.short_id(),
        _ => return Err(unknown(resource, &format!("Ref {name}"), line)),
    };
    bounded_text(text, line)
}

/// Returns the value of `Fn::GetAtt name.attribute`.
pub(super) fn attribute(
    evaluator: &Evaluator<'_>,
    name: &str,
    attribute: &str,
    line: usize,
) -> Result<Node, Problem> {
    let resource = evaluator.resource(name, line)?;
    let (region, account) = (&evaluator.options.region, &evaluator.options.account);
    let arn = || Ok::<_, Problem>(function_arn(evaluator, &function(evaluator, resource)?));
    let text = match (&*resource.resource_type, attribute) {
        (resource_type::SAM_FUNCTION | resource_type::FUNCTION, "Arn") => arn()?,
        (resource_type::SAM_FUNCTION, "Alias") => {
            let alias = required(evaluator, resource, "AutoPublishAlias", line)?;
            format!("{}:{alias}", arn()?)
        }
        (resource_type::SAM_FUNCTION, "Version") => format!("{}:{FIRST_VERSION}", arn()?),
        (resource_type::ROLE, "Arn") => {
            let path = resource.properties.entry("Path");
            let path = path.map_or(Ok("/".to_owned()), |path| evaluator.text(path))?;
            let name = name_or_id(evaluator, resource, "RoleName")?;
            format!("arn:aws:iam::{account}:role{path}{name}")
        }
        (resource_type::ALIAS, "AliasArn") => alias_arn(evaluator, resource, line)?,
        (resource_type::VERSION, "FunctionArn") => version_arn(evaluator, resource, line)?,
        (resource_type::VERSION, "Version") => {
            version_number(evaluator, resource, line)?.to_string()
        }
        (resource_type::SAM_TABLE | resource_type::TABLE | resource_type::GLOBAL_TABLE, "Arn") => {
            let name = table(evaluator, resource)?;
            evaluator.options.arn("dynamodb", &format!("table/{name}"))
        }
        (resource_type::SAM_WEBSOCKET_API | resource_type::API, "ApiId")
        | (resource_type::AUTHORIZER, "AuthorizerId")
        | (resource_type::API_KEY, "APIKeyId") => resource.short_id(),
        (resource_type::SAM_WEBSOCKET_API | resource_type::API, "ApiEndpoint") => {
            let id = resource.short_id();
            format!("wss://{id}.execute-api.{region}.amazonaws.com")
        }
        (resource_type::SAM_WEBSOCKET_API, "Stage") => {
            let id = resource.short_id();
            let found = evaluator
                .of_type(resource_type::STAGE)
                .find(|stage| stage.generated && belongs_to(evaluator, stage, &id));
            let missing = || Problem::missing(line, &format!("{name}.Stage"));
            stage(evaluator, found.ok_or_else(missing)?)?
        }
        _ => {
            let expression = format!("GetAtt {name}.{attribute}");
            return Err(unknown(resource, &expression, line));
        }
    };
    bounded_text(text, line)
}

fn required(
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
        "only AWS knows `{expression}` ({}); use a parameter and set its local value with --parameter-overrides",
        resource.resource_type
    );
    Problem::local_only(line, text)
}
