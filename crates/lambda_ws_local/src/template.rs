//! The deployment template, read for what a laptop can run: SAM's or CloudFormation's `template.yaml` (or JSON).
//!
//! [`Template::read`] evaluates parameters, conditions and intrinsic functions, and yields the functions, WebSocket APIs
//! and DynamoDB tables. What it cannot reproduce it does not ignore: what would behave differently is a problem of the
//! [`TemplateError`], what is merely absent is a [`Note`], each with its line.
//!
//! ```
//! use lambda_ws_local::template::{Options, Template};
//!
//! let text = r#"
//! Transform: AWS::Serverless-2016-10-31
//! Resources:
//!   Chat:
//!     Type: AWS::Serverless::Function
//!     Properties: { CodeUri: ., Handler: bootstrap, Runtime: provided.al2023 }
//!   ChatApi:
//!     Type: AWS::Serverless::WebSocketApi
//!     Properties:
//!       RouteSelectionExpression: $request.body.action
//!       StageName: dev
//!       Routes:
//!         $default: { FunctionArn: !GetAtt Chat.Arn }
//! "#;
//! let template = Template::parse(text, "template.yaml".as_ref(), &Options::default())?;
//! assert_eq!(template.apis[0].routes[0].function(), Some("Chat"));
//! # Ok::<(), lambda_ws_local::template::TemplateError>(())
//! ```

pub mod doctor;
mod evaluate;
mod resources;
mod syntax;
#[cfg(test)]
mod tests;
mod transform;

use std::path::{Path, PathBuf};
use std::{fs, io};

pub use evaluate::Options;
pub use resources::{
    Api, Authorization, Authorizer, Build, Function, Integration, Mock, Models, Package, Route,
    Table, Throttling,
};
pub use syntax::{Note, Problem, TemplateError};

use crate::gateway::ApiKey;
use evaluate::Evaluator;
use resources::{api, function, table, unsupported};
use syntax::Report;

/// What a template describes of a websocket application.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    /// The template's file, as it was given.
    pub path: PathBuf,
    /// Its Lambda functions, however they are packaged; one that no route uses and that cannot be read is left out, with a
    /// note.
    pub functions: Vec<Function>,
    /// Its WebSocket APIs; there may be none.
    pub apis: Vec<Api>,
    /// Its DynamoDB tables.
    pub tables: Vec<Table>,
    /// The keys that clients may use, of every API of the template.
    pub api_keys: Vec<ApiKey>,
    /// What was read and is deliberately not reproduced, in the order of the lines.
    pub notes: Vec<Note>,
}

impl Template {
    /// Reads a template file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, and as [`Template::parse`].
    pub fn read(path: &Path, options: &Options) -> Result<Self, TemplateError> {
        let bytes = fs::read(path).map_err(|error| TemplateError::unreadable(path, error))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            TemplateError::unreadable(path, io::Error::new(io::ErrorKind::InvalidData, error))
        })?;
        Self::parse(&text, path, options)
    }

    /// Reads a template's text. Code paths are relative to the folder of `path`, which need not exist.
    ///
    /// # Errors
    ///
    /// All problems at once: what is no YAML or no template, what contradicts itself or refers to nothing, a parameter
    /// without a value, and whatever would behave differently here than on AWS.
    pub fn parse(text: &str, path: &Path, options: &Options) -> Result<Self, TemplateError> {
        let report = Report::default();
        let template = template(text, path, options, &report);
        match (template, report.finish()) {
            (Ok(template), Ok(notes)) => Ok(Self { notes, ..template }),
            (Ok(_), Err(problems)) => Err(TemplateError::new(path, problems)),
            (Err(problem), rest) => {
                let mut problems = rest.err().unwrap_or_default();
                problems.push(problem);
                Err(TemplateError::new(path, problems))
            }
        }
    }
}

fn template(
    text: &str,
    path: &Path,
    options: &Options,
    report: &Report,
) -> Result<Template, Problem> {
    let root = syntax::read(text, report)?;
    let evaluator = Evaluator::new(&root, options, report);
    unsupported::check_transform(&root, &evaluator, report);
    unsupported::note_resources(&evaluator);
    let apis = api::read(&evaluator);
    let tables = table::read(&evaluator);
    let functions = functions(&evaluator, &apis, path.parent().unwrap_or(Path::new("")));
    Ok(Template {
        path: path.to_owned(),
        functions,
        apis,
        tables,
        api_keys: api::keys(&evaluator),
        notes: Vec::new(),
    })
}

fn functions(evaluator: &Evaluator<'_>, apis: &[Api], folder: &Path) -> Vec<Function> {
    let mut functions = Vec::new();
    for resource in evaluator.functions() {
        let routed = apis
            .iter()
            .flat_map(|api| &api.routes)
            .any(|route| route.functions().any(|function| function == resource.id));
        match function::read(evaluator, resource, folder) {
            Ok((function, notes)) => {
                functions.push(function);
                notes
                    .into_iter()
                    .for_each(|note| evaluator.report.add(note));
            }
            Err(problems) if routed => problems
                .into_iter()
                .for_each(|problem| evaluator.report.problem(problem)),
            Err(problems) => {
                let why: Vec<_> = problems.iter().map(ToString::to_string).collect();
                let text = format!(
                    "function `{}`, which no route uses, is left out: {}",
                    resource.id,
                    why.join("; ")
                );
                evaluator.report.note(resource.line, text);
            }
        }
    }
    functions
}
