//! The endpoint of the management API (conformance K7).

use crate::template::doctor::cdk;
use crate::template::doctor::examined_api::ExaminedApi;
use crate::template::doctor::finding::Finding;
use crate::template::doctor::input::{DoctorInput, ENDPOINT, RoutedFunction};
use crate::template::evaluate::resource_names;
use crate::template::syntax::Node;
use crate::template::transform::resource_type;

/// The effect of a wrong path.
const FORBIDDEN: &str = "every message to a client fails with 403 `Forbidden`";

pub(super) fn check(input: &DoctorInput<'_>) -> Vec<Finding> {
    let functions = input.library_functions();
    functions
        .filter_map(|function| of(input, &function))
        .collect()
}

fn of(input: &DoctorInput<'_>, function: &RoutedFunction<'_>) -> Option<Finding> {
    let resource = function.resource;
    let location = DoctorInput::location_of_variable(resource, ENDPOINT);
    let api = function.apis.iter().find(|api| api.resource.is_some())?;
    let fix = format!(
        "write `{ENDPOINT}: !Sub https://{}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/{}`",
        api.reference(),
        stage_of(input, api)
    );
    // A `CfnStage` has no `callbackUrl`.
    let cdk_fix = match api.resource.is_some_and(cdk::has_methods) {
        true => format!("write `{ENDPOINT}: stage.callbackUrl` in the environment of the function"),
        false => fix.clone(),
    };
    let Some(variable) = input.variable(resource, ENDPOINT).ok()? else {
        let what = format!("function `{}` has no variable `{ENDPOINT}`", resource.id);
        let effect = "events of other sources, such as queues and schedules, cannot send until a WebSocket event provides the endpoint";
        return Some(
            Finding::remark(location, what)
                .effect(effect)
                .fix(fix)
                .cdk_fix(cdk_fix),
        );
    };
    let url = input.evaluator.text(&variable.value).ok()?;
    let (what, effect) = wrong(input, &function.apis, &url)?;
    let finding = Finding::mistake(location, format!("`{ENDPOINT}` {what}"));
    Some(finding.effect(effect).fix(fix).cdk_fix(cdk_fix))
}

/// Returns the stage of an API as an expression in the template.
fn stage_of(input: &DoctorInput<'_>, api: &ExaminedApi<'_>) -> String {
    let mut stages = input.evaluator.of_type(resource_type::STAGE);
    let stage = stages.find(|one| resource_names::belongs_to(input.evaluator, one, &api.id));
    let name = stage.and_then(|stage| stage.properties.entry("StageName"));
    match name.and_then(Node::intrinsic) {
        Some(("Ref", name)) => format!("${{{}}}", name.as_text().unwrap_or("StageName")),
        _ => api
            .stages
            .iter()
            .flatten()
            .next()
            .map_or("STAGE", |name| name)
            .to_owned(),
    }
}

