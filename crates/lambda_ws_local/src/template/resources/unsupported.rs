//! Notes on what the template has and the local gateway does not: nothing that could matter to a websocket API is skipped
//! silently.

use super::{api, mock, model};
use crate::template::evaluate::Evaluator;
use crate::template::syntax::{Node, Problem, Report, Value};

/// SAM's transform, without which no `AWS::Serverless` resource exists.
const SERVERLESS: &str = "AWS::Serverless-2016-10-31";

/// The macros that the reader understands.
pub(crate) const SUPPORTED_MACROS: [&str; 2] = [SERVERLESS, "AWS::LanguageExtensions"];

pub(crate) fn note_resources(evaluator: &Evaluator<'_>) {
    for resource in evaluator.resources.iter().filter(|one| !one.generated) {
        let (id, kind) = (&resource.id, &*resource.kind);
        let what = match kind {
            "AWS::ApiGatewayV2::ApiMapping" | "AWS::ApiGatewayV2::DomainName" => {
                "custom domain names are not served"
            }
            mock::RESPONSE if mock::uses(evaluator, resource) => continue,
            mock::RESPONSE => "a proxy integration has no use for it",
            "AWS::ApiGatewayV2::Authorizer"
            | "AWS::ApiGatewayV2::Deployment"
            | model::KIND
            | "AWS::ApiGatewayV2::RouteResponse" => continue,
            "AWS::ApiGatewayV2::Integration"
            | "AWS::ApiGatewayV2::Route"
            | "AWS::ApiGatewayV2::Stage"
            | api::KIND => continue,
            "AWS::ApiGateway::UsagePlan" => {
                "usage plans are not reproduced: every API takes every API key, without throttling and quotas"
            }
            "AWS::ApiGateway::RestApi" | "AWS::Serverless::Api" | "AWS::Serverless::HttpApi" => {
                "only websocket APIs are served"
            }
            "AWS::CloudFormation::Stack" | "AWS::Serverless::Application" => {
                "the template of another stack is not read"
            }
            "AWS::CloudFormation::CustomResource" => "custom resources do not run",
            "AWS::CDK::Metadata" => continue,
            _ if kind.starts_with("AWS::ApiGatewayV2::") => "it is not reproduced",
            _ if kind.starts_with("AWS::") && !kind.ends_with("::MODULE") => continue,
            _ => "what is not of AWS does not run",
        };
        evaluator
            .report
            .note(resource.line, format!("`{id}` ({kind}): {what}"));
    }
}

/// Notes the macros that the template names, and demands SAM's if it uses SAM's types.
pub(crate) fn check_transform(template: &Node, evaluator: &Evaluator<'_>, report: &Report) {
    let macros = match template.entry("Transform") {
        Some(list) => match &list.value {
            Value::List(items) => items.to_vec(),
            _ => vec![list.clone()],
        },
        None => Vec::new(),
    };
    let names: Vec<_> = macros
        .iter()
        .map(|one| {
            one.as_text()
                .or(one.entry("Name").and_then(Node::as_text))
                .unwrap_or("?")
        })
        .collect();
    for (name, node) in names.iter().zip(&macros) {
        if !SUPPORTED_MACROS.contains(name) {
            report.note(
                node.line,
                format!("the macro `{name}` does not run; the template is read as it is written"),
            );
        }
    }
    let sam = evaluator
        .resources
        .iter()
        .find(|resource| resource.kind.starts_with("AWS::Serverless::"));
    if let Some(resource) = sam.filter(|_| !names.contains(&SERVERLESS)) {
        let text = format!(
            "`{}` needs the line `Transform: {SERVERLESS}` in the template",
            resource.kind
        );
        report.problem(Problem::new(resource.line, text));
    }
}
