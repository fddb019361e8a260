//! Test helpers, and tests of whole templates.

use crate::template::doctor::finding::Finding;
use crate::template::doctor::{Examination, LibraryRules, checks, examine};
use crate::template::evaluate::Options;
use std::path::Path;

pub(super) const SAM: &str = include_str!("tests/sam.yaml");
pub(super) const RAW: &str = include_str!("tests/raw.yaml");

pub(super) fn all(text: &str) -> Vec<Finding> {
    examination(text).findings
}

/// Examines a template with the checks for the library.
pub(super) fn examination(text: &str) -> Examination {
    let path = Path::new("template.yaml");
    examine(text, path, &Options::default(), LibraryRules::Always).expect("it is a template")
}

/// Returns the template with `to` in place of `from`.
pub(super) fn broken(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "`{from}` is not in the template");
    text.replace(from, to)
}

pub(super) fn without(text: &str, line: &str) -> String {
    broken(text, line, "")
}

/// Returns the only finding of a template, and asserts that it belongs to this check.
#[track_caller]
pub(super) fn finds(text: &str, check: &str) -> Finding {
    assert!(checks().any(|name| name == check), "{check} is not a check");
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
fn a_correct_template_has_no_findings() {
    is_right(SAM);
    is_right(RAW);
}

#[test]
fn a_finding_has_the_location_of_its_fix() {
    let text = broken(SAM, "Timeout: 29", "Timeout: 60");
    let finding = finds(&text, "timeout");
    let line = text.lines().nth(finding.line - 1).expect("a line");
    let expected = "Timeout: 60";
    assert!(line[finding.column - 1..].starts_with(expected), "{line}");
}

#[test]
fn a_reference_to_a_missing_name_is_a_finding() {
    let text = broken(SAM, "!Ref Connections", "!Ref Conections");
    let findings = all(&text);
    assert!(
        findings.iter().any(|one| one.check == "template"),
        "{findings:#?}"
    );
}

#[test]
fn a_value_that_only_aws_knows_is_not_a_finding() {
    let variable = "          CONNECTIONS_TABLE:";
    for value in ["!ImportValue Peer", "!GetAtt Queue.QueueUrl", "!Ref Stage"] {
        let to = format!("          PEER: {value}\n{variable}");
        let text = broken(SAM, variable, &to);
        let text = format!("{text}\n  Queue: {{ Type: AWS::SQS::Queue }}\n");
        is_right(&broken(
            &text,
            "Resources:\n",
            "Parameters:\n  Stage: { Type: String }\nResources:\n",
        ));
    }
}

#[test]
fn a_file_that_is_not_a_template_is_an_error() {
    for text in ["", "- a", "Resources: [", "a text"] {
        let path = Path::new("template.yaml");
        let rules = LibraryRules::Always;
        examine(text, path, &Options::default(), rules).expect_err(text);
    }
}

/// Returns the template with parameters that have no default.
fn with_parameters(text: &str, names: &[&str]) -> String {
    let parameters: Vec<_> = names
        .iter()
        .map(|name| format!("  {name}: {{ Type: String }}\n"))
        .collect();
    let parameters = format!("Parameters:\n{}Resources:\n", parameters.join(""));
    broken(text, "Resources:\n", &parameters)
}

#[test]
fn fault_f2_an_unused_parameter_without_a_default_hides_no_findings() {
    for text in [SAM, RAW] {
        let text = with_parameters(text, &["Unused"]);
        is_right(&text);
        finds(&broken(&text, "Timeout: 29", "Timeout: 9999"), "template");
        finds(&broken(&text, "PAY_PER_REQUEST", "FREE"), "template");
    }
}

#[test]
fn fault_f2_code_outside_the_project_hides_no_findings() {
    for code in [
        "CodeUri: s3://bucket/key",
        "PackageType: Image\n      ImageUri: 1.dkr.ecr.us-east-1.amazonaws.com/chat:1",
        "InlineCode: 'exports.handler = 1'",
    ] {
        let text = broken(SAM, "CodeUri: .", code);
        is_right(&text);
        finds(&broken(&text, "Timeout: 29", "Timeout: 9999"), "template");
        finds(&broken(&text, "Timeout: 29", "Timeout: 60"), "timeout");
    }
}

#[test]
fn fault_f2_an_unknown_value_hides_no_other_findings() {
    let to = "Timeout: 9999\n      MemorySize: !Ref Unknown";
    let memory = broken(SAM, "Timeout: 29", to);
    finds(&with_parameters(&memory, &["Unknown"]), "template");
    let to = "CodeUri: .\n      FunctionName: !Sub '${Unknown}-chat'";
    let named = broken(SAM, "CodeUri: .", to);
    let named = with_parameters(&named, &["Unknown"]);
    is_right(&named);
    let to = "execute-api:Invoke";
    let changed = broken(&named, "execute-api:ManageConnections", to);
    finds(&changed, "manage-connections");
    let expression = broken(SAM, "$request.body.action", "!Ref Unknown");
    let expression = without(
        &expression,
        "        $default: { FunctionArn: !GetAtt Chat.Arn }\n",
    );
    finds(&with_parameters(&expression, &["Unknown"]), "default-route");
    let stage = broken(SAM, "StageName: dev", "StageName: !Ref Unknown");
    let to = "    Properties:\n      IpAddressType: v6\n      StageName";
    let stage = broken(&stage, "    Properties:\n      StageName", to);
    finds(&with_parameters(&stage, &["Unknown"]), "sam");
    let to = "TableName: !Ref Unknown\n      BillingMode: PAY";
    let table = broken(SAM, "BillingMode: PAY", to);
    let table = with_parameters(&table, &["Unknown"]);
    is_right(&table);
    finds(&broken(&table, "dynamodb:PutItem,", ""), "dynamodb-actions");
}

#[test]
fn fault_f2_a_resource_with_an_unknown_condition_is_examined() {
    let condition = "Conditions:\n  Prod: !Equals [!Ref Unknown, prod]\nResources:\n";
    let text = broken(SAM, "Resources:\n", condition);
    let to = "    Type: AWS::Serverless::Function\n    Condition: Prod\n";
    let text = broken(&text, "    Type: AWS::Serverless::Function\n", to);
    let to = "Parameters:\n  Unknown: { Type: String }\nConditions:";
    let text = broken(&text, "Conditions:", to);
    is_right(&text);
    finds(&broken(&text, "Timeout: 29", "Timeout: 60"), "timeout");
}

#[test]
fn fault_f2_a_route_without_a_function_hides_no_findings() {
    let ping = "
  Ping:
    Type: AWS::ApiGatewayV2::Route
    Properties: { ApiId: !Ref Api, RouteKey: ping, Target: !Sub 'integrations/${Mock}' }
  Mock:
    Type: AWS::ApiGatewayV2::Integration
    Properties: { ApiId: !Ref Api, IntegrationType: MOCK }
";
    let text = format!("{RAW}{ping}");
    is_right(&text);
    finds(&broken(&text, "Timeout: 29", "Timeout: 60"), "timeout");
    let to = "TimeoutInMillis: 1\n      IntegrationType: AWS_PROXY";
    let changed = broken(&text, "IntegrationType: AWS_PROXY", to);
    finds(&changed, "template");
}

#[test]
fn fault_f26_a_finding_has_the_cdk_path() {
    let text = broken(
        RAW,
        "    Type: AWS::Lambda::Function\n",
        "    Type: AWS::Lambda::Function\n    Metadata: { 'aws:cdk:path': Stack/Chat/Resource }\n",
    );
    for (timeout, check) in [("Timeout: 60", "timeout"), ("Timeout: 9999", "template")] {
        let finding = finds(&broken(&text, "Timeout: 29", timeout), check);
        assert_eq!(finding.cdk_path.as_deref(), Some("Stack/Chat/Resource"));
    }
}
