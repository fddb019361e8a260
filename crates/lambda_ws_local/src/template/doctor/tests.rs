//! What the tests of the checks share, and what is right as a whole.

use std::path::Path;

use super::super::Options;
use super::{Finding, checks, examine};

pub(super) const SAM: &str = include_str!("tests/sam.yaml");
pub(super) const RAW: &str = include_str!("tests/raw.yaml");

pub(super) fn all(text: &str) -> Vec<Finding> {
    examine(text, Path::new("template.yaml"), &Options::default()).expect("it is a template")
}

/// The template with something else in it.
pub(super) fn broken(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "`{from}` is not in the template");
    text.replace(from, to)
}

pub(super) fn without(text: &str, line: &str) -> String {
    broken(text, line, "")
}

/// The one finding of a template, which is of that check.
#[track_caller]
pub(super) fn finds(text: &str, check: &str) -> Finding {
    assert!(
        checks().any(|name| name == check),
        "no check is named {check}"
    );
    let mut findings = all(text);
    let names: Vec<_> = findings.iter().map(|one| one.check).collect();
    assert_eq!(names, [check], "{findings:#?}\n{text}");
    let finding = findings.remove(0);
    assert!(
        finding.line > 0 && !finding.effect.is_empty(),
        "{finding:?}"
    );
    finding
}

#[track_caller]
pub(super) fn is_right(text: &str) {
    let findings = all(text);
    assert_eq!(findings, [], "{text}");
}

#[test]
fn what_is_right_has_no_finding() {
    is_right(SAM);
    is_right(RAW);
}

#[test]
fn a_finding_stands_where_its_mend_belongs() {
    let text = broken(SAM, "Timeout: 29", "Timeout: 60");
    let finding = finds(&text, "timeout");
    let line = text.lines().nth(finding.line - 1).expect("a line");
    assert!(
        line[finding.column - 1..].starts_with("Timeout: 60"),
        "{line}"
    );
}

#[test]
fn what_refers_to_nothing_is_found() {
    let text = broken(SAM, "!Ref Connections", "!Ref Conections");
    let findings = all(&text);
    assert!(
        findings.iter().any(|one| one.check == "template"),
        "{findings:#?}"
    );
}

#[test]
fn what_only_aws_can_evaluate_is_no_finding() {
    let variable = "          CONNECTIONS_TABLE:";
    for value in ["!ImportValue Peer", "!GetAtt Queue.QueueUrl", "!Ref Stage"] {
        let text = broken(
            SAM,
            variable,
            &format!("          PEER: {value}\n{variable}"),
        );
        let text = format!("{text}\n  Queue: {{ Type: AWS::SQS::Queue }}\n");
        is_right(&broken(
            &text,
            "Resources:\n",
            "Parameters:\n  Stage: { Type: String }\nResources:\n",
        ));
    }
}

#[test]
fn a_file_that_is_no_template_is_an_error() {
    for text in ["", "- a", "Resources: [", "a text"] {
        examine(text, Path::new("template.yaml"), &Options::default()).expect_err(text);
    }
}
