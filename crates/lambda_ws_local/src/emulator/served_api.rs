//! The API of a template, as the gateway serves it.

use super::Emulator;
use super::failure::Failure;
use super::functions::{FixedResponse, Functions};
use crate::gateway::{self, ApiKey, ApiKeys, Authorizer, Integration, Route};
use crate::template::{self, Authorization, Template};
use std::sync::Arc;

impl Emulator {
    /// Returns the template's API with its functions as integrations.
    pub(super) fn api(&self, functions: &Functions) -> Result<gateway::Api, Failure> {
        let api = self.project.api()?;
        let mut served = gateway::Api::new(&api.id, &api.stage);
        served.stage_variables = api.stage_variables.clone();
        served.expression = api.route_selection_expression.parse()?;
        served.api_keys = ApiKeys {
            source: api.api_key_source,
            accepted: self.api_keys(self.project.template()),
        };
        let needed = api.routes.iter().any(|route| route.api_key_required);
        if needed && served.api_keys.accepted.is_empty() {
            self.reporter.note(
                "nobody can connect without an API key, and there is none: name one with --api-key",
            );
        }
        for route in &api.routes {
            let integration = match &route.integration {
                template::Integration::Function(name) => self.integration(functions, name)?,
                other => Arc::new(FixedResponse::new(other)),
            };
            match &route.authorization {
                Authorization::None => {}
                Authorization::Iam => served.authorization = gateway::Authorization::Iam,
                Authorization::Lambda(template) => {
                    let function = self.integration(functions, &template.function)?;
                    let mut authorizer = Authorizer::new(function);
                    authorizer.identity_sources = template.identity_sources.clone();
                    served.authorization = gateway::Authorization::Lambda(authorizer);
                }
            }
            let mut served_route = Route::new(integration);
            served_route.two_way = route.two_way;
            served_route.timeout = route.timeout;
            served_route.api_key_required = route.api_key_required;
            if let Some(models) = &route.models {
                served_route.models = Some(Arc::new(models.compile()?));
            }
            served.routes.insert(route.key.clone(), served_route);
        }
        Ok(served)
    }

    /// The integration of a function, which is recorded if the emulator records.
    fn integration(
        &self,
        functions: &Functions,
        name: &str,
    ) -> Result<Arc<dyn Integration>, Failure> {
        let Some(function) = functions.get(name) else {
            return Err(Failure::new(format!("function `{name}` is not run")));
        };
        Ok(match &self.recorder {
            Some(recorder) => Arc::new(recorder.around(name, function.clone())),
            None => Arc::new(function.clone()),
        })
    }

    /// The API keys of the template, and those of the options.
    fn api_keys(&self, template: &Template) -> Vec<ApiKey> {
        let own = self.options.api_key.iter().zip(1..);
        let own = own.map(|(value, number)| ApiKey {
            id: format!("local{number:05}"),
            value: value.clone(),
        });
        template.api_keys.iter().cloned().chain(own).collect()
    }
}
