//! The scope of an examination.

use super::effective_permissions::EffectivePermissions;
use super::examined_api::is_websocket;
use super::input::{DoctorInput, unwritten_resources};
use super::invocation_target::InvocationTarget;
use crate::template::transform::resource_type;
use std::fmt;

/// The scope of an examination: the examined parts, and the parts that could not be examined.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Examined {
    /// The number of WebSocket APIs.
    pub apis: usize,
    /// The number of their routes.
    pub routes: usize,
    /// The number of functions of routes and authorizers, and of other functions that use this library.
    pub functions: usize,
    /// The parts of the template that were not examined: one phrase each, with the reason.
    pub left_out: Vec<String>,
}

impl Examined {
    pub(super) fn of(input: &DoctorInput<'_>) -> Self {
        let functions = input.examined_functions().count();
        let mut left_out = unwritten_resources(input.root);
        left_out.extend(resources_left_out(input));
        left_out.extend(targets_left_out(input));
        for function in input.library_functions() {
            if !EffectivePermissions::of(input, function.resource).is_complete() {
                let id = &function.resource.id;
                left_out.push(format!(
                    "the permissions of function `{id}`: this template does not contain all of them"
                ));
            }
        }
        let mut all = input.evaluator.functions();
        if functions > 0 && !all.any(|one| input.uses_library(one)) {
            let text = "the checks for lambda_ws: no function is known to use it; --lambda-ws applies them";
            left_out.push(text.to_owned());
        }
        let apis = input.apis.iter();
        Self {
            apis: apis.filter(|api| api.resource.is_some()).count(),
            routes: input.routes().count(),
            functions,
            left_out,
        }
    }

    /// Whether nothing was examined.
    pub fn is_nothing(&self) -> bool {
        self.apis == 0 && self.routes == 0 && self.functions == 0
    }
}

/// Prints the numbers: `1 WebSocket API, 3 routes, 1 function`.
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

fn resources_left_out(input: &DoctorInput<'_>) -> impl Iterator<Item = String> {
    let resources = input.evaluator.resources.iter();
    let written = resources.filter(|one| !one.generated);
    written.filter_map(|resource| {
        let why = match &*resource.resource_type {
            resource_type::STACK | resource_type::APPLICATION => "it is another template",
            resource_type::SAM_HTTP_API | resource_type::SAM_REST_API | resource_type::REST_API => {
                "it is not a WebSocket API"
            }
            resource_type::API if !is_websocket(input.evaluator, resource) => {
                "it is not a WebSocket API"
            }
            _ => return None,
        };
        let (id, resource_type) = (&resource.id, &resource.resource_type);
        Some(format!("`{id}` ({resource_type}): {why}"))
    })
}

fn targets_left_out(input: &DoctorInput<'_>) -> impl Iterator<Item = String> {
    input.routes().filter_map(|route| {
        let why = match &route.target {
            InvocationTarget::Function(..) => return None,
            InvocationTarget::Other(what) => format!("it has {what}"),
            InvocationTarget::Unknown => "its function is unknown".to_owned(),
        };
        Some(format!("the function of route `{}`: {why}", route.name()))
    })
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::tests::{RAW, SAM, broken, examination};

    #[test]
    fn fault_f3_an_examination_counts_the_examined_parts() {
        for text in [SAM, RAW] {
            let examined = examination(text).examined;
            let counted = "1 WebSocket API, 3 routes, 1 function";
            assert_eq!(examined.to_string(), counted);
            assert_eq!(examined.left_out.len(), 0);
        }
        let worker = "Resources:\n  Worker: { Type: AWS::Lambda::Function, Properties: { Runtime: provided.al2023, Handler: bootstrap, Role: 'arn:aws:iam::1:role/r', Code: . } }\n";
        let examined = examination(worker).examined;
        let expected = "0 WebSocket APIs, 0 routes, 1 function";
        assert_eq!(examined.to_string(), expected);
    }

    #[test]
    fn fault_f3_a_template_without_a_websocket_api_is_not_examined() {
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
    fn parts_that_are_not_examined_are_listed() {
        let mock = broken(RAW, "IntegrationType: AWS_PROXY", "IntegrationType: MOCK");
        let examined = examination(&mock).examined;
        let expected = "the function of route `$connect`: it has an integration of type MOCK";
        assert_eq!(examined.left_out[0], expected);
        let to = "      Role: arn:aws:iam::123456789012:role/chat\n      Timeout: 29\n";
        let role = broken(SAM, "      Timeout: 29\n", to);
        let left_out = examination(&role).examined.left_out;
        let expected = "the permissions of function `Chat`";
        assert!(left_out[0].starts_with(expected), "{left_out:?}");
    }
}
