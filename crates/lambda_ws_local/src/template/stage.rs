use std::collections::BTreeMap;

use super::Problem;
use super::node::Node;
use super::properties::Properties;
use super::resource::Resource;
use super::scope::Scope;

pub(crate) const KIND: &str = "AWS::ApiGatewayV2::Stage";

/// The stage that is served of an API.
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) variables: BTreeMap<String, String>,
}

/// The id of the API that a stage, a route or an integration belongs to.
pub(crate) fn api(scope: &Scope<'_>, part: &Resource) -> Result<String, Problem> {
    match part.properties.entry("ApiId") {
        Some(id) => scope.text(id),
        None => Err(Problem::new(
            part.line,
            format!("`{}` has no `ApiId`", part.id),
        )),
    }
}

/// The stage's name: that of the options, where the API has no other stage.
pub(crate) fn name(scope: &Scope<'_>, stage: &Resource) -> Result<String, Problem> {
    if let Some(name) = &scope.options.stage {
        let id = api(scope, stage)?;
        let others = scope.of_kind(KIND).filter(|other| other.id != stage.id);
        if !{ others }.any(|other| api(scope, other).ok().as_ref() == Some(&id)) {
            return Ok(name.clone());
        }
    }
    match stage.properties.entry("StageName") {
        Some(name) => scope.text(name),
        None => Err(Problem::new(
            stage.line,
            format!("stage `{}` has no `StageName`", stage.id),
        )),
    }
}

/// The stage to serve of the API with that id.
pub(crate) fn of_api(
    scope: &Scope<'_>,
    logical_id: &str,
    id: &str,
    line: usize,
) -> Result<Stage, Problem> {
    let mut stages = Vec::new();
    for stage in scope.of_kind(KIND) {
        // A stage of no API we know is reported with the parts of the APIs.
        if api(scope, stage).is_ok_and(|api| api == id) {
            stages.push((name(scope, stage)?, stage));
        }
    }
    let names = || {
        stages
            .iter()
            .map(|(name, _)| &**name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let served = match &scope.options.stage {
        Some(wanted) => stages.iter().find(|(name, _)| name == wanted),
        None => stages.first(),
    };
    let Some((name, stage)) = served else {
        return match &scope.options.stage {
            Some(name) if stages.is_empty() => Ok(Stage {
                name: valid(name, line)?.to_owned(),
                variables: BTreeMap::new(),
            }),
            Some(name) => Err(Problem::new(
                line,
                format!(
                    "API `{logical_id}` has no stage `{name}` (stages: {})",
                    names()
                ),
            )),
            None => {
                let text = format!(
                    "API `{logical_id}` has no stage; add an `{KIND}`, or name one with --stage"
                );
                Err(Problem::new(line, text))
            }
        };
    };
    for (other, resource) in stages.iter().filter(|(_, other)| other.id != stage.id) {
        scope.report.note(
            resource.line,
            format!("stage `{other}` is not served; --stage {other} serves it instead of `{name}`"),
        );
    }
    let name_line = stage
        .properties
        .entry("StageName")
        .map_or(stage.line, |name| name.line);
    let properties = Properties::new(scope, &stage.properties, format!("stage `{name}`"))?;
    if !properties.flag("AutoDeploy")? && stage.properties.entry("DeploymentId").is_none() {
        let text = format!(
            "stage `{name}` has neither `AutoDeploy` nor `DeploymentId`: on AWS it would serve nothing"
        );
        scope.report.note(stage.line, text);
    }
    throttling(scope, &properties);
    let mut variables = BTreeMap::new();
    let given = properties.map("StageVariables")?;
    for (key, _) in given.keys() {
        if let Some(text) = given.text(key)? {
            variables.insert(key.to_owned(), text);
        }
    }
    Ok(Stage {
        name: valid(name, name_line)?.to_owned(),
        variables,
    })
}

fn throttling(scope: &Scope<'_>, properties: &Properties<'_, '_>) {
    let limits = |node: &Node| {
        node.entries()
            .iter()
            .any(|entry| entry.key.starts_with("Throttling"))
    };
    for (key, node) in properties.keys() {
        let limited = match key {
            "DefaultRouteSettings" => limits(node),
            "RouteSettings" => node.entries().iter().any(|route| limits(&route.value)),
            _ => false,
        };
        if limited {
            scope.report.note(
                node.line,
                format!("the throttling of {} is not reproduced", properties.owner),
            );
        }
    }
}

/// A stage name: 1 to 128 letters, digits, `_` and `-` (conformance H).
fn valid(name: &str, line: usize) -> Result<&str, Problem> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if (1..=128).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(name);
    }
    let text = format!("`{name}` is no stage name: 1 to 128 letters, digits, `_` and `-`");
    Err(Problem::new(line, text))
}
