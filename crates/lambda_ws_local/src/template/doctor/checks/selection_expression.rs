//! The expression that selects a message's route (conformance D1).

use crate::template::doctor::examined_api::ExaminedApi;
use crate::template::doctor::finding::Finding;
use crate::template::doctor::input::DoctorInput;

pub(super) fn check(input: &DoctorInput<'_>) -> Vec<Finding> {
    input.apis.iter().filter_map(of).collect()
}

fn of(api: &ExaminedApi<'_>) -> Option<Finding> {
    let expression = api.expression.as_deref().filter(|text| !text.is_empty())?;
    let reads = expression.starts_with("$request.body.") || expression.contains("${request.body.");
    // `$default` sends all messages to one route on purpose.
    if reads || [r"\$default", "$default"].contains(&expression) {
        return None;
    }
    let effect = match expression.contains("request.body.") {
        true => "API Gateway reads it as a fixed string, so all messages use the same route",
        false => "it does not depend on the message, so all messages use the same route",
    };
    let name = &api.name;
    let what = format!("the route selection expression of API `{name}` is `{expression}`");
    let finding = Finding::mistake(api.location("RouteSelectionExpression"), what)
        .effect(effect)
        .fix("write `RouteSelectionExpression: $request.body.action`")
        .cdk_fix("write `routeSelectionExpression: '$request.body.action'`");
    Some(finding)
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::tests::{SAM, broken, finds, is_right};

    const RIGHT: &str = "$request.body.action";

    #[test]
    fn the_expression_must_depend_on_the_message() {
        for wrong in ["action", "request.body.action", "$request.header.action"] {
            let finding = finds(&broken(SAM, RIGHT, wrong), "selection-expression");
            let expected = format!("is `{wrong}`");
            assert!(finding.what.ends_with(&expected), "{finding:?}");
        }
        for right in [
            "${request.body.service}/${request.body.action}",
            r"\$default",
        ] {
            is_right(&broken(SAM, RIGHT, right));
        }
    }

    #[test]
    fn an_api_without_a_selection_expression_is_rejected() {
        let from = "      RouteSelectionExpression: $request.body.action\n";
        let text = broken(SAM, from, "");
        assert!(
            finds(&text, "template")
                .what
                .contains("RouteSelectionExpression")
        );
    }
}
