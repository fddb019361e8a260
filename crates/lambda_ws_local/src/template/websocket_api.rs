//! SAM's `AWS::Serverless::WebSocketApi`, taken apart into the API Gateway resources that SAM makes of it.

use super::node::{Entry, Node};
use super::report::Report;
use super::resource::Resource;
use super::{Problem, route};

/// SAM's name of a stage that the template does not name.
const DEFAULT_STAGE: &str = "default";

/// The `Stage`, and for each route the `Route` and the `Integration`, under the logical ids that SAM gives them.
pub(crate) fn expand(api: &Resource, report: &Report) -> Vec<Resource> {
    let properties = &api.properties;
    let mut parts = vec![stage(api)];
    let routes = properties.entry("Routes");
    match routes {
        Some(routes) if routes.intrinsic().is_none() && !routes.entries().is_empty() => {
            for entry in routes.entries() {
                parts.extend(report.keep(route(api, entry, report)).into_iter().flatten());
            }
        }
        _ => {
            let line = routes.map_or(api.line, |routes| routes.line);
            let text = format!(
                "API `{}` has no `Routes`; it is a map of route keys, each with its `FunctionArn`",
                api.id
            );
            report.problem(Problem::new(line, text));
        }
    }
    parts
}

fn part(api: &Resource, id: String, kind: &str, line: usize, mut entries: Vec<Entry>) -> Resource {
    entries.push(Entry::new(
        "ApiId",
        Node::single("Ref", Node::text(&api.id, line)),
    ));
    Resource {
        id,
        kind: format!("AWS::ApiGatewayV2::{kind}"),
        condition: api.condition.clone(),
        properties: Node::map(entries, line),
        metadata: Node::null(line),
        line,
        generated: true,
    }
}

fn copied(from: &Node, keys: &[&str]) -> Vec<Entry> {
    from.entries()
        .iter()
        .filter(|entry| keys.contains(&&*entry.key))
        .cloned()
        .collect()
}

fn stage(api: &Resource) -> Resource {
    let keys = [
        "StageName",
        "StageVariables",
        "RouteSettings",
        "DefaultRouteSettings",
    ];
    let mut entries = copied(&api.properties, &keys);
    if api.properties.entry("StageName").is_none_or(Node::is_null) {
        entries.retain(|entry| &*entry.key != "StageName");
        entries.push(Entry::new("StageName", Node::text(DEFAULT_STAGE, api.line)));
    }
    entries.push(Entry::new("AutoDeploy", Node::text("true", api.line)));
    let id = match entries
        .iter()
        .find(|entry| &*entry.key == "StageName")
        .and_then(|entry| entry.value.as_text())
    {
        Some(DEFAULT_STAGE) => format!("{}DefaultStage", api.id),
        Some(name) => format!("{}{name}Stage", api.id),
        None => format!("{}Stage", api.id),
    };
    part(api, id, "Stage", api.line, entries)
}

fn route(api: &Resource, entry: &Entry, report: &Report) -> Result<Vec<Resource>, Problem> {
    let (key, spec, line) = (&*entry.key, &entry.value, entry.line);
    let name = match key.strip_prefix('$') {
        Some(name) if route::PREDEFINED.contains(&key) => name,
        // What else begins with `$` is refused with the other keys of the API.
        Some(name) => name,
        None if !key.is_empty() && key.chars().all(char::is_alphanumeric) => key,
        None => {
            let text = format!(
                "route `{key}`: SAM takes letters and digits only; write other keys as `AWS::ApiGatewayV2::Route`"
            );
            return Err(Problem::new(line, text));
        }
    };
    let Some(function) = spec.entry("FunctionArn") else {
        let text = format!(
            "route `{key}` has no `FunctionArn`; give it one, as in `FunctionArn: !GetAtt Function.Arn`"
        );
        return Err(Problem::new(line, text));
    };
    let base = format!("{}{}", api.id, capitalized(name));
    let (route, integration) = (format!("{base}Route"), format!("{base}Integration"));

    let keys = [
        "ApiKeyRequired",
        "ModelSelectionExpression",
        "RequestModels",
        "RequestParameters",
        "RouteResponseSelectionExpression",
    ];
    let mut entries = copied(spec, &keys);
    entries.push(Entry::new("RouteKey", Node::text(key, line)));
    let target = Node::text(format!("integrations/${{{integration}}}"), line);
    entries.push(Entry::new("Target", Node::single("Fn::Sub", target)));
    if key == "$connect"
        && let Some(auth) = api.properties.entry("Auth").filter(|auth| !auth.is_null())
    {
        match auth.entry("AuthType") {
            Some(kind) => entries.push(Entry::new("AuthorizationType", kind.clone())),
            None => report.problem(Problem::new(
                auth.line,
                format!("`Auth` of API `{}` has no `AuthType`", api.id),
            )),
        }
    }
    let mut parts = vec![Entry::new("IntegrationType", Node::text("AWS_PROXY", line))];
    parts.push(Entry::new("IntegrationUri", function.clone()));
    if let Some(timeout) = spec.entry("IntegrationTimeout") {
        parts.push(Entry::new("TimeoutInMillis", timeout.clone()));
    }
    Ok(vec![
        part(api, route, "Route", line, entries),
        part(api, integration, "Integration", line, parts),
    ])
}

/// The first letter in upper case and all others in lower case, which is how SAM writes a route key in a logical id.
fn capitalized(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map(|first| {
            first
                .to_uppercase()
                .chain(letters.flat_map(char::to_lowercase))
                .collect()
        })
        .unwrap_or_default()
}
