use std::path::Path;

use super::super::node::{Entry, Node};
use super::super::resource::Resource;
use super::super::scope::Scope;
use super::super::{
    Table, api, authorization, function, integration, physical, route, stage, unread,
};
use super::LibraryRules;
use super::called::{self, Called};
use super::library;
use super::place::Place;

pub(super) const CONNECTIONS_TABLE: &str = "CONNECTIONS_TABLE";
pub(super) const ENDPOINT: &str = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI";

/// The template under examination. Unlike the reader's model it contains each part, whatever else is unknown.
pub(super) struct Subject<'s, 'a> {
    /// The whole template.
    pub(super) root: &'s Node,
    pub(super) scope: &'s Scope<'a>,
    pub(super) apis: Vec<Api<'s>>,
    pub(super) tables: Vec<Table>,
    /// The logical ids of the functions that the library's rules apply to.
    library: Vec<&'s str>,
}

/// The template does not contain the value.
pub(super) struct Unknown;

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
    pub(super) called: Called<'s>,
    /// The authorizer, if the route has one and it is in the template.
    pub(super) authorizer: Option<&'s Resource>,
}

/// A function behind routes.
pub(super) struct Handler<'t, 's> {
    pub(super) resource: &'s Resource,
    /// The APIs that call it.
    pub(super) apis: Vec<&'t Api<'s>>,
}

impl Api<'_> {
    /// The place of a property, or where it belongs.
    pub(super) fn place(&self, name: &str) -> Place {
        match self.resource {
            Some(resource) => Place::of(resource, &[name]),
            None => Place {
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

impl<'s, 'a> Subject<'s, 'a> {
    pub(super) fn new(
        root: &'s Node,
        scope: &'s Scope<'a>,
        tables: Vec<Table>,
        folder: &Path,
        rules: LibraryRules,
    ) -> Self {
        let users = function::resources(scope)
            .filter(|one| rules == LibraryRules::Always || library::is_used(scope, one, folder));
        Self {
            root,
            scope,
            apis: apis(scope),
            tables,
            library: users.map(|one| &*one.id).collect(),
        }
    }

    /// The functions behind routes.
    pub(super) fn routed(&self) -> impl Iterator<Item = Handler<'_, 's>> {
        function::resources(self.scope).filter_map(move |resource| {
            let calls = |api: &&Api<'_>| api.routes.iter().any(|one| one.called.is(&resource.id));
            let apis: Vec<_> = self.apis.iter().filter(calls).collect();
            (!apis.is_empty()).then_some(Handler { resource, apis })
        })
    }

    /// The functions behind routes that the library's rules apply to.
    pub(super) fn handlers(&self) -> impl Iterator<Item = Handler<'_, 's>> {
        self.routed().filter(|one| self.uses_library(one.resource))
    }

    pub(super) fn uses_library(&self, function: &Resource) -> bool {
        self.library.contains(&&*function.id)
    }

    /// The functions that are examined: those behind routes and authorizers, and those that use the library.
    pub(super) fn functions(&self) -> impl Iterator<Item = &'s Resource> {
        let scope = self.scope;
        function::resources(scope).filter(move |one| {
            let behind = |route: &Route<'s>| {
                let authorizes = |authorizer| called::of_authorizer(scope, authorizer).is(&one.id);
                route.called.is(&one.id) || route.authorizer.is_some_and(authorizes)
            };
            self.uses_library(one) || self.apis.iter().flat_map(|api| &api.routes).any(behind)
        })
    }

    /// A variable of a function's environment, as the template writes it.
    pub(super) fn variable(
        &self,
        function: &Resource,
        name: &str,
    ) -> Result<Option<Entry>, Unknown> {
        let mut node = function.properties.clone();
        for key in ["Environment", "Variables"] {
            node = match node.entry(key) {
                Some(inner) => self.scope.value(inner).map_err(|_| Unknown)?,
                None => return Ok(None),
            };
        }
        let found = node.entries().iter().find(|entry| &*entry.key == name);
        Ok(found.cloned())
    }

    /// The place of a variable, or where it belongs.
    pub(super) fn place_of_variable(function: &Resource, name: &str) -> Place {
        Place::of(function, &["Environment", "Variables", name])
    }

    /// A text of a resource, if the template contains it.
    pub(super) fn text(&self, resource: &Resource, name: &str) -> Option<String> {
        text(self.scope, resource, name)
    }

    /// Whether the name of a resource on AWS is known.
    pub(super) fn has_known_name(&self, id: &str, property: &str) -> bool {
        let name = self
            .resource(id)
            .and_then(|one| one.properties.entry(property));
        name.is_none_or(|name| self.scope.value(name).is_ok())
    }

    /// Whether the template has resources that are not written in it.
    pub(super) fn is_open(&self) -> bool {
        !unwritten(self.root).is_empty()
    }

    pub(super) fn resource(&self, id: &str) -> Option<&'s Resource> {
        self.scope.resources.iter().find(|one| one.id == id)
    }

    /// The names of the resources that a resource waits for explicitly.
    pub(super) fn depends_on(&self, id: &str) -> Vec<&'s Node> {
        let resources = self.root.entry("Resources");
        let resource = resources.and_then(|all| all.entry(id));
        match resource.and_then(|one| one.entry("DependsOn")) {
            Some(node) => match node.as_list() {
                Some(items) => items.iter().collect(),
                None => vec![node],
            },
            None => Vec::new(),
        }
    }
}

