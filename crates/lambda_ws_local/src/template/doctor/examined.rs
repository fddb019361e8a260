//! What an examination covered.

use std::fmt;

use crate::template::doctor::effective_permissions::EffectivePermissions;
use crate::template::doctor::examined_api::is_websocket;
use crate::template::doctor::finding::Found;
use crate::template::doctor::input::{DoctorInput, unwritten};
use crate::template::doctor::invocation_target::InvocationTarget;
use crate::template::doctor::location::Location;
use crate::template::resources::{api, function};

/// What an examination covered, and what it could not cover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examined {
    /// The number of WebSocket APIs.
    pub apis: usize,
    /// The number of their routes.
    pub routes: usize,
    /// The number of functions behind routes and authorizers, and of other functions that use this library.
    pub functions: usize,
    /// Parts of the template that were not examined, each with the reason: one phrase each.
    pub left_out: Vec<String>,
}

impl Examined {
    pub(super) fn of(input: &DoctorInput<'_, '_>) -> Self {
        let routes = || input.apis.iter().flat_map(|api| &api.routes);
        let mut this = Self {
            apis: input
                .apis
                .iter()
                .filter(|api| api.resource.is_some())
                .count(),
            routes: routes().count(),
            functions: input.functions().count(),
            left_out: unwritten(input.root),
        };
        let written = input
            .evaluator
            .resources
            .iter()
            .filter(|one| !one.generated);
        for resource in written {
            let why = match &*resource.kind {
                "AWS::CloudFormation::Stack" | "AWS::Serverless::Application" => {
                    "it is another template"
                }
                "AWS::Serverless::HttpApi"
                | "AWS::Serverless::Api"
                | "AWS::ApiGateway::RestApi" => "it is not a WebSocket API",
                api::KIND if !is_websocket(input.evaluator, resource) => {
                    "it is not a WebSocket API"
                }
                _ => continue,
            };
            this.left_out
                .push(format!("`{}` ({}): {why}", resource.id, resource.kind));
        }
        for route in routes() {
            let why = match &route.called {
                InvocationTarget::Function { .. } => continue,
                InvocationTarget::Elsewhere(what) => format!("it has {what}"),
                InvocationTarget::Unknown => "its function is unknown".to_owned(),
            };
            this.left_out
                .push(format!("the function of route `{}`: {why}", route.name()));
        }
        for handler in input.handlers() {
            if !EffectivePermissions::of(input, handler.resource).is_complete() {
                let id = &handler.resource.id;
                let text = format!(
                    "the permissions of function `{id}`: this template does not contain all of them"
                );
                this.left_out.push(text);
            }
        }
        let uses_library = |one: &&_| input.uses_library(one);
        if this.functions > 0 && !function::resources(input.evaluator).any(|one| uses_library(&one))
        {
            let text =
                "the rules of lambda_ws: no function is known to use it; --lambda-ws applies them";
            this.left_out.push(text.to_owned());
        }
        this
    }

    /// Whether the template contains nothing that can be examined.
    pub fn is_nothing(&self) -> bool {
        self.apis == 0 && self.routes == 0 && self.functions == 0
    }
}

/// The counts: `1 WebSocket API, 3 routes, 1 function`.
impl fmt::Display for Examined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |number| if number == 1 { "" } else { "s" };
        let (apis, routes, functions) = (self.apis, self.routes, self.functions);
        write!(
            f,
            "{apis} WebSocket API{}, {routes} route{}, {functions} function{}",
            plural(apis),
            plural(routes),
            plural(functions)
        )
    }
}

