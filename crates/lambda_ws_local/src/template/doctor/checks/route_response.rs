//! Route responses, which make a route two-way (conformance E2).

use crate::template::doctor::finding::{Finding, Location};
use crate::template::doctor::input::DoctorInput;
use crate::template::resources::model;
use crate::template::transform::resource_type;

const SELECTION: &str = "RouteResponseSelectionExpression";
const KEY: &str = "RouteResponseKey";

pub(super) fn check(input: &DoctorInput<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for route in input.routes() {
        let resource = route.resource;
        // The body of `$connect` or `$disconnect` never reaches a client.
        let key = route.key.as_deref();
        let Some(key) = key.filter(|key| model::has_messages(key)) else {
            continue;
        };
        let id = resource.short_id();
        let mut responses = input
            .evaluator
            .of_type(resource_type::ROUTE_RESPONSE)
            .filter(|response| {
                let of = response.properties.entry("RouteId");
                // A response of an unknown route may belong to this route.
                of.is_none_or(|of| input.evaluator.text(of).map_or(true, |of| of == id))
            });
        let selection = resource.properties.non_null(SELECTION);
        if selection.is_some() && responses.next().is_none() {
            let what = format!("route `{key}` has `{SELECTION}` but no route response");
            let fix = format!(
                "add an `AWS::ApiGatewayV2::RouteResponse` with `RouteId: !Ref {}` and `{KEY}: $default`",
                resource.id
            );
            found.push(
                Finding::mistake(Location::of(resource, &[SELECTION]), what)
                    .effect("the body that the function returns does not reach the client")
                    .fix(fix)
                    .cdk_fix("write `returnResponse: true` in the options of the route"),
            );
        }
    }
    for response in input.evaluator.of_type(resource_type::ROUTE_RESPONSE) {
        let Some(key) = input.evaluator.property(response, KEY) else {
            continue;
        };
        if key != "$default" {
            let what = format!("`{KEY}` of `{}` is `{key}`", response.id);
            found.push(
                Finding::mistake(Location::of(response, &[KEY]), what)
                    .effect("AWS rejects the route response")
                    .fix(format!("write `{KEY}: $default`")),
            );
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::tests::{RAW, broken, finds, is_right};

    const SELECTED: &str =
        "      RouteKey: $default\n      RouteResponseSelectionExpression: $default\n";
    const RESPONSE: &str = "
  Response:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: { ApiId: !Ref Api, RouteId: !Ref DefaultRoute, RouteResponseKey: $default }
";

    #[test]
    fn fault_f1_a_route_response_alone_makes_a_route_two_way() {
        is_right(&format!("{RAW}{RESPONSE}"));
        let selected = broken(RAW, "      RouteKey: $default\n", SELECTED);
        let finding = finds(&selected, "route-response");
        assert_eq!(
            finding.what,
            "route `$default` has `RouteResponseSelectionExpression` but no route response"
        );
        is_right(&format!("{selected}{RESPONSE}"));
    }

    #[test]
    fn fault_f9_connect_and_disconnect_require_no_route_response() {
        for key in ["$connect", "$disconnect"] {
            let line = format!("      RouteKey: {key}\n");
            let selected = format!("{line}      RouteResponseSelectionExpression: $default\n");
            is_right(&broken(RAW, &line, &selected));
        }
    }

    #[test]
    fn a_route_response_has_one_possible_key() {
        let to = "RouteResponseKey: say";
        let wrong = broken(RESPONSE, "RouteResponseKey: $default", to);
        finds(&format!("{RAW}{wrong}"), "route-response");
    }
}
