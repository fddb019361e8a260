//! The API Gateway resources that SAM generates from an `AWS::Serverless::WebSocketApi`.

use super::resource::Resource;
use super::resource_type;
use crate::template::syntax::{Entry, Node, Problem, Report};

/// The name that SAM gives to a stage without a `StageName`.
const DEFAULT_STAGE: &str = "default";

/// Returns the `Stage` and the `Authorizer`, and the `Route`, `Integration` and `Permission` of each route. They have
/// the logical ids that SAM generates.
pub(crate) fn expand(api: &Resource, report: &Report) -> Vec<Resource> {
    let properties = &api.properties;
    let mut parts = vec![stage(api)];
    let routes = properties.entry("Routes");
    let auth = properties.non_null("Auth");
    let auth = auth.and_then(|auth| report.ok(Auth::read(api, auth)));
    if let Some(auth) = &auth {
        parts.extend(auth.authorizer.clone());
        let function = auth.authorizer.as_ref();
        let function = function.and_then(|one| one.properties.entry("AuthorizerUri"));
        if let Some(function) = function.filter(|_| !auth.has_role) {
            let id = format!("{}AuthorizerPermission", api.id);
            parts.push(permission(api, id, function, "authorizers/*"));
        }
    }
    match routes {
        Some(routes) if routes.intrinsic().is_none() && !routes.entries().is_empty() => {
            for entry in routes.entries() {
                parts.extend(report.ok(route(api, entry, &auth)).into_iter().flatten());
            }
        }
        _ => {
            let line = routes.map_or(api.line, |routes| routes.line);
            let text = format!(
                "API `{}` has no `Routes`; add a map of route keys, each with a `FunctionArn`",
                api.id
            );
            report.problem(Problem::new(line, text));
        }
    }
    parts
}

fn part(
    api: &Resource,
    id: String,
    resource_type: &str,
    line: usize,
    mut entries: Vec<Entry>,
) -> Resource {
    let reference = Node::single("Ref", Node::text(&api.id, line));
    entries.push(Entry::new("ApiId", reference));
    Resource::generated(api, id, resource_type, entries, line)
}

fn copied(from: &Node, keys: &[&str]) -> Vec<Entry> {
    let entries = from.entries().iter();
    let copied = entries.filter(|entry| keys.contains(&&*entry.key));
    copied.cloned().collect()
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
    let mut names = entries.iter().filter(|entry| &*entry.key == "StageName");
    let id = match names.next().and_then(|entry| entry.value.as_text()) {
        Some(DEFAULT_STAGE) => format!("{}DefaultStage", api.id),
        Some(name) => format!("{}{name}Stage", api.id),
        None => format!("{}Stage", api.id),
    };
    part(api, id, resource_type::STAGE, api.line, entries)
}

