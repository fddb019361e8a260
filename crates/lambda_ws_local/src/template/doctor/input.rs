use super::examined_api::{self, ExaminedApi, ExaminedRoute};
use super::finding::Location;
use super::invocation_target::{InvocationTarget, parse};
use super::library_rules::{self, LibraryRules};
use super::references;
use crate::template::evaluate::{Evaluator, resource_names};
use crate::template::resources::{Table, unsupported};
use crate::template::syntax::{Entry, Node};
use crate::template::transform::Resource;
use std::path::Path;

pub(super) const CONNECTIONS_TABLE: &str = "CONNECTIONS_TABLE";
pub(super) const TABLE_ATTRIBUTES: &str = "CONNECTIONS_TABLE_ATTRIBUTES";
pub(super) const TASK_FUNCTION: &str = "TASK_FUNCTION";
pub(super) const ENDPOINT: &str = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI";

/// The examined template. In contrast to [`Template`](crate::template::Template) it contains parts with unknown values.
pub(super) struct DoctorInput<'e> {
    pub(super) root: &'e Node,
    pub(super) evaluator: &'e Evaluator<'e>,
    pub(super) apis: Vec<ExaminedApi<'e>>,
    pub(super) tables: Vec<Table>,
    /// The logical ids of the functions that use the library.
    library: Vec<&'e str>,
}

/// The error of a value that the template does not contain.
pub(super) struct Unknown;

/// A function that at least one route calls.
pub(super) struct RoutedFunction<'d> {
    pub(super) resource: &'d Resource,
    /// The APIs that call it.
    pub(super) apis: Vec<&'d ExaminedApi<'d>>,
}

/// The function that runs the tasks of another function.
pub(super) enum TaskFunction<'e> {
    Is(&'e Resource),
    /// No function of the template has this name or ARN.
    Missing(String),
}

impl<'e> DoctorInput<'e> {
    pub(super) fn new(
        root: &'e Node,
        evaluator: &'e Evaluator<'e>,
        tables: Vec<Table>,
        folder: &Path,
        rules: LibraryRules,
    ) -> Self {
        let users = evaluator.functions().filter(|one| {
            rules == LibraryRules::Always || library_rules::apply_to(evaluator, one, folder)
        });
        Self {
            root,
            evaluator,
            apis: examined_api::read(evaluator),
            tables,
            library: users.map(|one| &*one.id).collect(),
        }
    }

