//! Routes that an API should have.

use crate::template::doctor::examined_api::{ExaminedApi, ExaminedRoute};
use crate::template::doctor::finding::Finding;
use crate::template::doctor::input::DoctorInput;
use crate::template::resources::route;
use crate::template::transform::resource_type;

/// Whether a route is in the template, correct or not.
fn has(api: &ExaminedApi<'_>, key: &str) -> bool {
    // A route with an unknown key may be this one.
    api.routes
        .iter()
        .any(|one| one.key.as_deref().is_none_or(|own| own == key))
}

/// The APIs whose routes are all in the template.
fn complete<'d>(input: &'d DoctorInput<'_>) -> impl Iterator<Item = &'d ExaminedApi<'d>> {
    // A route whose API is unknown may belong to any of them.
    let complete =
        input.apis.iter().all(|api| !api.id.is_empty()) && !input.has_unwritten_resources();
    let apis = input.apis.iter();
    apis.filter(move |api| complete && api.resource.is_some())
}

/// How to add a route.
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

/// The route for messages that no other route matches (conformance D4).
pub(super) fn default(input: &DoctorInput<'_>) -> Vec<Finding> {
    let without = complete(input).filter(|api| !has(api, "$default"));
    let found = without.map(|api| {
        let what = format!("API `{}` has no route `$default`", api.name);
        let location = api.location("Routes");
        let message = |one: &ExaminedRoute<'_>| {
            one.key.as_deref().is_some_and(|key| !route::PREDEFINED.contains(&key))
        };
        let found = match input.api_uses_library(api) && !api.routes.iter().any(message) {
            true => Finding::mistake(location, what).effect("no message reaches the function: each is answered with `Forbidden`"),
            false => Finding::remark(location, what).effect("a message that matches no route is answered with `Forbidden`, and no function runs"),
        };
        found.fix(addition(input, api, "$default"))
    });
    found.collect()
}

/// The routes with which the library records and removes connections.
pub(super) fn lifecycle(input: &DoctorInput<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for api in complete(input).filter(|api| input.api_uses_library(api)) {
        for (key, effect) in [
            (
                "$connect",
                "connections are not recorded, and no room, user or broadcast reaches them",
            ),
            (
                "$disconnect",
                "closed connections stay in their rooms until a message fails or two hours pass, and no handler runs",
            ),
        ] {
            if !has(api, key) {
                let what = format!("API `{}` has no route `{key}`", api.name);
                found.push(
                    Finding::mistake(api.location("Routes"), what)
                        .effect(effect)
                        .fix(addition(input, api, key)),
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
        finds(
            &broken(RAW, "RouteKey: $default", "RouteKey: say"),
            "default-route",
        );
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
    fn connections_begin_and_end_with_routes() {
        for key in ["$connect", "$disconnect"] {
            let line = format!("        {key}: {{ FunctionArn: !GetAtt Chat.Arn }}\n");
            let finding = finds(&without(SAM, &line), "lifecycle-routes");
            assert_eq!(finding.what, format!("API `Api` has no route `{key}`"));
        }
    }
}
