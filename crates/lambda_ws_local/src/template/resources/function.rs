pub(crate) mod cargo_packages;
pub(crate) mod cdk_asset;
mod environment;
pub(crate) mod package;

use crate::lambda::Asynchronous;
use crate::template::evaluate::{Evaluator, Properties, resource_names};
use crate::template::syntax::{Note, Problem};
use crate::template::transform::{Resource, resource_type};
use package::{Build, Package};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A Lambda function of the template.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Function {
    /// Its name in the template.
    pub logical_id: String,
    /// Its name on AWS: `FunctionName`, or the logical id if the template has none.
    pub name: String,
    /// `Handler`; by convention `bootstrap` for a program with its own Runtime API client, and empty for an image.
    pub handler: String,
    /// `Runtime`, as `provided.al2023`; empty for an image.
    pub runtime: String,
    /// The first of `Architectures`: `x86_64`, which is the default, or `arm64`.
    pub architecture: String,
    /// The package of its code.
    pub package: Package,
    /// The path of `CodeUri`, the `Code` of a plain Lambda function, or the asset of CDK; the template's folder if the
    /// package is not local.
    pub code: PathBuf,
    /// How `sam build` builds the program.
    pub build: Build,
    /// `Environment.Variables`, evaluated.
    pub environment: BTreeMap<String, String>,
    /// The timeout of an invocation: 1 to 900 s, 3 s by default.
    pub timeout: Duration,
    /// Memory in MB: 128 to 10240, 128 by default.
    pub memory_mb: u32,
    /// The retries and the age limit of its asynchronous events.
    pub asynchronous: Asynchronous,
    /// Its CDK construct, such as `ChatStack/Chat/Resource`.
    pub construct: Option<String>,
    /// Its line in the template, counted from 1.
    pub line: usize,
}

impl Function {
    /// Whether cargo builds the same program for it and another function.
    pub(crate) fn shares_program(&self, other: &Self) -> bool {
        let by_cargo = matches!(self.build, Build::RustCargoLambda { .. });
        let is_local = self.package == Package::Local && other.package == Package::Local;
        by_cargo && is_local && (&self.code, &self.build) == (&other.code, &other.build)
    }
}

/// Reads a function with notes on unsupported properties, or returns all of its problems. `folder` is the folder of the
/// template.
pub(crate) fn read(
    evaluator: &Evaluator<'_>,
    resource: &Resource,
    folder: &Path,
) -> Result<(Function, Vec<Note>), Vec<Problem>> {
    let properties = Properties::of(evaluator, resource, "function").map_err(|one| vec![one])?;
    let mut notes = notes(&properties);
    let environment = environment::read(evaluator, &properties, &mut notes);
    let function = function(evaluator, resource, &properties, folder, &mut notes);
    match (function, environment) {
        (Ok(function), Ok(environment)) => Ok((
            Function {
                environment,
                ..function
            },
            notes,
        )),
        (function, environment) => {
            let mut problems = environment.err().unwrap_or_default();
            problems.extend(function.err());
            Err(problems)
        }
    }
}

/// Reads a function without its environment.
fn function(
    evaluator: &Evaluator<'_>,
    resource: &Resource,
    properties: &Properties<'_>,
    folder: &Path,
    notes: &mut Vec<Note>,
) -> Result<Function, Problem> {
    let (package, code) = package::read(resource, properties, folder)?;
    // An image contains both.
    let required = |name| match package {
        Package::Image => Ok(properties.text(name)?.unwrap_or_default()),
        _ => properties.required(name),
    };
    let architecture = match properties.list("Architectures")?.first() {
        Some(architecture) => evaluator.text(architecture)?,
        None => "x86_64".to_owned(),
    };
    if architecture != "x86_64" && architecture != "arm64" {
        let text = format!(
            "the architecture `{architecture}` of {} is not valid: expected x86_64 or arm64",
            properties.owner
        );
        return Err(properties.problem("Architectures", text));
    }
    let name = resource_names::function(evaluator, resource)?;
    let asynchronous = asynchronous(evaluator, resource, properties, &name, notes)?;
    Ok(Function {
        logical_id: resource.id.clone(),
        name,
        handler: required("Handler")?,
        runtime: required("Runtime")?,
        architecture,
        package,
        code,
        build: package::build(evaluator, resource)?,
        environment: BTreeMap::new(),
        timeout: Duration::from_secs(properties.number("Timeout", 1..=900)?.unwrap_or(3).into()),
        memory_mb: properties
            .number("MemorySize", 128..=10_240)?
            .unwrap_or(128),
        asynchronous,
        construct: resource.construct().map(str::to_owned),
        line: resource.line,
    })
}

/// Reads the `EventInvokeConfig` of a function, which is a property in SAM or a separate resource.
fn asynchronous(
    evaluator: &Evaluator<'_>,
    function: &Resource,
    properties: &Properties<'_>,
    name: &str,
    notes: &mut Vec<Note>,
) -> Result<Asynchronous, Problem> {
    let mut configs = vec![properties.map("EventInvokeConfig")?];
    let resources = evaluator.of_type(resource_type::EVENT_INVOKE_CONFIG);
    for resource in resources.filter(|one| !one.generated) {
        let owner = format!("`{}` (AWS::Lambda::EventInvokeConfig)", resource.id);
        let config = Properties::new(evaluator, &resource.properties, owner)?;
        let of = config.required("FunctionName")?;
        if of == name || of == function.id || of.ends_with(&format!(":function:{name}")) {
            configs.push(config);
        }
    }
    let mut asynchronous = Asynchronous::default();
    for config in configs {
        if let Some(retries) = config.number("MaximumRetryAttempts", 0..=2)? {
            asynchronous.retries = retries;
        }
        if let Some(age) = config.number("MaximumEventAgeInSeconds", 60..=21_600)? {
            asynchronous.age = Duration::from_secs(age.into());
        }
        // The terminal prints failed events, so an `OnFailure` destination needs no note.
        let destinations = config.map("DestinationConfig")?;
        if !destinations.map("OnSuccess")?.is_empty() {
            let owner = &config.owner;
            let text = format!("the `OnSuccess` destination of {owner} receives nothing locally");
            notes.push(Note::new(config.line("DestinationConfig"), text));
        }
    }
    Ok(asynchronous)
}

/// Returns notes on the unsupported properties of a function.
fn notes(properties: &Properties<'_>) -> Vec<Note> {
    let owner = &properties.owner;
    let mut notes = Vec::new();
    for (key, node) in properties.keys() {
        match key {
            "Layers" => {
                notes.push(Note::new(
                    node.line,
                    format!("the layers of {owner} are not loaded"),
                ));
            }
            "Events" => notes.extend(node.entries().iter().map(|event| {
                let kind = event.value.text_of("Type").unwrap_or("unknown");
                let text = format!(
                    "event source `{}` ({kind}) of {owner} sends no events locally",
                    event.key
                );
                Note::new(event.line, text)
            })),
            _ => {}
        }
    }
    notes
}
