//! What selects a message's route (conformance D1).

use super::finding::Found;
use super::subject::Subject;

pub(super) fn look(subject: &Subject<'_, '_>) -> Vec<Found> {
    let mut found = Vec::new();
    for api in &subject.apis {
        let expression = &*api.route_selection_expression;
        let effect = if expression.contains("request.body.") {
            let reads =
                expression.starts_with("$request.body.") || expression.contains("${request.body.");
            if reads {
                continue;
            }
            "it is taken for a text that is the same for every message"
        } else if expression == r"\$default" || expression == "$default" {
            // All to one route, which selects by itself.
            continue;
        } else {
            "it does not depend on the message: all of them take the same route"
        };
        let place = subject.place_of_api(api, "RouteSelectionExpression");
        let what = format!(
            "the route selection expression of API `{}` is `{expression}`",
            api.logical_id
        );
        found.push(
            Found::mistake(place, what)
                .effect(effect)
                .mend("write `RouteSelectionExpression: $request.body.action`"),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SAM, broken, finds, is_right};

    const RIGHT: &str = "$request.body.action";

    #[test]
    fn a_message_selects_its_route() {
        for wrong in ["action", "request.body.action", "$request.header.action"] {
            let finding = finds(&broken(SAM, RIGHT, wrong), "selection-expression");
            assert!(
                finding.what.ends_with(&format!("is `{wrong}`")),
                "{finding:?}"
            );
        }
        for right in [
            "${request.body.service}/${request.body.action}",
            r"\$default",
        ] {
            is_right(&broken(SAM, RIGHT, right));
        }
    }

    #[test]
    fn an_api_without_one_is_refused() {
        let text = broken(
            SAM,
            "      RouteSelectionExpression: $request.body.action\n",
            "",
        );
        assert!(
            finds(&text, "template")
                .what
                .contains("RouteSelectionExpression")
        );
    }
}
