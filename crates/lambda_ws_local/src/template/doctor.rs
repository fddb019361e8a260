//! Finds the known mistakes in a template, without deploying it.
//!
//! A template that AWS accepts can still contain mistakes: a message without a route, a reply that never arrives, or a
//! function without a permission for API Gateway. [`examine`] reports each of them with its effect on AWS and a fix. A
//! value that only AWS knows does not hide other mistakes, and [`Examined`] states what was examined.
//!
//! # Mistakes and remarks
//!
//! A mistake breaks the deployment or the application on AWS. A remark is about cost, or about behaviour that few
//! applications need.
//!
//! | check | reports | weight |
//! |---|---|---|
//! | `template` | values and combinations that CloudFormation, SAM or API Gateway reject | mistake |
//! | `template-kind` | misspelled resource types and protocols | mistake |
//! | `references` | names that are not in the template | mistake |
//! | `circular-dependency` | resources that wait for each other | mistake |
//! | `sam` | properties of a `WebSocketApi` that SAM rejects or ignores | mistake |
//! | `selection-expression` | a route selection expression that does not depend on the message | mistake |
//! | `default-route` | no `$default` | remark; with lambda_ws a mistake, if no other route receives messages |
//! | `route-response` | a response expression without a route response | mistake |
//! | `deployment` | stages without a deployment, deployments that do not wait for their routes | mistake; remark for route responses |
//! | `throttling` | limits of 0 | mistake |
//! | `lambda-permission` | routes and authorizers without permission to call their function | mistake |
//! | `timeout` | a function timeout of at most 3 s or more than 29 s | remark |
//! | `log-retention` | logs that are never deleted | remark |
//!
//! These checks apply only to functions that use lambda_ws, see [`LibraryRules`]:
//!
//! | check | reports | weight |
//! |---|---|---|
//! | `lifecycle-routes` | no `$connect` or `$disconnect` | mistake |
//! | `connections-table` | a missing or wrong `CONNECTIONS_TABLE` | mistake; remark if the table may be in another stack |
//! | `table-keys` | keys that are not the strings `pk` and `sk` | mistake |
//! | `table-ttl` | items that never expire | remark |
//! | `endpoint` | a wrong endpoint of the management API | mistake; remark if it is missing |
//! | `manage-connections` | missing permissions for connections | mistake |
//! | `dynamodb-actions` | missing permissions for the table | mistake |
//! | `invoke-itself` | no permission for follow-up tasks | remark |
//! | `task-function` | a `TASK_FUNCTION` that is missing or may not be invoked | mistake; remark if it may be in another stack |
//! | `batch-failures` | SQS triggers without `ReportBatchItemFailures` | mistake |
//!
//! ```
//! use lambda_ws_local::template::{Options, doctor};
//!
//! let text = r#"
//! Transform: AWS::Serverless-2016-10-31
//! Resources:
//!   Api:
//!     Type: AWS::Serverless::WebSocketApi
//!     Properties:
//!       RouteSelectionExpression: $request.body.action
//!       Routes:
//!         say: { FunctionArn: !GetAtt Chat.Arn }
//!   Chat:
//!     Type: AWS::Serverless::Function
//!     Properties: { CodeUri: ., Handler: index.handler, Runtime: nodejs22.x, Timeout: 29 }
//! "#;
//! let (path, options) = ("template.yaml".as_ref(), Options::default());
//! let examination = doctor::examine(text, path, &options, doctor::LibraryRules::Detect)?;
//! assert_eq!(examination.examined.to_string(), "1 WebSocket API, 1 route, 1 function");
//! let first = &examination.findings[0];
//! assert_eq!((first.check, first.line, first.column), ("default-route", 8, 7));
//! # Ok::<(), lambda_ws_local::template::TemplateError>(())
//! ```

mod arn;
mod cdk;
mod checks;
mod effective_permissions;
mod examined;
mod examined_api;
mod finding;
mod input;
mod invocation_target;
mod library_rules;
mod managed_policies;
mod references;
#[cfg(test)]
mod tests;

use std::path::Path;

pub use examined::Examined;
pub use finding::{Finding, Weight};
pub use library_rules::LibraryRules;

use super::evaluate::{Evaluator, Options};
use super::resources::{api, function, table, unsupported};
use super::syntax::{self, Node, Problem, Report, TemplateError};
use checks::{CHECKS, REFERENCES};
use finding::READER;
use input::{DoctorInput, unwritten_resources};

/// The result of [`examine`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Examination {
    /// The findings, in the order of their lines.
    pub findings: Vec<Finding>,
    /// What was examined.
    pub examined: Examined,
}

/// Returns the names of all checks, as in [`Finding::check`].
pub fn checks() -> impl Iterator<Item = &'static str> {
    std::iter::once(READER).chain(CHECKS.iter().map(|(name, _)| *name))
}

/// Examines the text of a template. Code paths are relative to the folder of `path`. Limits of the local gateway are
/// not findings.
///
/// # Errors
///
/// If the text is not a template.
pub fn examine(
    text: &str,
    path: &Path,
    options: &Options,
    rules: LibraryRules,
) -> Result<Examination, TemplateError> {
    let report = Report::default();
    let folder = path.parent().unwrap_or(Path::new(""));
    let read = syntax::read(text, &report).map_err(|one| TemplateError::new(path, vec![one]));
    let root = syntax::joined(read?, path, &report);
    let (mut findings, examined) = run_checks(&root, folder, options, rules, &report);
    for problem in rejected(report, &root) {
        // The reader's problem with a missing name has more details.
        let line = problem.line().unwrap_or(0);
        findings.retain(|one: &Finding| one.check != REFERENCES || one.line != line);
        findings.push(Finding::of_reader(&problem));
    }
    cdk::translate(&mut findings, &root);
    findings.sort_by_key(|one| (one.line, one.column));
    findings.dedup();
    Ok(Examination { findings, examined })
}

/// Reads the template, reports its problems and runs all checks.
fn run_checks(
    root: &Node,
    folder: &Path,
    options: &Options,
    rules: LibraryRules,
    report: &Report,
) -> (Vec<Finding>, Examined) {
    let evaluator = Evaluator::lenient(root, options, report);
    unsupported::check_transform(root, &evaluator, report);
    api::read(&evaluator);
    for resource in evaluator.functions() {
        if let Err(problems) = function::read(&evaluator, resource, folder) {
            problems.into_iter().for_each(|one| report.problem(one));
        }
    }
    let tables = table::read(&evaluator);
    let input = DoctorInput::new(root, &evaluator, tables, folder, rules);
    let mut findings = Vec::new();
    for (name, check) in CHECKS {
        let found = check(&input).into_iter();
        findings.extend(found.map(|one| Finding { check: name, ..one }));
    }
    (findings, Examined::of(&input))
}

/// Returns the reader's problems that AWS rejects too.
fn rejected(report: Report, root: &Node) -> impl Iterator<Item = Problem> {
    let mut problems = report.finish().err().unwrap_or_default();
    let incomplete = !unwritten_resources(root).is_empty();
    // A macro may create a resource that is not in the template.
    problems.retain(|one| !(one.is_local_only() || incomplete && one.missing_name().is_some()));
    problems.dedup();
    problems.into_iter()
}
