//! What a two-way route needs (conformance E2).

use super::super::{physical, route};
use super::finding::Found;
use super::place::Place;
use super::subject::Subject;

const RESPONSE: &str = "AWS::ApiGatewayV2::RouteResponse";
const SELECTION: &str = "RouteResponseSelectionExpression";

pub(super) fn look(subject: &Subject<'_, '_>) -> Vec<Found> {
    let mut found = Vec::new();
    for route in subject.scope.of_kind(route::KIND) {
        let id = physical::short_id(&route.id);
        let key = subject.text(route, "RouteKey").unwrap_or_default();
        let response = subject.scope.of_kind(RESPONSE).find(|response| {
            let of = response.properties.entry("RouteId");
            // One whose route is not known may be this route's.
            of.is_none_or(|of| subject.scope.text(of).map_or(true, |of| of == id))
        });
        let selection = route
            .properties
            .entry(SELECTION)
            .filter(|node| !node.is_null());
        match (selection, response) {
            (Some(_), None) => {
                let what = format!("the two-way route `{key}` has no route response");
                let mend = format!(
                    "add an `{RESPONSE}` with `RouteId: !Ref {}` and `RouteResponseKey: $default`",
                    route.id
                );
                let place = Place::of(route, &[SELECTION]);
                found.push(
                    Found::mistake(place, what)
                        .effect("what the function returns reaches no client")
                        .mend(mend),
                );
            }
            (None, Some(response)) if subject.text(response, "RouteId").as_ref() == Some(&id) => {
                let what = format!("route `{key}` has a route response, and selects none");
                found.push(
                    Found::mistake(Place::of(response, &["RouteId"]), what)
                        .effect("what the function returns reaches no client")
                        .mend(format!("write `{SELECTION}: $default` in the route")),
                );
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::{RAW, broken, finds, is_right};

    const SELECTED: &str =
        "      RouteKey: $default\n      RouteResponseSelectionExpression: $default\n";
    const RESPONSE: &str = "
  Response:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: { ApiId: !Ref Api, RouteId: !Ref DefaultRoute, RouteResponseKey: $default }
";

    #[test]
    fn a_two_way_route_has_a_response_and_selects_it() {
        let selected = broken(RAW, "      RouteKey: $default\n", SELECTED);
        let finding = finds(&selected, "route-response");
        assert_eq!(
            finding.what,
            "the two-way route `$default` has no route response"
        );
        let response = format!("{RAW}{RESPONSE}");
        let finding = finds(&response, "route-response");
        assert_eq!(
            finding.what,
            "route `$default` has a route response, and selects none"
        );
        is_right(&format!("{selected}{RESPONSE}"));
    }
}
