//! The function behind an integration or an authorizer, with the alias or version in its ARN.

use crate::template::doctor::references;
use crate::template::evaluate::Scope;
use crate::template::resources::function;
use crate::template::syntax::Node;
use crate::template::transform::Resource;

/// The target of an integration or an authorizer.
pub(super) enum Called<'s> {
    Function {
        function: &'s Resource,
        qualifier: Qualifier,
    },
    /// Something that is not a function of the template: a phrase for a message.
    Elsewhere(String),
    Unknown,
}

/// The alias or version at the end of a function's ARN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Qualifier {
    /// The unqualified function.
    None,
    /// An alias or a version.
    Is(String),
    Unknown,
}

impl Called<'_> {
    pub(super) fn is(&self, id: &str) -> bool {
        matches!(self, Self::Function { function, .. } if function.id == id)
    }
}

impl Qualifier {
    pub(super) fn parse(text: Option<&str>) -> Self {
        text.map_or(Self::None, |text| Self::Is(text.to_owned()))
    }
}

/// The name and the qualifier of a function: in its name, its ARN, or the path that API Gateway invokes.
pub(super) fn parse(text: &str) -> (&str, Qualifier) {
    let arn = match text.split_once(":lambda:path/2015-03-31/functions/") {
        Some((_, path)) => path.strip_suffix("/invocations").unwrap_or(path),
        None => text,
    };
    let name = arn.split_once(":function:").map_or(arn, |(_, name)| name);
    match name.split_once(':') {
        Some((name, qualifier)) => (name, Qualifier::parse(Some(qualifier))),
        None => (name, Qualifier::None),
    }
}

pub(super) fn of_integration<'s>(scope: &'s Scope<'_>, integration: &'s Resource) -> Called<'s> {
    let kind = integration.properties.entry("IntegrationType");
    match kind.map(|node| scope.text(node)) {
        Some(Ok(kind)) if kind != "AWS_PROXY" && kind != "AWS" => {
            Called::Elsewhere(format!("an integration of type {kind}"))
        }
        _ => of_uri(scope, integration.properties.entry("IntegrationUri")),
    }
}

pub(super) fn of_authorizer<'s>(scope: &'s Scope<'_>, authorizer: &'s Resource) -> Called<'s> {
    of_uri(scope, authorizer.properties.entry("AuthorizerUri"))
}

fn of_uri<'s>(scope: &'s Scope<'_>, uri: Option<&'s Node>) -> Called<'s> {
    let Some(node) = uri else {
        return Called::Unknown;
    };
    if let Ok(uri) = scope.text(node) {
        if !uri.contains(":function:") {
            return Called::Elsewhere("an integration that does not call a function".to_owned());
        }
        let (name, qualifier) = parse(&uri);
        let mut functions = function::resources(scope);
        let found = functions.find(|one| function::name(scope, one).is_ok_and(|own| own == name));
        return match found {
            Some(function) => Called::Function {
                function,
                qualifier,
            },
            None => Called::Elsewhere("a function outside of this template".to_owned()),
        };
    }
    // A part of the URI is unknown, but it may name the function.
    let names = references::of(scope, node);
    let mut functions = function::resources(scope);
    match functions.find(|one| names.iter().any(|name| name.id == one.id)) {
        Some(function) => Called::Function {
            function,
            qualifier: Qualifier::Unknown,
        },
        None => Called::Unknown,
    }
}
