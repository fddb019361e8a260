//! SQS triggers of functions with this library, which report each failed message (conformance K11).

use crate::template::doctor::finding::{Finding, Location};
use crate::template::doctor::input::DoctorInput;
use crate::template::doctor::{invocation_target, references};
use crate::template::syntax::Node;
use crate::template::transform::{Resource, resource_type};

const TYPES: &str = "FunctionResponseTypes";
const REPORT: &str = "ReportBatchItemFailures";

pub(super) fn check(input: &DoctorInput<'_>) -> Vec<Finding> {
    let evaluator = input.evaluator;
    let users = evaluator.functions().filter(|one| input.uses_library(one));
    let mut findings = Vec::new();
    for function in users.filter(|one| one.resource_type == resource_type::SAM_FUNCTION) {
        for event in function.properties.entries_of("Events") {
            let properties = event.value.entry("Properties");
            if event.value.text_of("Type") == Some("SQS") && !reports(input, properties) {
                let location = Location::of(function, &["Events", &event.key]);
                findings.push(finding(location, &event.key, &function.id));
            }
        }
    }
    let mappings = evaluator.of_type(resource_type::EVENT_SOURCE_MAPPING);
    for mapping in mappings.filter(|one| !one.generated) {
        if let Some(function) = function_of(input, mapping)
            && input.uses_library(function)
            && is_queue(input, mapping)
            && !reports(input, Some(&mapping.properties))
        {
            let location = Location::of(mapping, &[TYPES]);
            findings.push(finding(location, &mapping.id, &function.id));
        }
    }
    findings
}

fn finding(location: Location, trigger: &str, function: &str) -> Finding {
    let what = format!(
        "SQS trigger `{trigger}` of function `{function}` does not have `{TYPES}: [{REPORT}]`"
    );
    Finding::mistake(location, what)
        .effect("Lambda deletes failed messages, and they are lost")
        .fix(format!("write `{TYPES}: [{REPORT}]`"))
        .cdk_fix("write `new SqsEventSource(queue, { reportBatchItemFailures: true })`")
}

fn reports(input: &DoctorInput<'_>, properties: Option<&Node>) -> bool {
    let Some(types) = properties.and_then(|node| node.entry(TYPES)) else {
        return false;
    };
    // An unknown list may contain it.
    input.evaluator.list(types).map_or(true, |types| {
        types.iter().any(|one| one.as_text() == Some(REPORT))
    })
}

fn function_of<'e>(input: &DoctorInput<'e>, mapping: &Resource) -> Option<&'e Resource> {
    let node = mapping.properties.entry("FunctionName")?;
    match input.evaluator.text(node) {
        Ok(text) => input
            .evaluator
            .function_named(invocation_target::parse(&text).0),
        Err(_) => references::function(input.evaluator, node),
    }
}

fn is_queue(input: &DoctorInput<'_>, mapping: &Resource) -> bool {
    let Some(source) = mapping.properties.entry("EventSourceArn") else {
        return false;
    };
    if let Ok(arn) = input.evaluator.text(source) {
        return arn.contains(":sqs:");
    }
    let names = references::of(input.evaluator, source);
    let mut resources = names.iter().filter_map(|name| input.resource(&name.id));
    resources.any(|one| one.resource_type == resource_type::QUEUE)
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::tests::{RAW, SAM, broken, finds, is_right};

    const QUEUE: &str = "\n  Queue: { Type: AWS::SQS::Queue }\n";

    #[test]
    fn fault_m5_an_sqs_trigger_without_report_batch_item_failures_is_a_finding() {
        let trigger = |more: &str| {
            let events = format!(
                "      CodeUri: .\n      Events:\n        Jobs: {{ Type: SQS, Properties: {{ Queue: !GetAtt Queue.Arn{more} }} }}\n"
            );
            format!("{}{QUEUE}", broken(SAM, "      CodeUri: .\n", &events))
        };
        let finding = finds(&trigger(""), "batch-failures");
        let expected = "`Jobs` of function `Chat`";
        assert!(finding.what.contains(expected), "{finding:?}");
        is_right(&trigger(
            ", FunctionResponseTypes: [ReportBatchItemFailures]",
        ));
    }

    #[test]
    fn fault_m5_an_event_source_mapping_without_report_batch_item_failures_is_a_finding() {
        let mapping = |source: &str, more: &str| {
            format!(
                "{RAW}{QUEUE}  Stream: {{ Type: AWS::Kinesis::Stream }}\n  Jobs:\n    Type: AWS::Lambda::EventSourceMapping\n    Properties:\n      FunctionName: !Ref Chat\n      EventSourceArn: {source}\n{more}"
            )
        };
        let report = "      FunctionResponseTypes: [ReportBatchItemFailures]\n";
        for queue in ["!GetAtt Queue.Arn", "arn:aws:sqs:us-east-1:1:jobs"] {
            finds(&mapping(queue, ""), "batch-failures");
            is_right(&mapping(queue, report));
        }
        is_right(&mapping(
            "!GetAtt Stream.Arn",
            "      StartingPosition: LATEST\n",
        ));
    }
}