/// Types and protocols that are misspelt, so that a part would not be examined.
pub(super) fn kinds(input: &DoctorInput<'_, '_>) -> Vec<Found> {
    let mut found = Vec::new();
    for resource in &input.evaluator.resources {
        let known = [
            api::SERVERLESS,
            api::KIND,
            function::SERVERLESS,
            function::LAMBDA,
            "AWS::ApiGatewayV2::Route",
            "AWS::ApiGatewayV2::Integration",
            "AWS::ApiGatewayV2::Stage",
            "AWS::ApiGatewayV2::Deployment",
            "AWS::ApiGatewayV2::Authorizer",
            "AWS::ApiGatewayV2::RouteResponse",
            "AWS::Lambda::Permission",
        ];
        let kind = &*resource.kind;
        let plain = |text: &str| {
            text.to_ascii_lowercase()
                .replace("apigatewayv2", "apigateway")
        };
        let alike =
            |one: &&str| plain(one) == plain(kind) && !kind.starts_with("AWS::ApiGateway::");
        if !known.contains(&kind)
            && let Some(right) = known.into_iter().find(alike)
        {
            let what = format!(
                "`{}` has the type `{kind}`, which does not exist",
                resource.id
            );
            found.push(
                Found::mistake(Location::of(resource, &[]), what)
                    .effect("CloudFormation rejects the template")
                    .fix(format!("write `Type: {right}`")),
            );
        }
        if kind == api::KIND
            && let Some(protocol) = input.text(resource, "ProtocolType")
            && protocol != "HTTP"
            && protocol != "WEBSOCKET"
        {
            let what = format!("`ProtocolType` of API `{}` is `{protocol}`", resource.id);
            found.push(
                Found::mistake(Location::of(resource, &["ProtocolType"]), what)
                    .effect("AWS rejects the API, and none of its parts was examined")
                    .fix("write `ProtocolType: WEBSOCKET`"),
            );
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::tests::{RAW, SAM, broken, examination, finds};

    #[test]
    fn fault_f3_an_examination_counts_what_it_covers() {
        for text in [SAM, RAW] {
            let examined = examination(text).examined;
            let counted = "1 WebSocket API, 3 routes, 1 function";
            assert_eq!(
                (examined.to_string(), examined.left_out.len()),
                (counted.into(), 0)
            );
        }
        let worker = "Resources:\n  Worker: { Type: AWS::Lambda::Function, Properties: { Runtime: provided.al2023, Handler: bootstrap, Role: 'arn:aws:iam::1:role/r', Code: . } }\n";
        let examined = examination(worker).examined;
        assert_eq!(
            examined.to_string(),
            "0 WebSocket APIs, 0 routes, 1 function"
        );
    }

    #[test]
    fn fault_f3_a_template_without_a_websocket_api_is_not_passed() {
        for (text, why) in [
            (
                "Resources:\n  Http: { Type: AWS::ApiGatewayV2::Api, Properties: { ProtocolType: HTTP, Name: a } }\n",
                "`Http` (AWS::ApiGatewayV2::Api): it is not a WebSocket API",
            ),
            (
                "Resources:\n  Db: { Type: AWS::CloudFormation::Stack, Properties: { TemplateURL: db.yaml } }\n",
                "`Db` (AWS::CloudFormation::Stack): it is another template",
            ),
        ] {
            let examined = examination(text).examined;
            assert!(examined.is_nothing());
            assert_eq!(examined.left_out, [why]);
        }
    }

    #[test]
    fn fault_f3_a_misspelt_protocol_or_type_is_a_finding() {
        let text = "Resources:\n  Api: { Type: AWS::ApiGatewayV2::Api, Properties: { ProtocolType: WEBSOCKETS, Name: a } }\n";
        assert!(examination(text).examined.is_nothing());
        finds(text, "template-kind");
        let text = "Resources:\n  Api: { Type: AWS::Serverless::WebsocketApi, Properties: { Routes: {} } }\nTransform: AWS::Serverless-2016-10-31\n";
        assert!(examination(text).examined.is_nothing());
        assert_eq!(
            finds(text, "template-kind").fix,
            "write `Type: AWS::Serverless::WebSocketApi`"
        );
    }

    #[test]
    fn parts_that_are_not_examined_are_named() {
        let mock = broken(RAW, "IntegrationType: AWS_PROXY", "IntegrationType: MOCK");
        let examined = examination(&mock).examined;
        assert_eq!(
            examined.left_out[0],
            "the function of route `$connect`: it has an integration of type MOCK"
        );
        let role = broken(
            SAM,
            "      Timeout: 29\n",
            "      Role: arn:aws:iam::123456789012:role/chat\n      Timeout: 29\n",
        );
        let left_out = examination(&role).examined.left_out;
        assert!(
            left_out[0].starts_with("the permissions of function `Chat`"),
            "{left_out:?}"
        );
    }
}
