//! Reads the text of a template, JSON or YAML, as one tree of nodes. The code is not recursive. The size of the tree is
//! limited, including aliases.

mod builder;
mod json;

use super::node::Node;
use super::problem::Problem;
use super::report::Report;
use builder::Builder;
use saphyr_parser::Parser;

/// The largest template that CloudFormation accepts, in bytes.
const MAX_BYTES: usize = 1024 * 1024;

/// Reads the only document of `text`. A mistake that leaves a usable tree is added to the report. Any other mistake is
/// the `Err`.
pub(crate) fn read(text: &str, report: &Report) -> Result<Node, Problem> {
    if text.len() > MAX_BYTES {
        return Err(Problem::new(
            0,
            format!(
                "the file is larger than {MAX_BYTES} bytes, which is the limit of CloudFormation"
            ),
        ));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let root = match text.trim_start().strip_prefix('{') {
        None => yaml(text, report)?,
        Some(inside) => match json::events(text) {
            Ok(events) => {
                let mut builder = Builder::new(report);
                for (event, span) in events {
                    builder.take(event, span)?;
                }
                builder.root
            }
            // A YAML map can also start with a brace.
            Err(problem) => yaml(text, report).map_err(|other| {
                let is_json = inside.trim_start().starts_with('"');
                if is_json { problem } else { other }
            })?,
        },
    };
    match root {
        Some(root) if !root.entries().is_empty() => Ok(root),
        Some(root) if !root.is_null() => Err(root.problem(format!(
            "the file is {}: expected a map with `Resources`",
            root.kind()
        ))),
        _ => Err(Problem::new(
            0,
            "the file is empty: expected a map with `Resources`",
        )),
    }
}

fn yaml(text: &str, report: &Report) -> Result<Option<Node>, Problem> {
    let mut builder = Builder::new(report);
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let marker = error.marker();
            Problem::at(
                marker.line(),
                marker.col() + 1,
                format!("the file is not valid YAML: {}", error.info()),
            )
        })?;
        builder.take(event, span)?;
    }
    Ok(builder.root)
}
