use super::super::node::{Entry, Node};
use super::super::resource::Resource;
use super::super::scope::Scope;
use super::super::{Api, Table, function};
use super::place::Place;

pub(super) const CONNECTIONS_TABLE: &str = "CONNECTIONS_TABLE";
pub(super) const ENDPOINT: &str = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI";

/// What is examined.
pub(super) struct Subject<'s, 'a> {
    pub(super) scope: &'s Scope<'a>,
    pub(super) apis: Vec<Api>,
    pub(super) tables: Vec<Table>,
}

/// That the template does not tell.
pub(super) struct Unknown;

/// A function behind routes.
pub(super) struct Handler<'s> {
    pub(super) resource: &'s Resource,
    /// The APIs that call it.
    pub(super) apis: Vec<&'s Api>,
}

impl<'s, 'a> Subject<'s, 'a> {
    /// The functions behind routes.
    pub(super) fn routed(&self) -> impl Iterator<Item = Handler<'_>> {
        function::resources(self.scope).filter_map(move |resource| {
            let calls = |api: &&Api| {
                api.routes
                    .iter()
                    .any(|one| one.function() == Some(&*resource.id))
            };
            let apis: Vec<_> = self.apis.iter().filter(calls).collect();
            (!apis.is_empty()).then_some(Handler { resource, apis })
        })
    }

    /// Those of them that use the library, as far as a template shows it: programs that speak the Runtime API
    /// themselves, and whatever has the library's variables.
    pub(super) fn handlers(&self) -> impl Iterator<Item = Handler<'_>> {
        self.routed().filter(move |handler| {
            let resource = handler.resource;
            let runtime = resource.properties.entry("Runtime");
            let runtime = runtime.and_then(|runtime| self.scope.text(runtime).ok());
            let method = resource
                .metadata
                .entry("BuildMethod")
                .and_then(Node::as_text);
            let has = |name| matches!(self.variable(resource, name), Ok(Some(_)));
            runtime.is_some_and(|runtime| runtime.starts_with("provided"))
                || method == Some("rust-cargolambda")
                || has(CONNECTIONS_TABLE)
                || has(ENDPOINT)
        })
    }

    /// A variable of a function's environment, as it is written down.
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

    /// Where a variable is, or would be.
    pub(super) fn place_of_variable(function: &Resource, name: &str) -> Place {
        Place::of(function, &["Environment", "Variables", name])
    }

    /// A text of a resource, if the template tells.
    pub(super) fn text(&self, resource: &Resource, name: &str) -> Option<String> {
        self.scope.text(resource.properties.entry(name)?).ok()
    }

    pub(super) fn resource(&self, id: &str) -> Option<&Resource> {
        self.scope.resources.iter().find(|one| one.id == id)
    }

    /// Where a property of an API is, or would be.
    pub(super) fn place_of_api(&self, api: &Api, name: &str) -> Place {
        let whole = Place {
            line: api.line,
            column: 0,
        };
        let resource = self.resource_of(api);
        resource.map_or(whole, |resource| Place::of(resource, &[name]))
    }

    /// The resource that makes an API.
    pub(super) fn resource_of(&self, api: &Api) -> Option<&Resource> {
        self.resource(&api.logical_id)
    }
}

/// The resource whose attribute or name a value is, as `!Ref Role` or `!GetAtt Role.Arn`.
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
