//! Routes that an API should have.

use super::super::api::SERVERLESS;
use super::super::{Api, Route, route, stage};
use super::finding::Found;
use super::subject::Subject;

/// Whether a route is written down, be it right or wrong.
fn has(subject: &Subject<'_, '_>, api: &Api, key: &str) -> bool {
    let mut routes = subject.scope.of_kind(route::KIND);
    routes.any(|one| {
        // One whose key or API only AWS knows may be the one.
        subject.text(one, "RouteKey").is_none_or(|own| own == key)
            && stage::api(subject.scope, one).map_or(true, |own| own == api.id)
    })
}

/// How to add a route.
fn addition(subject: &Subject<'_, '_>, api: &Api, key: &str) -> String {
    let function = api
        .routes
        .iter()
        .find_map(Route::function)
        .unwrap_or("Function");
    match subject.resource_of(api) {
        Some(resource) if resource.kind == SERVERLESS => {
            format!("add `{key}: {{ FunctionArn: !GetAtt {function}.Arn }}` to its `Routes`")
        }
        _ => format!("add an `AWS::ApiGatewayV2::Route` with `RouteKey: {key}`"),
    }
}

/// Whatever no other route takes (conformance D4).
pub(super) fn default(subject: &Subject<'_, '_>) -> Vec<Found> {
    let without = subject
        .apis
        .iter()
        .filter(|api| !has(subject, api, "$default"));
    let found = without.map(|api| {
        let what = format!("API `{}` has no route `$default`", api.logical_id);
        Found::mistake(subject.place_of_api(api, "Routes"), what)
            .effect("whatever no other route takes is answered `Forbidden`, and no function hears of it")
            .mend(addition(subject, api, "$default"))
    });
    found.collect()
}

/// Connections are kept when they begin and forgotten when they end.
pub(super) fn lifecycle(subject: &Subject<'_, '_>) -> Vec<Found> {
    let mut found: Vec<(String, &str, Found)> = Vec::new();
    for handler in subject.handlers() {
        for api in &handler.apis {
            for (key, effect) in [
                (
                    "$connect",
                    "connections are not recorded: no room, user or broadcast reaches them",
                ),
                (
                    "$disconnect",
                    "who has left stays in rooms until a message fails or two hours are over, and nobody is told",
                ),
            ] {
                let told = found.iter().any(|(id, of, _)| *id == api.id && *of == key);
                if !has(subject, api, key) && !told {
                    let what = format!("API `{}` has no route `{key}`", api.logical_id);
                    let one = Found::mistake(subject.place_of_api(api, "Routes"), what)
                        .effect(effect)
                        .mend(addition(subject, api, key));
                    found.push((api.id.clone(), key, one));
                }
            }
        }
    }
    found.into_iter().map(|(.., one)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{RAW, SAM, broken, finds, without};

    #[test]
    fn what_no_route_takes_needs_one() {
        let text = without(SAM, "        $default: { FunctionArn: !GetAtt Chat.Arn }\n");
        let finding = finds(&text, "default-route");
        assert_eq!(finding.what, "API `Api` has no route `$default`");
        let mend = "add `$default: { FunctionArn: !GetAtt Chat.Arn }` to its `Routes`";
        assert_eq!(finding.mend, mend);
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
