//! Routes that an API should have.

use crate::template::doctor::examined_api::{Api, Route};
use crate::template::doctor::finding::Found;
use crate::template::doctor::input::DoctorInput;
use crate::template::resources::api::SERVERLESS;
use crate::template::resources::{function, route};

/// Whether a route is in the template, be it right or wrong.
fn has(api: &Api<'_>, key: &str) -> bool {
    // A route whose key is unknown may be the one.
    api.routes
        .iter()
        .any(|one| one.key.as_deref().is_none_or(|own| own == key))
}

/// The APIs whose routes are all in the template.
fn complete<'t, 's>(input: &'t DoctorInput<'s, '_>) -> impl Iterator<Item = &'t Api<'s>> {
    // A route whose API is unknown may belong to any of them.
    let scattered = input.apis.iter().any(|api| api.id.is_empty());
    let all = input.apis.iter();
    all.filter(move |api| api.resource.is_some() && !scattered && !input.is_open())
}

/// How to add a route.
fn addition(input: &DoctorInput<'_, '_>, api: &Api<'_>, key: &str) -> String {
    let mut functions = function::resources(input.evaluator);
    let called = |id: &str| api.routes.iter().any(|route| route.called.is(id));
    let function = functions.find(|one| called(&one.id));
    let function = function.map_or("Function", |one| &*one.id);
    match api.resource {
        Some(resource) if resource.kind == SERVERLESS => {
            format!("add `{key}: {{ FunctionArn: !GetAtt {function}.Arn }}` to its `Routes`")
        }
        _ => format!("add an `AWS::ApiGatewayV2::Route` with `RouteKey: {key}`"),
    }
}

/// The route for messages that no other route matches (conformance D4).
pub(super) fn default(input: &DoctorInput<'_, '_>) -> Vec<Found> {
    let without = complete(input).filter(|api| !has(api, "$default"));
    let found = without.map(|api| {
        let what = format!("API `{}` has no route `$default`", api.name);
        let location = api.location("Routes");
        let message = |one: &Route<'_>| {
            one.key.as_deref().is_some_and(|key| !route::PREDEFINED.contains(&key))
        };
        let library = input
            .handlers()
            .any(|one| one.apis.iter().any(|other| other.id == api.id));
        let found = match library && !api.routes.iter().any(message) {
            true => Found::mistake(location, what).effect("no message reaches the function: each is answered with `Forbidden`"),
            false => Found::remark(location, what).effect("a message that matches no route is answered with `Forbidden`, and no function runs"),
        };
        found.fix(addition(input, api, "$default"))
    });
    found.collect()
}

/// The routes by which the library records connections and forgets them.
pub(super) fn lifecycle(input: &DoctorInput<'_, '_>) -> Vec<Found> {
    let mut found = Vec::new();
    for api in complete(input) {
        let uses_library = input
            .handlers()
            .any(|one| one.apis.iter().any(|other| other.id == api.id));
        if !uses_library {
            continue;
        }
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
                    Found::mistake(api.location("Routes"), what)
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
    fn what_no_route_takes_needs_one() {
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
    fn a_route_that_is_wrong_is_there() {
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
