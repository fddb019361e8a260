use std::collections::BTreeMap;

use super::{function, route};
use crate::gateway::Rate;
use crate::template::evaluate::{Evaluator, Properties};
use crate::template::syntax::Problem;
use crate::template::transform::Resource;

pub(crate) const KIND: &str = "AWS::ApiGatewayV2::Stage";

/// The stage that is served of an API.
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) throttling: Throttling,
}

/// How fast the routes of a stage may be (conformance H).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Throttling {
    /// Each route that is not in `routes`: `DefaultRouteSettings`.
    pub default_route: Option<Rate>,
    /// Routes by their keys: `RouteSettings`.
    pub routes: BTreeMap<String, Rate>,
}

/// The id of the API that a stage, a route or an integration belongs to.
pub(crate) fn api(evaluator: &Evaluator<'_>, part: &Resource) -> Result<String, Problem> {
    match part.properties.entry("ApiId") {
        Some(id) => evaluator.text(id),
        None => Err(Problem::new(
            part.line,
            format!("`{}` has no `ApiId`", part.id),
        )),
    }
}

/// The stage's name: that of the options, where the API has no other stage.
pub(crate) fn name(evaluator: &Evaluator<'_>, stage: &Resource) -> Result<String, Problem> {
    if let Some(name) = &evaluator.options.stage {
        let id = api(evaluator, stage)?;
        let others = evaluator.of_kind(KIND).filter(|other| other.id != stage.id);
        if !{ others }.any(|other| api(evaluator, other).ok().as_ref() == Some(&id)) {
            return Ok(name.clone());
        }
    }
    match stage.properties.entry("StageName") {
        Some(name) => evaluator.text(name),
        None => Err(Problem::new(
            stage.line,
            format!("stage `{}` has no `StageName`", stage.id),
        )),
    }
}

/// The stage to serve of the API with that id.
pub(crate) fn of_api(
    evaluator: &Evaluator<'_>,
    logical_id: &str,
    id: &str,
    line: usize,
) -> Result<Stage, Problem> {
    let mut stages = Vec::new();
    for stage in evaluator.of_kind(KIND) {
        // A stage of no API we know is reported with the parts of the APIs.
        if api(evaluator, stage).is_ok_and(|api| api == id) {
            stages.push((name(evaluator, stage)?, stage));
        }
    }
    let names = || {
        stages
            .iter()
            .map(|(name, _)| &**name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let served = match &evaluator.options.stage {
        Some(wanted) => stages.iter().find(|(name, _)| name == wanted),
        None => stages.first(),
    };
    let Some((name, stage)) = served else {
        return match &evaluator.options.stage {
            Some(name) if stages.is_empty() => Ok(Stage {
                name: valid(name, line)?.to_owned(),
                variables: BTreeMap::new(),
                throttling: Throttling::default(),
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
        evaluator.report.note(
            resource.line,
            format!("stage `{other}` is not served; --stage {other} serves it instead of `{name}`"),
        );
    }
    let name_line = stage
        .properties
        .entry("StageName")
        .map_or(stage.line, |name| name.line);
    let properties = Properties::new(evaluator, &stage.properties, format!("stage `{name}`"))?;
    if !properties.flag("AutoDeploy")? && stage.properties.entry("DeploymentId").is_none() {
        let text = format!(
            "stage `{name}` has neither `AutoDeploy` nor `DeploymentId`: on AWS it would serve nothing"
        );
        evaluator.report.note(stage.line, text);
    }
    let throttling = throttling(evaluator, &properties, id)?;
    let mut variables = BTreeMap::new();
    let given = properties.map("StageVariables")?;
    for (key, _) in given.keys() {
        if let Some(text) = given.text(key)? {
            if let Some(reference) = function::unresolved(&text) {
                let text = format!(
                    "the stage variable `{key}` is passed on with `{reference}`, which only AWS resolves"
                );
                evaluator.report.note(given.line(key), text);
            }
            variables.insert(key.to_owned(), text);
        }
    }
    Ok(Stage {
        name: valid(name, name_line)?.to_owned(),
        variables,
        throttling,
    })
}

fn throttling(
    evaluator: &Evaluator<'_>,
    properties: &Properties<'_, '_>,
    api: &str,
) -> Result<Throttling, Problem> {
    let default_route = rate(&properties.map("DefaultRouteSettings")?)?;
    let mut routes = BTreeMap::new();
    let settings = properties.map("RouteSettings")?;
    for (key, _) in settings.keys() {
        if !has_route(evaluator, api, key) {
            let text = format!(
                "`RouteSettings` of {} names the route `{key}`, which its API does not have",
                properties.owner
            );
            return Err(Problem::new(settings.line(key), text));
        }
        if let Some(rate) = rate(&settings.map(key)?)? {
            routes.insert(key.to_owned(), rate);
        }
    }
    for (limited, name) in [
        (default_route.is_some(), "DefaultRouteSettings"),
        (!routes.is_empty(), "RouteSettings"),
    ] {
        if limited {
            let text = format!(
                "the throttling of {} is applied with --throttle only",
                properties.owner
            );
            evaluator.report.note(properties.line(name), text);
        }
    }
    Ok(Throttling {
        default_route,
        routes,
    })
}

/// The rate that settings have; what they leave open is the account's.
fn rate(settings: &Properties<'_, '_>) -> Result<Option<Rate>, Problem> {
    let number = |name: &str| {
        let Some(text) = settings.text(name)? else {
            return Ok(None);
        };
        let number = text.trim().parse::<f64>().ok();
        let number = number.filter(|number| number.is_finite() && *number >= 0.0);
        number.map(Some).ok_or_else(|| {
            let owner = &settings.owner;
            let text = format!("{owner}: `{name}` is `{text}`, but it is a number from 0");
            Problem::new(settings.line(name), text)
        })
    };
    let per_second = number("ThrottlingRateLimit")?;
    let burst = number("ThrottlingBurstLimit")?;
    Ok((per_second.is_some() || burst.is_some()).then(|| Rate {
        per_second: per_second.unwrap_or(Rate::ACCOUNT.per_second),
        burst: burst.unwrap_or(Rate::ACCOUNT.burst),
    }))
}

fn has_route(evaluator: &Evaluator<'_>, id: &str, key: &str) -> bool {
    evaluator.of_kind(route::KIND).any(|one| {
        let own = one.properties.entry("RouteKey");
        let own = own.and_then(|own| evaluator.text(own).ok());
        own.as_deref() == Some(key) && api(evaluator, one).is_ok_and(|api| api == id)
    })
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
