//! Misspelled resource types and protocols, which would prevent the examination of a part.

use crate::template::doctor::finding::{Finding, Location};
use crate::template::doctor::input::DoctorInput;
use crate::template::transform::resource_type;

const KNOWN: [&str; 11] = [
    resource_type::SAM_WEBSOCKET_API,
    resource_type::API,
    resource_type::SAM_FUNCTION,
    resource_type::FUNCTION,
    resource_type::ROUTE,
    resource_type::INTEGRATION,
    resource_type::STAGE,
    resource_type::DEPLOYMENT,
    resource_type::AUTHORIZER,
    resource_type::ROUTE_RESPONSE,
    resource_type::PERMISSION,
];

pub(super) fn check(input: &DoctorInput<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for resource in &input.evaluator.resources {
        let (id, own) = (&resource.id, &*resource.resource_type);
        if let Some(right) = misspelled(own) {
            let what = format!("`{id}` has the type `{own}`, which does not exist");
            findings.push(
                Finding::mistake(Location::of(resource, &[]), what)
                    .effect("CloudFormation rejects the template")
                    .fix(format!("write `Type: {right}`")),
            );
        }
        if own == resource_type::API
            && let Some(protocol) = input.evaluator.property(resource, "ProtocolType")
            && !["HTTP", "WEBSOCKET"].contains(&&*protocol)
        {
            let what = format!("`ProtocolType` of API `{id}` is `{protocol}`");
            findings.push(
                Finding::mistake(Location::of(resource, &["ProtocolType"]), what)
                    .effect("AWS rejects the API, and its parts were not examined")
                    .fix("write `ProtocolType: WEBSOCKET`"),
            );
        }
    }
    findings
}

/// Returns the correct spelling of a misspelled type.
fn misspelled(own: &str) -> Option<&'static str> {
    let normalized = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.replace("apigatewayv2", "apigateway")
    };
    if KNOWN.contains(&own) || own.starts_with("AWS::ApiGateway::") {
        return None;
    }
    let mut known = KNOWN.into_iter();
    known.find(|one| normalized(one) == normalized(own))
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::tests::{examination, finds};

    #[test]
    fn fault_f3_a_misspelled_protocol_or_type_is_a_finding() {
        let text = "Resources:\n  Api: { Type: AWS::ApiGatewayV2::Api, Properties: { ProtocolType: WEBSOCKETS, Name: a } }\n";
        assert!(examination(text).examined.is_nothing());
        finds(text, "template-kind");
        let text = "Resources:\n  Api: { Type: AWS::Serverless::WebsocketApi, Properties: { Routes: {} } }\nTransform: AWS::Serverless-2016-10-31\n";
        assert!(examination(text).examined.is_nothing());
        let expected = "write `Type: AWS::Serverless::WebSocketApi`";
        assert_eq!(finds(text, "template-kind").fix, expected);
    }
}