fn route(api: &Resource, entry: &Entry, auth: &Option<Auth>) -> Result<Vec<Resource>, Problem> {
    let (key, spec, line) = (&*entry.key, &entry.value, entry.line);
    let name = match key.strip_prefix('$') {
        // An unknown key with `$` is reported with the other keys of the API.
        Some(name) => name,
        None if !key.is_empty() && key.chars().all(char::is_alphanumeric) => key,
        None => {
            let text = format!(
                "route key `{key}` is not valid: SAM accepts only letters and digits; use an `AWS::ApiGatewayV2::Route`"
            );
            return Err(Problem::new(line, text));
        }
    };
    let Some(function) = spec.entry("FunctionArn") else {
        let text = format!(
            "route `{key}` has no `FunctionArn`; add one, such as `FunctionArn: !GetAtt Function.Arn`"
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
        && let Some(auth) = auth
    {
        entries.extend(auth.of_connect.clone());
    }
    let mut parts = vec![Entry::new("IntegrationType", Node::text("AWS_PROXY", line))];
    parts.push(Entry::new("IntegrationUri", function.clone()));
    if let Some(timeout) = spec.entry("IntegrationTimeout") {
        parts.push(Entry::new("TimeoutInMillis", timeout.clone()));
    }
    Ok(vec![
        part(api, route, resource_type::ROUTE, line, entries),
        part(api, integration, resource_type::INTEGRATION, line, parts),
        permission(
            api,
            format!("{base}Permission"),
            function,
            &format!("*/{key}"),
        ),
    ])
}

/// The permission of API Gateway to call a function; `source` follows the API's id in the ARN.
fn permission(api: &Resource, id: String, function: &Node, source: &str) -> Resource {
    let line = function.line;
    let arn = format!(
        "arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{{}}}/{source}",
        api.id
    );
    let entries = vec![
        Entry::new("Action", Node::text("lambda:InvokeFunction", line)),
        Entry::new("FunctionName", function.clone()),
        Entry::new("Principal", Node::text("apigateway.amazonaws.com", line)),
        Entry::new("SourceArn", Node::single("Fn::Sub", Node::text(arn, line))),
    ];
    Resource::generated(api, id, resource_type::PERMISSION, entries, line)
}

/// SAM's `Auth`: the authorization of `$connect`, and the authorizer that it needs.
struct Auth {
    of_connect: Vec<Entry>,
    authorizer: Option<Resource>,
    /// Whether API Gateway assumes a role to call the authorizer, and requires no permission.
    has_role: bool,
}

impl Auth {
    fn read(api: &Resource, auth: &Node) -> Result<Self, Problem> {
        let problem = |line, text: &str| {
            let text = format!("`Auth` of API `{}` {text}", api.id);
            Err(Problem::new(line, text))
        };
        let given = |name| auth.non_null(name);
        let Some(kind) = given("AuthType") else {
            return problem(
                auth.line,
                "has no `AuthType`: expected NONE, AWS_IAM or CUSTOM",
            );
        };
        let routes = api.properties.entry("Routes");
        if routes.is_some_and(|routes| routes.entry("$connect").is_none()) {
            return problem(auth.line, "requires a route `$connect`");
        }
        let mut this = Self {
            of_connect: vec![Entry::new("AuthorizationType", kind.clone())],
            authorizer: None,
            has_role: given("InvokeRole").is_some(),
        };
        match (kind.as_text(), given("AuthArn")) {
            (Some("NONE" | "AWS_IAM"), _) => {
                let more = auth
                    .entries()
                    .iter()
                    .find(|entry| &*entry.key != "AuthType");
                match more {
                    Some(more) => {
                        let text = format!("has `{}`, which requires `AuthType: CUSTOM`", more.key);
                        problem(more.line, &text)
                    }
                    None => Ok(this),
                }
            }
            (Some("CUSTOM"), Some(function)) => {
                let id = format!("{}ConnectAuthorizer", api.id);
                this.of_connect.push(Entry::new(
                    "AuthorizerId",
                    Node::single("Ref", Node::text(&id, auth.line)),
                ));
                let mut entries = copied(auth, &["IdentitySource"]);
                entries.push(Entry::new(
                    "AuthorizerType",
                    Node::text("REQUEST", kind.line),
                ));
                entries.push(Entry::new("AuthorizerUri", function.clone()));
                this.authorizer =
                    Some(part(api, id, resource_type::AUTHORIZER, auth.line, entries));
                Ok(this)
            }
            (Some("CUSTOM"), None) => problem(
                kind.line,
                "is CUSTOM but has no `AuthArn`; add one, such as `!GetAtt Function.Arn`",
            ),
            _ => problem(
                kind.line,
                "has an `AuthType` that is not valid: expected NONE, AWS_IAM or CUSTOM",
            ),
        }
    }
}

/// The first letter in upper case and all others in lower case, as in the logical ids of SAM.
fn capitalized(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters.flat_map(char::to_lowercase)).collect()
}
