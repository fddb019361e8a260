//! The WebSocket APIs of a template with their routes.

use crate::template::doctor::invocation_target::{self, InvocationTarget};
use crate::template::doctor::location::Location;
use crate::template::evaluate::{Evaluator, resource_names};
use crate::template::resources::{api, authorization, integration, route, stage};
use crate::template::transform::Resource;

/// A WebSocket API.
pub(super) struct Api<'s> {
    /// The resource that creates it; `None` if only its routes are in the template.
    pub(super) resource: Option<&'s Resource>,
    /// Its name in the template, or its id.
    pub(super) name: String,
    pub(super) id: String,
    /// The route selection expression, if it is known.
    pub(super) expression: Option<String>,
    /// The names of its stages; `None` for a name that is unknown.
    pub(super) stages: Vec<Option<String>>,
    pub(super) routes: Vec<Route<'s>>,
}

/// A route with the resource behind it.
pub(super) struct Route<'s> {
    pub(super) resource: &'s Resource,
    /// The route key, if it is known.
    pub(super) key: Option<String>,
    /// The integration, if it is known.
    pub(super) integration: Option<&'s Resource>,
    pub(super) called: InvocationTarget<'s>,
    /// The authorizer, if the route has one and it is in the template.
    pub(super) authorizer: Option<&'s Resource>,
}

impl Api<'_> {
    /// The place of a property, or where it belongs.
    pub(super) fn location(&self, name: &str) -> Location {
        match self.resource {
            Some(resource) => Location::of(resource, &[name]),
            None => Location {
                line: 0,
                column: 0,
                owner: None,
            },
        }
    }

    /// The names of its stages, if all of them are known.
    pub(super) fn known_stages(&self) -> Option<Vec<&str>> {
        let stages: Option<Vec<_>> = self.stages.iter().map(Option::as_deref).collect();
        stages.filter(|stages| !stages.is_empty())
    }

    /// An expression of its id for a template.
    pub(super) fn reference(&self) -> String {
        match self.resource {
            Some(resource) => format!("${{{}}}", resource.id),
            None => self.name.clone(),
        }
    }
}

impl Route<'_> {
    /// The key for messages.
    pub(super) fn name(&self) -> &str {
        self.key.as_deref().unwrap_or(&self.resource.id)
    }
}

pub(super) fn text(evaluator: &Evaluator<'_>, resource: &Resource, name: &str) -> Option<String> {
    evaluator.text(resource.properties.entry(name)?).ok()
}

/// Whether a resource creates a WebSocket API.
pub(super) fn is_websocket(evaluator: &Evaluator<'_>, resource: &Resource) -> bool {
    match &*resource.kind {
        api::SERVERLESS => true,
        api::KIND => match resource.properties.entry("ProtocolType") {
            Some(node) => match evaluator.text(node) {
                Ok(protocol) => protocol == "WEBSOCKET",
                // HTTP APIs have no such expression.
                Err(_) => resource
                    .properties
                    .entry("RouteSelectionExpression")
                    .is_some(),
            },
            None => false,
        },
        _ => false,
    }
}

pub(super) fn read<'s>(evaluator: &'s Evaluator<'_>) -> Vec<Api<'s>> {
    let mut apis: Vec<Api<'s>> = Vec::new();
    let mut others = Vec::new();
    for resource in &evaluator.resources {
        let id = resource_names::short_id(&resource.id);
        if is_websocket(evaluator, resource) {
            let stages = evaluator.of_kind(stage::KIND);
            let stages = stages.filter(|one| stage::api(evaluator, one).is_ok_and(|of| of == id));
            apis.push(Api {
                resource: Some(resource),
                name: resource.id.clone(),
                expression: text(evaluator, resource, "RouteSelectionExpression"),
                stages: stages.map(|one| stage::name(evaluator, one).ok()).collect(),
                routes: Vec::new(),
                id,
            });
        } else if matches!(&*resource.kind, api::KIND | "AWS::Serverless::HttpApi") {
            others.push(id);
        }
    }
    for resource in evaluator.of_kind(route::KIND) {
        // Routes whose API is unknown belong to one API of their own.
        let id = stage::api(evaluator, resource).unwrap_or_default();
        if others.contains(&id) {
            continue;
        }
        let route = route_of(evaluator, resource);
        match apis.iter_mut().find(|api| api.id == id) {
            Some(api) => api.routes.push(route),
            None => apis.push(Api {
                resource: None,
                name: id.clone(),
                expression: None,
                stages: Vec::new(),
                routes: vec![route],
                id,
            }),
        }
    }
    // The routes of an HTTP API elsewhere look like `GET /path`, and `$default` may belong to either kind.
    apis.retain(|api| {
        let mut keys = api.routes.iter().filter_map(|one| one.key.as_deref());
        api.resource.is_some() || keys.any(|key| key != "$default" && !key.contains(' '))
    });
    apis
}

fn route_of<'s>(evaluator: &'s Evaluator<'_>, resource: &'s Resource) -> Route<'s> {
    let target = text(evaluator, resource, "Target");
    let integration = target.as_deref().and_then(|target| {
        let id = target.strip_prefix("integrations/")?;
        evaluator
            .of_kind(integration::KIND)
            .find(|one| resource_names::short_id(&one.id) == id)
    });
    let authorizer = text(evaluator, resource, "AuthorizerId").and_then(|id| {
        evaluator
            .of_kind(authorization::KIND)
            .find(|one| resource_names::short_id(&one.id) == id)
    });
    Route {
        resource,
        key: text(evaluator, resource, "RouteKey"),
        called: match integration {
            Some(integration) => invocation_target::of_integration(evaluator, integration),
            None => InvocationTarget::Unknown,
        },
        integration,
        authorizer,
    }
}