    pub(super) fn routes(&self) -> impl Iterator<Item = &ExaminedRoute<'e>> {
        self.apis.iter().flat_map(|api| &api.routes)
    }

    /// Returns the WebSocket API of a stage or a deployment.
    pub(super) fn api_of(&self, part: &Resource) -> Option<&ExaminedApi<'e>> {
        let id = resource_names::api_id(self.evaluator, part).ok()?;
        self.apis.iter().find(|api| api.id == id)
    }

    pub(super) fn routed_functions(&self) -> impl Iterator<Item = RoutedFunction<'_>> {
        self.evaluator.functions().filter_map(|resource| {
            let calls =
                |api: &&ExaminedApi<'_>| api.routes.iter().any(|one| one.target.is(&resource.id));
            let apis: Vec<_> = self.apis.iter().filter(calls).collect();
            (!apis.is_empty()).then_some(RoutedFunction { resource, apis })
        })
    }

    /// Returns the functions that use the library and that routes call, or that run the tasks of such functions.
    pub(super) fn library_functions(&self) -> impl Iterator<Item = RoutedFunction<'_>> {
        let routed = self.routed_library_functions();
        let of_tasks = self.evaluator.functions().filter_map(|resource| {
            let mut routed = self.routed_library_functions();
            if routed.any(|one| one.resource.id == resource.id) {
                return None;
            }
            let mut routed = self.routed_library_functions();
            let of_tasks = |one: &RoutedFunction<'_>| match self.task_function(one.resource) {
                Some(TaskFunction::Is(of_tasks)) => of_tasks.id == resource.id,
                _ => false,
            };
            let apis = routed.find(of_tasks)?.apis;
            Some(RoutedFunction { resource, apis })
        });
        routed.chain(of_tasks)
    }

    /// Returns the functions that routes call and that use the library.
    fn routed_library_functions(&self) -> impl Iterator<Item = RoutedFunction<'_>> {
        self.routed_functions()
            .filter(|one| self.uses_library(one.resource))
    }

    /// Returns the other function that runs the tasks of a function; `None` if there is none, or if it is unknown.
    pub(super) fn task_function(&self, function: &Resource) -> Option<TaskFunction<'e>> {
        let variable = self.variable(function, TASK_FUNCTION).ok()??;
        let value = &variable.value;
        let Ok(text) = self.evaluator.text(value) else {
            // Only AWS knows the name, but the value refers to a function.
            return references::function(self.evaluator, value).map(TaskFunction::Is);
        };
        let found = self.evaluator.function_named(parse(&text).0);
        match found {
            Some(one) if one.id == function.id => None,
            Some(one) => Some(TaskFunction::Is(one)),
            None => (!text.is_empty()).then_some(TaskFunction::Missing(text)),
        }
    }

    /// Whether the checks for the library apply to a function.
    pub(super) fn uses_library(&self, function: &Resource) -> bool {
        self.library.contains(&&*function.id)
    }

    /// Whether the checks for the library apply to a function of an API.
    pub(super) fn api_uses_library(&self, api: &ExaminedApi<'_>) -> bool {
        self.library_functions()
            .any(|one| one.apis.iter().any(|other| other.id == api.id))
    }

    /// Returns the examined functions: those of routes and authorizers, and those that use the library.
    pub(super) fn examined_functions(&self) -> impl Iterator<Item = &Resource> {
        self.evaluator.functions().filter(|one| {
            let behind = |route: &ExaminedRoute<'_>| {
                let authorizes = |authorizer| {
                    InvocationTarget::of_authorizer(self.evaluator, authorizer).is(&one.id)
                };
                route.target.is(&one.id) || route.authorizer.is_some_and(authorizes)
            };
            self.uses_library(one) || self.routes().any(behind)
        })
    }

    /// Returns a variable in the environment of a function, without evaluating it.
    pub(super) fn variable(
        &self,
        function: &Resource,
        name: &str,
    ) -> Result<Option<Entry>, Unknown> {
        let mut node = function.properties.clone();
        for key in ["Environment", "Variables"] {
            node = match node.entry(key) {
                Some(inner) => self.evaluator.value(inner).map_err(|_| Unknown)?,
                None => return Ok(None),
            };
        }
        Ok(node.find(name).cloned())
    }

    /// Returns the location of a variable, or of the innermost existing part of its path.
    pub(super) fn location_of_variable(function: &Resource, name: &str) -> Location {
        Location::of(function, &["Environment", "Variables", name])
    }

    pub(super) fn connections_table(&self, function: &RoutedFunction<'_>) -> Option<&Table> {
        let variable = self.variable(function.resource, CONNECTIONS_TABLE).ok()??;
        let name = self.evaluator.text(&variable.value).ok()?;
        self.tables.iter().find(|table| table.name == name)
    }

    /// Whether the name of a resource on AWS is known.
    pub(super) fn has_known_name(&self, id: &str, property: &str) -> bool {
        let resource = self.resource(id);
        let name = resource.and_then(|one| one.properties.entry(property));
        name.is_none_or(|name| self.evaluator.value(name).is_ok())
    }

    /// Whether macros or loops create resources that are not in the template.
    pub(super) fn has_unwritten_resources(&self) -> bool {
        !unwritten_resources(self.root).is_empty()
    }

    pub(super) fn has_parameter(&self, name: &str) -> bool {
        let parameters = self.root.entry("Parameters");
        parameters.is_some_and(|all| all.entry(name).is_some())
    }

    pub(super) fn resource(&self, id: &str) -> Option<&'e Resource> {
        self.evaluator.resources.iter().find(|one| one.id == id)
    }

    /// Returns the names in `DependsOn` of a resource.
    pub(super) fn depends_on(&self, id: &str) -> &'e [Node] {
        let resources = self.root.entry("Resources");
        let resource = resources.and_then(|all| all.entry(id));
        let names = resource.and_then(|one| one.entry("DependsOn"));
        names.map(Node::items).unwrap_or_default()
    }
}

/// Returns one phrase for each macro and loop that creates resources outside the template.
pub(super) fn unwritten_resources(root: &Node) -> Vec<String> {
    let loops = root.entries_of("Resources").iter();
    let loops = loops.filter(|one| one.key.starts_with("Fn::"));
    let loops = loops.map(|one| format!("the resources of `{}`", one.key));
    let macros = unsupported::macros(root).into_iter();
    let macros = macros.filter(|(name, _)| !unsupported::SUPPORTED_MACROS.contains(name));
    let macros = macros.map(|(name, _)| format!("the resources of the macro `{name}`"));
    loops.chain(macros).collect()
}
