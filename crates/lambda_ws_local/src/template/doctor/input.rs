use std::path::Path;

use crate::template::doctor::examined_api::{self, Api, Route};
use crate::template::doctor::location::Location;
use crate::template::doctor::{LibraryRules, invocation_target, library_rules};
use crate::template::evaluate::Evaluator;
use crate::template::resources::{Table, function, unsupported};
use crate::template::syntax::{Entry, Node};
use crate::template::transform::Resource;

pub(super) const CONNECTIONS_TABLE: &str = "CONNECTIONS_TABLE";
pub(super) const ENDPOINT: &str = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI";

/// The template under examination. Unlike the reader's model it contains each part, whatever else is unknown.
pub(super) struct DoctorInput<'s, 'a> {
    /// The whole template.
    pub(super) root: &'s Node,
    pub(super) evaluator: &'s Evaluator<'a>,
    pub(super) apis: Vec<Api<'s>>,
    pub(super) tables: Vec<Table>,
    /// The logical ids of the functions that the library's rules apply to.
    library: Vec<&'s str>,
}

/// The template does not contain the value.
pub(super) struct Unknown;

/// A function behind routes.
pub(super) struct RoutedFunction<'t, 's> {
    pub(super) resource: &'s Resource,
    /// The APIs that call it.
    pub(super) apis: Vec<&'t Api<'s>>,
}

impl<'s, 'a> DoctorInput<'s, 'a> {
    pub(super) fn new(
        root: &'s Node,
        evaluator: &'s Evaluator<'a>,
        tables: Vec<Table>,
        folder: &Path,
        rules: LibraryRules,
    ) -> Self {
        let users = function::resources(evaluator).filter(|one| {
            rules == LibraryRules::Always || library_rules::is_used(evaluator, one, folder)
        });
        Self {
            root,
            evaluator,
            apis: examined_api::read(evaluator),
            tables,
            library: users.map(|one| &*one.id).collect(),
        }
    }

    /// The functions behind routes.
    pub(super) fn routed(&self) -> impl Iterator<Item = RoutedFunction<'_, 's>> {
        function::resources(self.evaluator).filter_map(move |resource| {
            let calls = |api: &&Api<'_>| api.routes.iter().any(|one| one.called.is(&resource.id));
            let apis: Vec<_> = self.apis.iter().filter(calls).collect();
            (!apis.is_empty()).then_some(RoutedFunction { resource, apis })
        })
    }

    /// The functions behind routes that the library's rules apply to.
    pub(super) fn handlers(&self) -> impl Iterator<Item = RoutedFunction<'_, 's>> {
        self.routed().filter(|one| self.uses_library(one.resource))
    }

    pub(super) fn uses_library(&self, function: &Resource) -> bool {
        self.library.contains(&&*function.id)
    }

    /// The functions that are examined: those behind routes and authorizers, and those that use the library.
    pub(super) fn functions(&self) -> impl Iterator<Item = &'s Resource> {
        let evaluator = self.evaluator;
        function::resources(evaluator).filter(move |one| {
            let behind = |route: &Route<'s>| {
                let authorizes = |authorizer| {
                    invocation_target::of_authorizer(evaluator, authorizer).is(&one.id)
                };
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
                Some(inner) => self.evaluator.value(inner).map_err(|_| Unknown)?,
                None => return Ok(None),
            };
        }
        let found = node.entries().iter().find(|entry| &*entry.key == name);
        Ok(found.cloned())
    }

    /// The place of a variable, or where it belongs.
    pub(super) fn location_of_variable(function: &Resource, name: &str) -> Location {
        Location::of(function, &["Environment", "Variables", name])
    }

    /// A text of a resource, if the template contains it.
    pub(super) fn text(&self, resource: &Resource, name: &str) -> Option<String> {
        examined_api::text(self.evaluator, resource, name)
    }

    /// Whether the name of a resource on AWS is known.
    pub(super) fn has_known_name(&self, id: &str, property: &str) -> bool {
        let name = self
            .resource(id)
            .and_then(|one| one.properties.entry(property));
        name.is_none_or(|name| self.evaluator.value(name).is_ok())
    }

    /// Whether the template has resources that are not written in it.
    pub(super) fn is_open(&self) -> bool {
        !unwritten(self.root).is_empty()
    }

    pub(super) fn resource(&self, id: &str) -> Option<&'s Resource> {
        self.evaluator.resources.iter().find(|one| one.id == id)
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
        if !unsupported::SUPPORTED_MACROS.contains(&name) {
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
