//! Notes on the parts of a template that the local gateway does not support. Each unsupported part
//! that affects a WebSocket API has a note.

use super::mock;
use crate::template::evaluate::Evaluator;
use crate::template::syntax::{Node, Report};
use crate::template::transform::resource_type;

/// The transform of SAM, which all `AWS::Serverless` resources require.
const SERVERLESS: &str = "AWS::Serverless-2016-10-31";

/// The macros that the reader supports.
pub(crate) const SUPPORTED_MACROS: [&str; 2] = [SERVERLESS, "AWS::LanguageExtensions"];

pub(crate) fn note_resources(evaluator: &Evaluator<'_>) {
    for resource in evaluator.resources.iter().filter(|one| !one.generated) {
        let (id, kind) = (&resource.id, &*resource.resource_type);
        let what = match kind {
            "AWS::ApiGatewayV2::ApiMapping" | "AWS::ApiGatewayV2::DomainName" => {
                "custom domain names are not served"
            }
            resource_type::INTEGRATION_RESPONSE if mock::uses(evaluator, resource) => continue,
            resource_type::INTEGRATION_RESPONSE => "proxy integrations do not use it",
            resource_type::AUTHORIZER
            | resource_type::DEPLOYMENT
            | resource_type::MODEL
            | resource_type::ROUTE_RESPONSE => continue,
            resource_type::INTEGRATION
            | resource_type::ROUTE
            | resource_type::STAGE
            | resource_type::API => continue,
            resource_type::USAGE_PLAN => {
                "usage plans are not supported: every API accepts every API key, without throttling and quotas"
            }
            resource_type::REST_API | resource_type::SAM_REST_API | resource_type::SAM_HTTP_API => {
                "only WebSocket APIs are served"
            }
            resource_type::STACK | resource_type::APPLICATION => {
                "the template of another stack is not read"
            }
            "AWS::CloudFormation::CustomResource" => "custom resources do not run",
            "AWS::CDK::Metadata" => continue,
            _ if kind.starts_with("AWS::ApiGatewayV2::") => "it is not supported",
            _ if kind.starts_with("AWS::") && !kind.ends_with("::MODULE") => continue,
            _ => "only resources of AWS are supported",
        };
        let text = format!("`{id}` ({kind}): {what}");
        evaluator.report.note(resource.line, text);
    }
}

/// Returns the macros of a template with their lines.
pub(crate) fn macros(template: &Node) -> Vec<(&str, usize)> {
    let transform = template.entry("Transform").map(Node::items);
    let macros = transform.unwrap_or_default().iter();
    macros
        .map(|one| {
            let name = one.as_text().or(one.text_of("Name"));
            (name.unwrap_or("?"), one.line)
        })
        .collect()
}

/// Adds notes on unsupported macros, and reports SAM resources in a template without the transform of SAM.
pub(crate) fn check_transform(template: &Node, evaluator: &Evaluator<'_>, report: &Report) {
    let macros = macros(template);
    for (name, line) in macros
        .iter()
        .filter(|one| !SUPPORTED_MACROS.contains(&one.0))
    {
        let text =
            format!("the macro `{name}` does not run; the template is read as it is written");
        report.note(*line, text);
    }
    let mut resources = evaluator.resources.iter();
    let sam = resources.find(|one| one.resource_type.starts_with("AWS::Serverless::"));
    let has_transform = macros.iter().any(|(name, _)| *name == SERVERLESS);
    if let Some(resource) = sam.filter(|_| !has_transform) {
        let text = format!(
            "`{}` requires the line `Transform: {SERVERLESS}` in the template",
            resource.resource_type
        );
        report.problem(resource.problem(text));
    }
}
