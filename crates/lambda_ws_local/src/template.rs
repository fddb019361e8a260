//! The parts of a SAM or CloudFormation template (`template.yaml` or JSON) that run locally.
//!
//! [`Template::read`] evaluates parameters, conditions and intrinsic functions. It returns the functions, WebSocket
//! APIs and DynamoDB tables. A part that would behave differently is a [`Problem`] of the [`TemplateError`]. A part
//! that is not supported is a [`Note`]. Both have a line.
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

// A layer imports only from the layers before it: syntax, transform, evaluate, resources, doctor.
pub mod doctor;
mod evaluate;
mod resources;
mod syntax;
#[cfg(test)]
mod tests;
mod transform;

use std::fs;
use std::path::{Path, PathBuf};

pub use evaluate::Options;
pub use resources::{
    Api, Authorization, Authorizer, Build, Function, Integration, Mock, Models, Package, Route,
    Table, Throttling,
};
pub use syntax::{Note, Problem, TemplateError};

use crate::gateway::ApiKey;
use evaluate::Evaluator;
pub(crate) use resources::function::cdk_asset;
use resources::{api, function, table, unsupported};
use syntax::Report;

/// The parts of a WebSocket application that a template declares.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Template {
    /// The path of the template, as given.
    pub path: PathBuf,
    /// Its Lambda functions, with any package. An invalid function that no route uses is skipped, with a note.
    pub functions: Vec<Function>,
    /// Its WebSocket APIs; there may be none.
    pub apis: Vec<Api>,
    /// Its DynamoDB tables.
    pub tables: Vec<Table>,
    /// The API keys that clients may use, valid for every API of the template.
    pub api_keys: Vec<ApiKey>,
    /// The parts that are not supported, in the order of their lines.
    pub notes: Vec<Note>,
}

impl Template {
    /// Reads a template file.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, and the errors of [`Template::parse`].
    pub fn read(path: &Path, options: &Options) -> Result<Self, TemplateError> {
        let text = fs::read_to_string(path);
        let text = text.map_err(|error| TemplateError::unreadable(path, error))?;
        Self::parse(&text, path, options)
    }

    /// Reads a template's text. Code paths are relative to the folder of `path`, which need not exist. The template of a CDK
    /// app, `*.template.json`, includes the stacks of the same folder whose outputs it uses.
    ///
    /// # Errors
    ///
    /// All problems at once: syntax errors, contradictions, references to missing names, parameters without a value, and
    /// parts that would behave differently here than on AWS.
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
    let root = syntax::joined(syntax::read(text, report)?, path, report);
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
        let mut routes = apis.iter().flat_map(|api| &api.routes);
        let routed = routes.any(|route| route.functions().any(|id| id == resource.id));
        match function::read(evaluator, resource, folder) {
            Ok((function, notes)) => {
                functions.push(function);
                notes.into_iter().for_each(|one| evaluator.report.add(one));
            }
            Err(problems) if routed => {
                let report = &evaluator.report;
                problems.into_iter().for_each(|one| report.problem(one));
            }
            Err(problems) => {
                let why: Vec<_> = problems.iter().map(ToString::to_string).collect();
                let text = format!(
                    "skipped function `{}`, which no route uses: {}",
                    resource.id,
                    why.join("; ")
                );
                evaluator.report.note(resource.line, text);
            }
        }
    }
    functions
}
