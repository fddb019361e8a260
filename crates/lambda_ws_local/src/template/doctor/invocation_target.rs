//! The function behind an integration or an authorizer, with the alias or version in its ARN.

use crate::template::doctor::references;
use crate::template::evaluate::Evaluator;
use crate::template::resources::function;
use crate::template::syntax::Node;
use crate::template::transform::Resource;

/// The target of an integration or an authorizer.
pub(super) enum InvocationTarget<'s> {
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

impl InvocationTarget<'_> {
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

pub(super) fn of_integration<'s>(
    evaluator: &'s Evaluator<'_>,
    integration: &'s Resource,
) -> InvocationTarget<'s> {
    let kind = integration.properties.entry("IntegrationType");
    match kind.map(|node| evaluator.text(node)) {
        Some(Ok(kind)) if kind != "AWS_PROXY" && kind != "AWS" => {
            InvocationTarget::Elsewhere(format!("an integration of type {kind}"))
        }
        _ => of_uri(evaluator, integration.properties.entry("IntegrationUri")),
    }
}

pub(super) fn of_authorizer<'s>(
    evaluator: &'s Evaluator<'_>,
    authorizer: &'s Resource,
) -> InvocationTarget<'s> {
    of_uri(evaluator, authorizer.properties.entry("AuthorizerUri"))
}

fn of_uri<'s>(evaluator: &'s Evaluator<'_>, uri: Option<&'s Node>) -> InvocationTarget<'s> {
    let Some(node) = uri else {
        return InvocationTarget::Unknown;
    };
    if let Ok(uri) = evaluator.text(node) {
        if !uri.contains(":function:") {
            return InvocationTarget::Elsewhere(
                "an integration that does not call a function".to_owned(),
            );
        }
        let (name, qualifier) = parse(&uri);
        let mut functions = function::resources(evaluator);
        let found =
            functions.find(|one| function::name(evaluator, one).is_ok_and(|own| own == name));
        return match found {
            Some(function) => InvocationTarget::Function {
                function,
                qualifier,
            },
            None => InvocationTarget::Elsewhere("a function outside of this template".to_owned()),
        };
    }
    // A part of the URI is unknown, but it may name the function.
    let names = references::of(evaluator, node);
    let mut functions = function::resources(evaluator);
    match functions.find(|one| names.iter().any(|name| name.id == one.id)) {
        Some(function) => InvocationTarget::Function {
            function,
            qualifier: Qualifier::Unknown,
        },
        None => InvocationTarget::Unknown,
    }
}
