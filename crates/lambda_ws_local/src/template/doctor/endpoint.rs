//! Where the function finds the management API (conformance K7).

use super::super::Api;
use super::super::node::Node;
use super::finding::Found;
use super::subject::{ENDPOINT, Handler, Subject, Unknown};

/// What becomes of posts to a path that is not the API's.
const REFUSED: &str = "posts are answered 403 `Forbidden`, and no message arrives";

pub(super) fn look(subject: &Subject<'_, '_>) -> Vec<Found> {
    let handlers = subject.handlers();
    handlers
        .filter_map(|handler| of(subject, &handler))
        .collect()
}

fn of(subject: &Subject<'_, '_>, handler: &Handler<'_>) -> Option<Found> {
    let resource = handler.resource;
    let place = Subject::place_of_variable(resource, ENDPOINT);
    let api = handler.apis.first()?;
    let mend = format!(
        "write `{ENDPOINT}: !Sub https://${{{}}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/{}`",
        api.logical_id,
        stage_of(subject, api)
    );
    let variable = match subject.variable(resource, ENDPOINT) {
        Ok(Some(variable)) => variable,
        Ok(None) => {
            let what = format!("function `{}` has no variable `{ENDPOINT}`", resource.id);
            let effect =
                "what is published from outside finds no API, and the first message waits for TLS";
            return Some(Found::mistake(place, what).effect(effect).mend(mend));
        }
        Err(Unknown) => return None,
    };
    let url = subject.scope.text(&variable.value).ok()?;
    let (what, effect) = wrong(subject, &handler.apis, &url)?;
    Some(
        Found::mistake(place, format!("`{ENDPOINT}` {what}"))
            .effect(effect)
            .mend(mend),
    )
}

/// The stage as the template writes it.
fn stage_of(subject: &Subject<'_, '_>, api: &Api) -> String {
    let node = subject
        .resource_of(api)
        .and_then(|one| one.properties.entry("StageName"));
    match node.and_then(Node::intrinsic) {
        Some(("Ref", name)) => format!("${{{}}}", name.as_text().unwrap_or("StageName")),
        _ => api.stage.clone(),
    }
}

/// What is wrong with the endpoint, and what becomes of it.
fn wrong(subject: &Subject<'_, '_>, apis: &[&Api], url: &str) -> Option<(String, &'static str)> {
    let unreachable = "every post fails before it is sent";
    let Some((scheme, rest)) = url.split_once("://") else {
        return Some(("has no `https://`".into(), unreachable));
    };
    if scheme != "https" {
        let text =
            format!("begins with `{scheme}://`: clients connect there, but posts go to `https://`");
        return Some((text, unreachable));
    }
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let path = path.trim_end_matches('/');
    if path.contains("@connections") {
        let text = "ends with `@connections`, which the SDK adds itself".into();
        return Some((
            text,
            "posts are answered 403 or 404, and no message arrives",
        ));
    }
    if host.contains(".execute-api.") {
        let id = host.split('.').next().unwrap_or(host);
        let named: Vec<_> = apis.iter().filter(|api| api.id == id).collect();
        let text = match (path, &named[..]) {
            ("", _) => "has no stage behind its host".to_owned(),
            (path, [api, ..]) if path != api.stage => {
                format!(
                    "ends with `/{path}`, but the stage of API `{}` is `{}`",
                    api.logical_id, api.stage
                )
            }
            _ => return None,
        };
        return Some((text, REFUSED));
    }
    let stage = apis.iter().any(|api| api.stage == path);
    if stage && !base_paths(subject)?.iter().any(|base| base == path) {
        let text =
            format!("has the stage `{path}` behind a custom domain, whose path is its mapping's");
        return Some((text, REFUSED));
    }
    None
}

/// The base paths of the template's domains; `None` if they are not known.
fn base_paths(subject: &Subject<'_, '_>) -> Option<Vec<String>> {
    let mut paths = Vec::new();
    for mapping in subject.scope.of_kind("AWS::ApiGatewayV2::ApiMapping") {
        if let Some(key) = mapping.properties.entry("ApiMappingKey") {
            paths.push(subject.scope.text(key).ok()?);
        }
    }
    for api in &subject.apis {
        let domain = subject
            .resource_of(api)
            .and_then(|one| one.properties.entry("Domain"));
        let Some(base) = domain.and_then(|domain| domain.entry("BasePath")) else {
            continue;
        };
        let base = subject.scope.value(base).ok()?;
        for one in base.as_list().unwrap_or(std::slice::from_ref(&base)) {
            paths.push(subject.scope.text(one).ok()?.trim_matches('/').to_owned());
        }
    }
    Some(paths)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SAM, broken, finds, is_right, without};

    const RIGHT: &str = "!Sub https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/dev";

    fn with(value: &str) -> String {
        broken(SAM, RIGHT, value)
    }

    #[test]
    fn the_function_is_told_where_to_post() {
        let line = format!("          AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI: {RIGHT}\n");
        let finding = finds(&without(SAM, &line), "endpoint");
        assert!(
            finding.mend.ends_with(&format!("{RIGHT}`")),
            "{}",
            finding.mend
        );
    }

    #[test]
    fn it_is_told_so_correctly() {
        for (value, said) in [
            (
                "!Sub wss://${Api}.execute-api.us-east-1.amazonaws.com/dev",
                "begins with `wss://`",
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
            ("https://chat.example.com/dev", "behind a custom domain"),
        ] {
            let finding = finds(&with(value), "endpoint");
            assert!(finding.what.contains(said), "{value}: {}", finding.what);
        }
    }

    #[test]
    fn what_may_be_right_is_not_judged() {
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