fn text(scope: &Scope<'_>, resource: &Resource, name: &str) -> Option<String> {
    scope.text(resource.properties.entry(name)?).ok()
}

/// Whether a resource creates a WebSocket API.
pub(super) fn is_websocket(scope: &Scope<'_>, resource: &Resource) -> bool {
    match &*resource.kind {
        api::SERVERLESS => true,
        api::KIND => match resource.properties.entry("ProtocolType") {
            Some(node) => match scope.text(node) {
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

fn apis<'s>(scope: &'s Scope<'_>) -> Vec<Api<'s>> {
    let mut apis: Vec<Api<'s>> = Vec::new();
    let mut others = Vec::new();
    for resource in &scope.resources {
        let id = physical::short_id(&resource.id);
        if is_websocket(scope, resource) {
            let stages = scope.of_kind(stage::KIND);
            let stages = stages.filter(|one| stage::api(scope, one).is_ok_and(|of| of == id));
            apis.push(Api {
                resource: Some(resource),
                name: resource.id.clone(),
                expression: text(scope, resource, "RouteSelectionExpression"),
                stages: stages.map(|one| stage::name(scope, one).ok()).collect(),
                routes: Vec::new(),
                id,
            });
        } else if matches!(&*resource.kind, api::KIND | "AWS::Serverless::HttpApi") {
            others.push(id);
        }
    }
    for resource in scope.of_kind(route::KIND) {
        // Routes whose API is unknown belong to one API of their own.
        let id = stage::api(scope, resource).unwrap_or_default();
        if others.contains(&id) {
            continue;
        }
        let route = route_of(scope, resource);
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

fn route_of<'s>(scope: &'s Scope<'_>, resource: &'s Resource) -> Route<'s> {
    let target = text(scope, resource, "Target");
    let integration = target.as_deref().and_then(|target| {
        let id = target.strip_prefix("integrations/")?;
        scope
            .of_kind(integration::KIND)
            .find(|one| physical::short_id(&one.id) == id)
    });
    let authorizer = text(scope, resource, "AuthorizerId").and_then(|id| {
        scope
            .of_kind(authorization::KIND)
            .find(|one| physical::short_id(&one.id) == id)
    });
    Route {
        resource,
        key: text(scope, resource, "RouteKey"),
        called: match integration {
            Some(integration) => called::of_integration(scope, integration),
            None => Called::Unknown,
        },
        integration,
        authorizer,
    }
}

/// The macros and loops that create resources which are not written in the template.
pub(super) fn unwritten(root: &Node) -> Vec<String> {
    let resources = root.entry("Resources").map(Node::entries);
    let loops = resources.unwrap_or_default().iter();
    let loops = loops.filter(|one| one.key.starts_with("Fn::"));
    let mut all: Vec<_> = loops
        .map(|one| format!("the resources of `{}`", one.key))
        .collect();
    let transform = root.entry("Transform");
    let macros = transform.map(|node| node.as_list().unwrap_or(std::slice::from_ref(node)));
    for one in macros.unwrap_or_default() {
        let name = one.as_text().or(one.entry("Name").and_then(Node::as_text));
        let name = name.unwrap_or("?");
        if !unread::BUILT_IN.contains(&name) {
            all.push(format!("the resources of the macro `{name}`"));
        }
    }
    all
}

/// The resource that a value names, as `!Ref Role` or `!GetAtt Role.Arn`.
pub(super) fn named(node: &Node) -> Option<String> {
    match node.intrinsic()? {
        ("Ref", name) => name.as_text().map(str::to_owned),
        ("Fn::GetAtt", argument) => {
            let first = argument.as_list().and_then(<[Node]>::first);
            let name = first.unwrap_or(argument).as_text()?;
            Some(name.split('.').next().unwrap_or(name).to_owned())
        }
        ("Fn::Sub", argument) => {
            let inside = argument.as_text()?.strip_prefix("${")?.strip_suffix('}')?;
            let name = inside.split('.').next()?;
            (!inside.contains("${")).then(|| name.to_owned())
        }
        _ => None,
    }
}
