//! Missing routes of an API.

use crate::template::doctor::cdk;
use crate::template::doctor::examined_api::{ExaminedApi, ExaminedRoute};
use crate::template::doctor::finding::Finding;
use crate::template::doctor::input::DoctorInput;
use crate::template::resources::route;
use crate::template::transform::resource_type;

/// Whether the template contains a route with this key, even an invalid one.
fn has(api: &ExaminedApi<'_>, key: &str) -> bool {
    // A route with an unknown key may have this key.
    api.routes
        .iter()
        .any(|one| one.key.as_deref().is_none_or(|own| own == key))
}

/// Returns the APIs with all of their routes in the template.
fn complete<'d>(input: &'d DoctorInput<'_>) -> impl Iterator<Item = &'d ExaminedApi<'d>> {
    // A route of an unknown API may belong to any of the APIs.
    let complete =
        input.apis.iter().all(|api| !api.id.is_empty()) && !input.has_unwritten_resources();
    let apis = input.apis.iter();
    apis.filter(move |api| complete && api.resource.is_some())
}

/// Returns the fix that adds a route.
fn addition(input: &DoctorInput<'_>, api: &ExaminedApi<'_>, key: &str) -> String {
    let mut functions = input.evaluator.functions();
    let called = |id: &str| api.routes.iter().any(|route| route.target.is(id));
    let function = functions.find(|one| called(&one.id));
    let function = function.map_or("Function", |one| &*one.id);
    match api.resource {
        Some(resource) if resource.resource_type == resource_type::SAM_WEBSOCKET_API => {
            format!("add `{key}: {{ FunctionArn: !GetAtt {function}.Arn }}` to its `Routes`")
        }
        _ => format!("add an `AWS::ApiGatewayV2::Route` with `RouteKey: {key}`"),
    }
}

/// Returns the fix that adds a route to a CDK app.
fn cdk_addition(api: &ExaminedApi<'_>, key: &str) -> String {
    match api.resource.is_some_and(cdk::has_methods) {
        true => format!(
            "call `webSocketApi.addRoute('{key}', {{ integration: new WebSocketLambdaIntegration('Integration', handler) }})`"
        ),
        false => format!("add a `CfnRoute` with `routeKey: '{key}'`"),
    }
}

/// Whether each API has a route for messages that no other route matches (conformance D4).
pub(super) fn default(input: &DoctorInput<'_>) -> Vec<Finding> {
    let without = complete(input).filter(|api| !has(api, "$default"));
    let found = without.map(|api| {
        let what = format!("API `{}` has no route `$default`", api.name);
        let location = api.location("Routes");
        let message = |one: &ExaminedRoute<'_>| {
            one.key
                .as_deref()
                .is_some_and(|key| !route::PREDEFINED.contains(&key))
        };
        let found = match input.api_uses_library(api) && !api.routes.iter().any(message) {
            true => Finding::mistake(location, what)
                .effect("every message gets `Forbidden`, and no message reaches the function"),
            false => Finding::remark(location, what)
                .effect("a message that matches no route gets `Forbidden`, and no function runs"),
        };
        found
            .fix(addition(input, api, "$default"))
            .cdk_fix(cdk_addition(api, "$default"))
    });
    found.collect()
}

/// Whether each API has the routes with which the library records and removes connections.
pub(super) fn lifecycle(input: &DoctorInput<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for api in complete(input).filter(|api| input.api_uses_library(api)) {
        for (key, effect) in [
            (
                "$connect",
                "connections are not recorded, so messages to rooms, users or all connections do not reach them",
            ),
            (
                "$disconnect",
                "closed connections stay in their rooms until a send fails or two hours pass, and the disconnect handler does not run",
            ),
        ] {
            if !has(api, key) {
                let what = format!("API `{}` has no route `{key}`", api.name);
                found.push(
                    Finding::mistake(api.location("Routes"), what)
                        .effect(effect)
                        .fix(addition(input, api, key))
                        .cdk_fix(cdk_addition(api, key)),
                );
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::tests::{RAW, SAM, broken, finds, without};

    #[test]
    fn an_api_without_a_default_route_is_a_finding() {
        let text = without(SAM, "        $default: { FunctionArn: !GetAtt Chat.Arn }\n");
        let finding = finds(&text, "default-route");
        assert_eq!(finding.what, "API `Api` has no route `$default`");
        let fix = "add `$default: { FunctionArn: !GetAtt Chat.Arn }` to its `Routes`";
        assert_eq!(finding.fix, fix);
        let changed = broken(RAW, "RouteKey: $default", "RouteKey: say");
        finds(&changed, "default-route");
    }

    #[test]
    fn an_invalid_route_is_not_a_missing_route() {
        let from = "$default: { FunctionArn: !GetAtt Chat.Arn }";
        let finding = finds(
            &broken(SAM, from, &from.replace("Chat", "Chta")),
            "template",
        );
        assert!(finding.what.contains("`Chta`"), "{finding:?}");
    }

    #[test]
    fn the_connect_and_disconnect_routes_are_required() {
        for key in ["$connect", "$disconnect"] {
            let line = format!("        {key}: {{ FunctionArn: !GetAtt Chat.Arn }}\n");
            let finding = finds(&without(SAM, &line), "lifecycle-routes");
            assert_eq!(finding.what, format!("API `Api` has no route `{key}`"));
        }
    }
}
