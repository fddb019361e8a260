pub(crate) mod build;
mod event_invoke_config;
pub(crate) mod package;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::lambda::Asynchronous;
use crate::template::evaluate::{Evaluator, Properties, resource_names};
use crate::template::syntax::{Node, Note, Problem};
use crate::template::transform::Resource;
use build::Build;
use package::Package;

pub(crate) const SERVERLESS: &str = "AWS::Serverless::Function";
pub(crate) const LAMBDA: &str = "AWS::Lambda::Function";

/// A Lambda function of the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name in the template.
    pub logical_id: String,
    /// Its name on AWS: `FunctionName`, or the logical id if the template has none.
    pub name: String,
    /// `Handler`; `bootstrap` by custom for a program that speaks the Runtime API itself, and empty for an image.
    pub handler: String,
    /// `Runtime`, as `provided.al2023`; empty for an image.
    pub runtime: String,
    /// The first of `Architectures`: `x86_64`, which is the default, or `arm64`.
    pub architecture: String,
    /// How its code is packaged.
    pub package: Package,
    /// `CodeUri`, the `Code` of a plain Lambda function, or the asset of CDK: a path, from the folder of the template.
    /// The folder itself if the package is not a local one.
    pub code: PathBuf,
    /// How `sam build` makes the program out of the code.
    pub build: Build,
    /// `Environment.Variables`, evaluated.
    pub environment: BTreeMap<String, String>,
    /// How long one invocation may take: 1 to 900 s, 3 s by default.
    pub timeout: Duration,
    /// Memory in MB: 128 to 10240, 128 by default.
    pub memory_mb: u32,
    /// What becomes of its asynchronous events.
    pub asynchronous: Asynchronous,
    /// The construct of CDK that it was made of, as `ChatStack/Chat/Resource`.
    pub construct: Option<String>,
    /// Its line in the template, counted from 1.
    pub line: usize,
}

