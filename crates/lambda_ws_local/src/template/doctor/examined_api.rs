//! The WebSocket APIs of a template with their routes.

use super::finding::Location;
use super::invocation_target::InvocationTarget;
use crate::template::evaluate::{Evaluator, resource_names};
use crate::template::transform::{Resource, resource_type};

/// A WebSocket API. Some of its values may be unknown.
pub(super) struct ExaminedApi<'e> {
    /// The resource of the API; `None` if only its routes are in the template.
    pub(super) resource: Option<&'e Resource>,
    /// Its name in the template, or its id.
    pub(super) name: String,
    pub(super) id: String,
    /// The route selection expression, if it is known.
    pub(super) expression: Option<String>,
    /// The names of its stages; `None` for a name that is unknown.
    pub(super) stages: Vec<Option<String>>,
    pub(super) routes: Vec<ExaminedRoute<'e>>,
}

/// A route with its resource and its target.
pub(super) struct ExaminedRoute<'e> {
    pub(super) resource: &'e Resource,
    /// The route key, if it is known.
    pub(super) key: Option<String>,
    /// The integration, if it is known.
    pub(super) integration: Option<&'e Resource>,
    pub(super) target: InvocationTarget<'e>,
    pub(super) authorizer: Option<&'e Resource>,
}

impl ExaminedApi<'_> {
    /// Returns the location of a property, or of the API.
    pub(super) fn location(&self, name: &str) -> Location {
        let resource = self.resource;
        resource.map_or(Location::default(), |one| Location::of(one, &[name]))
    }

    /// Returns the names of its stages, if all of them are known.
    pub(super) fn known_stages(&self) -> Option<Vec<&str>> {
        let stages: Option<Vec<_>> = self.stages.iter().map(Option::as_deref).collect();
        stages.filter(|stages| !stages.is_empty())
    }

    /// Returns an expression for its id, to use in a template.
    pub(super) fn reference(&self) -> String {
        match self.resource {
            Some(resource) => format!("${{{}}}", resource.id),
            None => self.name.clone(),
        }
    }
}

impl ExaminedRoute<'_> {
    /// Returns the route key, or the logical id if the key is unknown.
    pub(super) fn name(&self) -> &str {
        self.key.as_deref().unwrap_or(&self.resource.id)
    }
}

/// Whether a resource creates a WebSocket API.
pub(super) fn is_websocket(evaluator: &Evaluator<'_>, resource: &Resource) -> bool {
    match &*resource.resource_type {
        resource_type::SAM_WEBSOCKET_API => true,
        resource_type::API => match evaluator.property(resource, "ProtocolType") {
            Some(protocol) => protocol == "WEBSOCKET",
            // Only WebSocket APIs have a route selection expression.
            None => ["ProtocolType", "RouteSelectionExpression"]
                .iter()
                .all(|name| resource.properties.entry(name).is_some()),
        },
        _ => false,
    }
}

pub(super) fn read<'e>(evaluator: &'e Evaluator<'_>) -> Vec<ExaminedApi<'e>> {
    let mut apis = Vec::new();
    let mut other_ids = Vec::new();
    for resource in &evaluator.resources {
        if is_websocket(evaluator, resource) {
            apis.push(api(evaluator, resource));
        } else if [resource_type::API, resource_type::SAM_HTTP_API]
            .contains(&&*resource.resource_type)
        {
            other_ids.push(resource.short_id());
        }
    }
    for resource in evaluator.of_type(resource_type::ROUTE) {
        // All routes with an unknown API form one API.
        let id = resource_names::api_id(evaluator, resource).unwrap_or_default();
        if other_ids.contains(&id) {
            continue;
        }
        let route = route(evaluator, resource);
        match apis.iter_mut().find(|api| api.id == id) {
            Some(api) => api.routes.push(route),
            None => apis.push(ExaminedApi {
                resource: None,
                name: id.clone(),
                expression: None,
                stages: Vec::new(),
                routes: vec![route],
                id,
            }),
        }
    }
    // The route keys of an HTTP API contain a space, such as `GET /path`. Both protocols have `$default`.
    apis.retain(|api| {
        let mut keys = api.routes.iter().filter_map(|one| one.key.as_deref());
        api.resource.is_some() || keys.any(|key| key != "$default" && !key.contains(' '))
    });
    apis
}

fn api<'e>(evaluator: &'e Evaluator<'_>, resource: &'e Resource) -> ExaminedApi<'e> {
    let id = resource.short_id();
    let stages = evaluator.of_type(resource_type::STAGE);
    let stages = stages.filter(|one| resource_names::belongs_to(evaluator, one, &id));
    ExaminedApi {
        resource: Some(resource),
        name: resource.id.clone(),
        expression: evaluator.property(resource, "RouteSelectionExpression"),
        stages: stages
            .map(|one| resource_names::stage(evaluator, one).ok())
            .collect(),
        routes: Vec::new(),
        id,
    }
}

fn route<'e>(evaluator: &'e Evaluator<'_>, resource: &'e Resource) -> ExaminedRoute<'e> {
    let target = evaluator.property(resource, "Target");
    let integration = target.and_then(|target| {
        let id = target.strip_prefix("integrations/")?;
        evaluator.with_id(resource_type::INTEGRATION, id)
    });
    let authorizer = evaluator.property(resource, "AuthorizerId");
    ExaminedRoute {
        resource,
        key: evaluator.property(resource, "RouteKey"),
        target: match integration {
            Some(integration) => InvocationTarget::of_integration(evaluator, integration),
            None => InvocationTarget::Unknown,
        },
        integration,
        authorizer: authorizer.and_then(|id| evaluator.with_id(resource_type::AUTHORIZER, &id)),
    }
}
