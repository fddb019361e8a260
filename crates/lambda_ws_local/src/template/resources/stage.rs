use crate::gateway::Rate;
use crate::template::evaluate::intrinsics::dynamic_reference;
use crate::template::evaluate::{Evaluator, Properties, resource_names};
use crate::template::syntax::Problem;
use crate::template::transform::resource_type;
use std::collections::BTreeMap;

/// The stage of an API that is served.
pub(crate) struct Stage {
    pub(crate) name: String,
    pub(crate) variables: BTreeMap<String, String>,
    pub(crate) throttling: Throttling,
}

/// The rate limits of a stage's routes (conformance H).
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Throttling {
    /// The limit of each route that is not in `routes`: `DefaultRouteSettings`.
    pub default_route: Option<Rate>,
    /// The limits by route key: `RouteSettings`.
    pub routes: BTreeMap<String, Rate>,
}

/// Reads the served stage of the API with this id.
pub(crate) fn of_api(
    evaluator: &Evaluator<'_>,
    logical_id: &str,
    id: &str,
    line: usize,
) -> Result<Stage, Problem> {
    let mut stages = Vec::new();
    for stage in evaluator.of_type(resource_type::STAGE) {
        // A stage without an API in the template is reported with the APIs.
        if resource_names::belongs_to(evaluator, stage, id) {
            stages.push((resource_names::stage(evaluator, stage)?, stage));
        }
    }
    let served = match &evaluator.options.stage {
        Some(wanted) => stages.iter().find(|(name, _)| name == wanted),
        None => stages.first(),
    };
    let Some((name, stage)) = served else {
        let text = match &evaluator.options.stage {
            Some(name) if stages.is_empty() => {
                return Ok(Stage {
                    name: valid(name, line)?.to_owned(),
                    variables: BTreeMap::new(),
                    throttling: Throttling::default(),
                });
            }
            Some(name) => {
                let names: Vec<_> = stages.iter().map(|(name, _)| &**name).collect();
                let names = names.join(", ");
                format!("API `{logical_id}` has no stage `{name}` (stages: {names})")
            }
            None => format!(
                "API `{logical_id}` has no stage; add an `AWS::ApiGatewayV2::Stage`, or pass a name with --stage"
            ),
        };
        return Err(Problem::new(line, text));
    };
    for (other, resource) in stages.iter().filter(|(_, other)| other.id != stage.id) {
        let text =
            format!("stage `{other}` is not served; --stage {other} serves it instead of `{name}`");
        evaluator.report.note(resource.line, text);
    }
    let properties = Properties::new(evaluator, &stage.properties, format!("stage `{name}`"))?;
    if !properties.flag("AutoDeploy")? && stage.properties.entry("DeploymentId").is_none() {
        let text = format!(
            "stage `{name}` has neither `AutoDeploy` nor `DeploymentId`: on AWS it has no routes"
        );
        evaluator.report.note(stage.line, text);
    }
    let throttling = throttling(evaluator, &properties, id)?;
    let variables = variables(&properties)?;
    let line = stage.properties.entry("StageName");
    let line = line.map_or(stage.line, |name| name.line);
    Ok(Stage {
        name: valid(name, line)?.to_owned(),
        variables,
        throttling,
    })
}

fn variables(properties: &Properties<'_>) -> Result<BTreeMap<String, String>, Problem> {
    let mut variables = BTreeMap::new();
    let given = properties.map("StageVariables")?;
    for (key, _) in given.keys() {
        if let Some(text) = given.text(key)? {
            if let Some(reference) = dynamic_reference(&text) {
                let text = format!(
                    "stage variable `{key}` contains `{reference}`, which only AWS resolves"
                );
                given.note(key, text);
            }
            variables.insert(key.to_owned(), text);
        }
    }
    Ok(variables)
}

fn throttling(
    evaluator: &Evaluator<'_>,
    properties: &Properties<'_>,
    api: &str,
) -> Result<Throttling, Problem> {
    let default_route = rate(&properties.map("DefaultRouteSettings")?)?;
    let mut routes = BTreeMap::new();
    let settings = properties.map("RouteSettings")?;
    for (key, _) in settings.keys() {
        if !has_route(evaluator, api, key) {
            let text = format!(
                "`RouteSettings` of {} contains route `{key}`, which is not a route of its API",
                properties.owner
            );
            return Err(settings.problem(key, text));
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
                "the rate limits of {} are applied only with --throttle",
                properties.owner
            );
            properties.note(name, text);
        }
    }
    Ok(Throttling {
        default_route,
        routes,
    })
}

/// Returns the rate limit of route settings. The limits of the account replace missing values.
fn rate(settings: &Properties<'_>) -> Result<Option<Rate>, Problem> {
    let number = |name: &str| {
        let Some(text) = settings.text(name)? else {
            return Ok(None);
        };
        let number = text.trim().parse::<f64>().ok();
        let number = number.filter(|number| number.is_finite() && *number >= 0.0);
        number.map(Some).ok_or_else(|| {
            let owner = &settings.owner;
            let text = format!("`{name}` of {owner} is `{text}`: expected a number of at least 0");
            settings.problem(name, text)
        })
    };
    let per_second = number("ThrottlingRateLimit")?;
    let burst = number("ThrottlingBurstLimit")?;
    Ok((per_second.is_some() || burst.is_some()).then(|| Rate {
        per_second: per_second.unwrap_or(Rate::ACCOUNT.per_second),
        burst: burst.unwrap_or(Rate::ACCOUNT.burst),
    }))
}

fn has_route(evaluator: &Evaluator<'_>, api: &str, key: &str) -> bool {
    evaluator.of_type(resource_type::ROUTE).any(|one| {
        evaluator.property(one, "RouteKey").as_deref() == Some(key)
            && resource_names::belongs_to(evaluator, one, api)
    })
}

/// Checks a stage name: 1 to 128 letters, digits, `_` and `-` (conformance H).
fn valid(name: &str, line: usize) -> Result<&str, Problem> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    if (1..=128).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(name);
    }
    let text =
        format!("stage name `{name}` is not valid: expected 1 to 128 letters, digits, `_` and `-`");
    Err(Problem::new(line, text))
}
