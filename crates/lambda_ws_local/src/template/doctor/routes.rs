//! Routes that an API should have.

use super::super::Api;
use super::super::api::SERVERLESS;
use super::finding::Found;
use super::place::Place;
use super::subject::Subject;

fn has(api: &Api, key: &str) -> bool {
    api.routes.iter().any(|route| route.key == key)
}

fn place(subject: &Subject<'_, '_>, api: &Api) -> Place {
    subject.resource_of(api).map_or(
        Place {
            line: api.line,
            column: 0,
        },
        |resource| Place::of(resource, &["Routes"]),
    )
}

/// How to add a route.
fn addition(subject: &Subject<'_, '_>, api: &Api, key: &str) -> String {
    let function = api.routes.first().map_or("Function", |one| &*one.function);
    match subject.resource_of(api) {
        Some(resource) if resource.kind == SERVERLESS => {
            format!("add `{key}: {{ FunctionArn: !GetAtt {function}.Arn }}` to its `Routes`")
        }
        _ => format!("add an `AWS::ApiGatewayV2::Route` with `RouteKey: {key}`"),
    }
}

/// Whatever no other route takes (conformance D4).
pub(super) fn default(subject: &Subject<'_, '_>) -> Vec<Found> {
    let without = subject.apis.iter().filter(|api| !has(api, "$default"));
    let found = without.map(|api| {
        let what = format!("API `{}` has no route `$default`", api.logical_id);
        Found::mistake(place(subject, api), what)
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
                if !has(api, key) && !told {
                    let what = format!("API `{}` has no route `{key}`", api.logical_id);
                    let one = Found::mistake(place(subject, api), what)
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
    fn connections_begin_and_end_with_routes() {
        for key in ["$connect", "$disconnect"] {
            let line = format!("        {key}: {{ FunctionArn: !GetAtt Chat.Arn }}\n");
            let finding = finds(&without(SAM, &line), "lifecycle-routes");
            assert_eq!(finding.what, format!("API `Api` has no route `{key}`"));
        }
    }
}