/// What Lambda sets itself and refuses in a function's configuration.
const RESERVED: &[&str] = &[
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// The template's function resources, in its order.
pub(crate) fn resources<'s>(evaluator: &'s Evaluator<'_>) -> impl Iterator<Item = &'s Resource> {
    evaluator
        .resources
        .iter()
        .filter(|resource| resource.kind == SERVERLESS || resource.kind == LAMBDA)
}

/// The function's name on AWS, which is what `Ref` says: `FunctionName`, or the logical id.
pub(crate) fn name(evaluator: &Evaluator<'_>, resource: &Resource) -> Result<String, Problem> {
    let name = resource_names::own_name(evaluator, resource, "FunctionName")?;
    Ok(name.unwrap_or_else(|| resource.id.clone()))
}

/// The function with what is not reproduced of it, or all that is wrong with it. `folder` is the template's.
pub(crate) fn read(
    evaluator: &Evaluator<'_>,
    resource: &Resource,
    folder: &Path,
) -> Result<(Function, Vec<Note>), Vec<Problem>> {
    let properties = Properties::new(
        evaluator,
        &resource.properties,
        format!("function `{}`", resource.id),
    )
    .map_err(|one| vec![one])?;
    let (mut problems, mut notes) = (Vec::new(), Vec::new());
    let environment = environment(evaluator, resource, &properties, &mut problems, &mut notes);
    let function = function(evaluator, resource, &properties, folder, environment);
    match function {
        Ok((function, unsent)) if problems.is_empty() => {
            notes.extend(unsent);
            notes.extend(self::notes(resource, &properties));
            Ok((function, notes))
        }
        Ok(_) => Err(problems),
        Err(problem) => {
            problems.push(problem);
            Err(problems)
        }
    }
}

fn function(
    evaluator: &Evaluator<'_>,
    resource: &Resource,
    properties: &Properties<'_, '_>,
    folder: &Path,
    environment: BTreeMap<String, String>,
) -> Result<(Function, Vec<Note>), Problem> {
    let (package, code) = package::read(resource, properties, folder)?;
    // An image has both inside.
    let named = |name| match package {
        Package::Image => Ok(properties.text(name)?.unwrap_or_default()),
        _ => properties.required(name),
    };
    let architecture = match properties.list("Architectures")?.first() {
        Some(architecture) => evaluator.text(architecture)?,
        None => "x86_64".to_owned(),
    };
    if architecture != "x86_64" && architecture != "arm64" {
        let text = format!(
            "{} has the architecture `{architecture}`; Lambda has x86_64 and arm64",
            properties.owner
        );
        return Err(Problem::new(properties.line("Architectures"), text));
    }
    let name = name(evaluator, resource)?;
    let (asynchronous, notes) = event_invoke_config::read(evaluator, resource, properties, &name)?;
    let function = Function {
        logical_id: resource.id.clone(),
        name,
        handler: named("Handler")?,
        runtime: named("Runtime")?,
        architecture,
        package,
        code,
        build: build::read(evaluator, resource)?,
        environment,
        timeout: Duration::from_secs(properties.number("Timeout", 1..=900)?.unwrap_or(3).into()),
        memory_mb: properties
            .number("MemorySize", 128..=10_240)?
            .unwrap_or(128),
        asynchronous,
        construct: resource.construct().map(str::to_owned),
        line: resource.line,
    };
    Ok((function, notes))
}

fn environment(
    evaluator: &Evaluator<'_>,
    resource: &Resource,
    properties: &Properties<'_, '_>,
    problems: &mut Vec<Problem>,
    notes: &mut Vec<Note>,
) -> BTreeMap<String, String> {
    let variables = properties
        .map("Environment")
        .and_then(|environment| environment.map("Variables"));
    let variables = match variables {
        Ok(variables) => variables,
        Err(problem) => {
            problems.push(problem);
            return BTreeMap::new();
        }
    };
    let mut environment = BTreeMap::new();
    for (name, node) in variables.keys() {
        match variable(evaluator, name, node) {
            Ok(Some(value)) => {
                if let Some(reference) = unresolved(&value) {
                    let text = format!(
                        "variable `{name}` of function `{}` is passed on with `{reference}`, which only AWS resolves; set it \
                         with --env {name}=VALUE",
                        resource.id
                    );
                    notes.push(Note::new(node.line, text));
                }
                environment.insert(name.to_owned(), value);
            }
            Ok(None) => {}
            Err(problem) if problem.is_local_only() => {
                let text = format!(
                    "variable `{name}` of function `{}` is empty: {}; set it with --env {name}=VALUE",
                    resource.id,
                    problem.fault()
                );
                notes.push(Note::warning(node.line, text));
                environment.insert(name.to_owned(), String::new());
            }
            Err(problem) => problems
                .push(problem.context(&format!("variable `{name}` of function `{}`", resource.id))),
        }
    }
    environment
}

fn variable(evaluator: &Evaluator<'_>, name: &str, node: &Node) -> Result<Option<String>, Problem> {
    if RESERVED.contains(&name) {
        return Err(Problem::new(
            node.line,
            "Lambda sets this name itself and refuses it here; choose another",
        ));
    }
    let named = |(index, letter): (usize, char)| {
        letter.is_ascii_alphabetic() || index > 0 && (letter.is_ascii_digit() || letter == '_')
    };
    if name.len() < 2 || !name.chars().enumerate().all(named) {
        return Err(Problem::new(
            node.line,
            "Lambda takes names of a letter and then letters, digits and `_`",
        ));
    }
    let value = evaluator.value(node)?;
    if value.is_null() {
        return Ok(None);
    }
    evaluator.text(&value).map(Some)
}

/// The first dynamic reference in a value, such as `{{resolve:ssm:/chat/color}}`: CloudFormation resolves it when it deploys.
pub(crate) fn unresolved(value: &str) -> Option<&str> {
    let begin = value.find("{{resolve:")?;
    let end = value[begin..].find("}}")? + 2;
    Some(&value[begin..begin + end])
}

fn notes(resource: &Resource, properties: &Properties<'_, '_>) -> Vec<Note> {
    let mut notes = Vec::new();
    for (key, node) in properties.keys() {
        let line = node.line;
        match key {
            "Layers" => {
                let text = format!("layers of {} are not loaded", properties.owner);
                notes.push(Note::new(line, text));
            }
            "Events" => notes.extend(node.entries().iter().map(|event| {
                let kind = event
                    .value
                    .entry("Type")
                    .and_then(Node::as_text)
                    .unwrap_or("unknown");
                let text = format!(
                    "event `{}` ({kind}) of function `{}` does not happen locally",
                    event.key, resource.id
                );
                Note::new(event.line, text)
            })),
            _ => {}
        }
    }
    notes
}
