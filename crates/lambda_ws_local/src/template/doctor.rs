//! The field's known mistakes in a template: what AWS makes of each, and the mend.
//!
//! A template that AWS takes may still be wrong: a message that nobody answers, a client that is never told, a bill for
//! logs that nobody reads. [`examine`] finds what can be seen without deploying; where a template does not tell, as of
//! a role from elsewhere, it says nothing.
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
//! let findings = doctor::examine(text, "template.yaml".as_ref(), &Options::default())?;
//! let first = &findings[0];
//! assert_eq!((first.check, first.line, first.column), ("default-route", 8, 7));
//! # Ok::<(), lambda_ws_local::template::TemplateError>(())
//! ```

mod connections_table;
mod deployment;
mod endpoint;
mod finding;
mod grants;
mod logs;
mod managed;
mod pattern;
mod permission;
mod place;
mod policy;
mod route_response;
mod routes;
mod selection;
mod subject;
#[cfg(test)]
mod tests;
mod timeout;

use std::path::Path;

pub use finding::{Finding, Weight};

use super::report::Report;
use super::scope::Scope;
use super::{Options, Problem, TemplateError, api, document, table, unread};
use finding::Found;
use subject::Subject;

/// What a check is called, and how it looks.
type Check = (&'static str, fn(&Subject<'_, '_>) -> Vec<Found>);

/// What the template's reader refuses.
const READER: &str = "template";

const CHECKS: &[Check] = &[
    ("selection-expression", selection::look),
    ("default-route", routes::default),
    ("lifecycle-routes", routes::lifecycle),
    ("route-response", route_response::look),
    ("deployment", deployment::look),
    ("lambda-permission", permission::look),
    ("timeout", timeout::look),
    ("connections-table", connections_table::variable),
    ("table-keys", connections_table::keys),
    ("table-ttl", connections_table::time_to_live),
    ("endpoint", endpoint::look),
    ("manage-connections", policy::manage_connections),
    ("dynamodb-actions", policy::dynamodb),
    ("invoke-itself", policy::itself),
    ("log-retention", logs::look),
];

/// The names of all checks, as in [`Finding::check`].
pub fn checks() -> impl Iterator<Item = &'static str> {
    std::iter::once(READER).chain(CHECKS.iter().map(|(name, _)| *name))
}

/// What is wrong in a template's text, in the order of its lines; nothing, if no check finds anything. What only a
/// laptop cannot do, such as evaluating the export of another stack, is no finding.
///
/// # Errors
///
/// If the text is no template.
pub fn examine(text: &str, path: &Path, options: &Options) -> Result<Vec<Finding>, TemplateError> {
    let report = Report::default();
    let found = look(text, options, &report).map_err(|one| TemplateError::new(path, vec![one]))?;
    let mut findings: Vec<_> = refused(report).map(Finding::from).collect();
    findings.extend(found);
    findings.sort_by_key(|one| (one.line, one.column));
    Ok(findings)
}

fn look(text: &str, options: &Options, report: &Report) -> Result<Vec<Finding>, Problem> {
    let root = document::read(text, report)?;
    if root.entries().is_empty() {
        let text = format!(
            "a template is a map with `Resources`, and this is {}",
            root.kind()
        );
        return Err(Problem::new(root.line, text));
    }
    let scope = Scope::new(&root, options, report);
    unread::check_transform(&root, &scope, report);
    let apis = api::read(&scope);
    // What is wrong in them is reported; where their code is does not matter.
    super::functions(&scope, &apis, Path::new(""));
    let subject = Subject {
        apis,
        tables: table::read(&scope),
        scope: &scope,
    };
    let found = CHECKS
        .iter()
        .flat_map(|&(name, look)| look(&subject).into_iter().map(move |one| one.of(name)));
    Ok(found.collect())
}

/// The reader's problems that are problems on AWS, too.
fn refused(report: Report) -> impl Iterator<Item = Problem> {
    let problems = report.finish().err().unwrap_or_default();
    // What has no value here has others refused that need it.
    let unknown = problems.iter().any(Problem::is_only_here);
    let mut kept = problems;
    kept.retain(|one| !one.is_only_here() && (!unknown || one.missing_name().is_some()));
    kept.dedup();
    kept.into_iter()
}