/// Returns the fault of the endpoint and its effect.
fn wrong(
    input: &DoctorInput<'_>,
    apis: &[&ExaminedApi<'_>],
    url: &str,
) -> Option<(String, &'static str)> {
    let unreachable = "every message to a client fails before it is sent";
    let Some((scheme, rest)) = url.split_once("://") else {
        return Some(("has no `https://`".into(), unreachable));
    };
    if scheme != "https" {
        let text = format!("starts with `{scheme}://`, but the management API requires `https://`");
        return Some((text, unreachable));
    }
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = path.trim_end_matches('/');
    if path.contains("@connections") {
        let text = "ends with `@connections`, which the SDK adds itself".into();
        return Some((text, "every message to a client fails with 403 or 404"));
    }
    if host.contains(".execute-api.") {
        let id = host.split('.').next().unwrap_or(host);
        if path.is_empty() {
            return Some(("has no stage after its host".to_owned(), FORBIDDEN));
        }
        let api = apis.iter().find(|api| api.id == id)?;
        let stages = api.known_stages()?;
        if stages.contains(&path) {
            return None;
        }
        let text = match stages[..] {
            [stage] => format!(
                "ends with `/{path}`, but the stage of API `{}` is `{stage}`",
                api.name
            ),
            _ => format!(
                "ends with `/{path}`, but the stages of API `{}` are {}",
                api.name,
                stages.join(", ")
            ),
        };
        return Some((text, FORBIDDEN));
    }
    let stage = apis
        .iter()
        .any(|api| api.stages.iter().flatten().any(|stage| stage == path));
    if stage && !base_paths(input)?.iter().any(|base| base == path) {
        let text = format!(
            "has the stage `{path}` after a custom domain, which requires a base path instead"
        );
        return Some((text, FORBIDDEN));
    }
    None
}

/// Returns the base paths of the domains in the template; `None` if they are unknown.
fn base_paths(input: &DoctorInput<'_>) -> Option<Vec<String>> {
    let mut paths = Vec::new();
    for mapping in input.evaluator.of_type("AWS::ApiGatewayV2::ApiMapping") {
        if let Some(key) = mapping.properties.entry("ApiMappingKey") {
            paths.push(input.evaluator.text(key).ok()?);
        }
    }
    for api in &input.apis {
        let domain = api.resource.and_then(|one| one.properties.entry("Domain"));
        let Some(base) = domain.and_then(|domain| domain.entry("BasePath")) else {
            continue;
        };
        let base = input.evaluator.value(base).ok()?;
        for one in base.items() {
            paths.push(input.evaluator.text(one).ok()?.trim_matches('/').to_owned());
        }
    }
    Some(paths)
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::tests::{SAM, broken, finds, is_right, without};

    const RIGHT: &str = "!Sub https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/dev";

    fn with(value: &str) -> String {
        broken(SAM, RIGHT, value)
    }

    #[test]
    fn a_function_without_an_endpoint_is_a_finding() {
        let line = format!("          AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI: {RIGHT}\n");
        let finding = finds(&without(SAM, &line), "endpoint");
        assert!(
            finding.fix.ends_with(&format!("{RIGHT}`")),
            "{}",
            finding.fix
        );
    }

    #[test]
    fn a_wrong_endpoint_is_a_finding() {
        for (value, expected) in [
            (
                "!Sub wss://${Api}.execute-api.us-east-1.amazonaws.com/dev",
                "starts with `wss://`",
            ),
            (
                "!Sub ${Api}.execute-api.us-east-1.amazonaws.com/dev",
                "has no `https://`",
            ),
            (
                "!Sub https://${Api}.execute-api.us-east-1.amazonaws.com",
                "has no stage",
            ),
            (
                "!Sub https://${Api}.execute-api.us-east-1.amazonaws.com/",
                "has no stage",
            ),
            (
                "!Sub https://${Api}.execute-api.us-east-1.amazonaws.com/prod",
                "the stage of API `Api` is `dev`",
            ),
            (
                "!Sub https://${Api}.execute-api.us-east-1.amazonaws.com/dev/@connections",
                "`@connections`",
            ),
            ("https://chat.example.com/dev", "after a custom domain"),
        ] {
            let finding = finds(&with(value), "endpoint");
            assert!(finding.what.contains(expected), "{value}: {}", finding.what);
        }
    }

    #[test]
    fn an_endpoint_that_may_be_right_is_not_a_finding() {
        for value in [
            "https://chat.example.com",
            "https://chat.example.com/chat",
            "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/prod",
            "!ImportValue Endpoint",
        ] {
            is_right(&with(value));
        }
        let mapped = format!(
            "{}
  Mapping:
    Type: AWS::ApiGatewayV2::ApiMapping
    Properties: {{ ApiId: !Ref Api, DomainName: chat.example.com, Stage: dev, ApiMappingKey: dev }}
",
            with("https://chat.example.com/dev")
        );
        is_right(&mapped);
    }
}
