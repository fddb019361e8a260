//! The function that an integration or an authorizer calls, with the alias or version in its ARN.

use super::references;
use crate::template::evaluate::Evaluator;
use crate::template::syntax::Node;
use crate::template::transform::Resource;

/// The target of an integration or an authorizer.
pub(super) enum InvocationTarget<'e> {
    Function(&'e Resource, Qualifier),
    /// A target that is not a function of the template, as a phrase for a message.
    Other(String),
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

impl<'e> InvocationTarget<'e> {
    pub(super) fn of_integration(evaluator: &'e Evaluator<'_>, integration: &'e Resource) -> Self {
        match evaluator.property(integration, "IntegrationType") {
            Some(kind) if kind != "AWS_PROXY" && kind != "AWS" => {
                Self::Other(format!("an integration of type {kind}"))
            }
            _ => Self::of_uri(evaluator, integration.properties.entry("IntegrationUri")),
        }
    }

    pub(super) fn of_authorizer(evaluator: &'e Evaluator<'_>, authorizer: &'e Resource) -> Self {
        Self::of_uri(evaluator, authorizer.properties.entry("AuthorizerUri"))
    }

    fn of_uri(evaluator: &'e Evaluator<'_>, uri: Option<&'e Node>) -> Self {
        let Some(node) = uri else {
            return Self::Unknown;
        };
        let Ok(uri) = evaluator.text(node) else {
            // An unknown URI can still contain a reference to the function.
            let function = references::function(evaluator, node);
            return function.map_or(Self::Unknown, |one| Self::Function(one, Qualifier::Unknown));
        };
        if !uri.contains(":function:") {
            return Self::Other("an integration that does not call a function".to_owned());
        }
        let (name, qualifier) = parse(&uri);
        match evaluator.function_named(name) {
            Some(function) => Self::Function(function, qualifier),
            None => Self::Other("a function outside this template".to_owned()),
        }
    }

    /// Whether the target is the function with this logical id.
    pub(super) fn is(&self, id: &str) -> bool {
        matches!(self, Self::Function(function, _) if function.id == id)
    }
}

/// Returns the name and the qualifier from a function's name, its ARN, or the path that API Gateway invokes.
pub(super) fn parse(text: &str) -> (&str, Qualifier) {
    let arn = match text.split_once(":lambda:path/2015-03-31/functions/") {
        Some((_, path)) => path.strip_suffix("/invocations").unwrap_or(path),
        None => text,
    };
    let name = arn.split_once(":function:").map_or(arn, |(_, name)| name);
    match name.split_once(':') {
        Some((name, qualifier)) => (name, Qualifier::Is(qualifier.to_owned())),
        None => (name, Qualifier::None),
    }
}
