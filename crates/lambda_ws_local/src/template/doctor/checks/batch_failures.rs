//! Queues in front of functions of the library, which report each failed message by itself (conformance K11).

use crate::template::doctor::finding::Found;
use crate::template::doctor::input::DoctorInput;
use crate::template::doctor::invocation_target;
use crate::template::doctor::location::Location;
use crate::template::doctor::references;
use crate::template::resources::function::{self, SERVERLESS};
use crate::template::syntax::Node;
use crate::template::transform::Resource;

const TYPES: &str = "FunctionResponseTypes";
const REPORT: &str = "ReportBatchItemFailures";
const MAPPING: &str = "AWS::Lambda::EventSourceMapping";

pub(super) fn look(input: &DoctorInput<'_, '_>) -> Vec<Found> {
    let evaluator = input.evaluator;
    let mut found = Vec::new();
    let mut add = |location: Location, trigger: &str, function: &str| {
        let what = format!(
            "the SQS trigger `{trigger}` of function `{function}` does not have `{TYPES}: [{REPORT}]`"
        );
        found.push(
            Found::mistake(location, what)
                .effect("Lambda deletes the messages that failed, and they are lost")
                .fix(format!("write `{TYPES}: [{REPORT}]`")),
        );
    };
    let users = function::resources(evaluator).filter(|one| input.uses_library(one));
    for function in users.filter(|one| one.kind == SERVERLESS) {
        let events = function.properties.entry("Events").map(Node::entries);
        for event in events.unwrap_or_default() {
            let kind = event.value.entry("Type").and_then(Node::as_text);
            let properties = event.value.entry("Properties");
            if kind == Some("SQS") && !reports(input, properties) {
                let location = Location::of(function, &["Events", &event.key]);
                add(location, &event.key, &function.id);
            }
        }
    }
    for mapping in evaluator.of_kind(MAPPING).filter(|one| !one.generated) {
        let Some(function) = function_of(input, mapping) else {
            continue;
        };
        if input.uses_library(function)
            && is_queue(input, mapping)
            && !reports(input, Some(&mapping.properties))
        {
            add(Location::of(mapping, &[TYPES]), &mapping.id, &function.id);
        }
    }
    found
}

fn reports(input: &DoctorInput<'_, '_>, properties: Option<&Node>) -> bool {
    let Some(types) = properties.and_then(|node| node.entry(TYPES)) else {
        return false;
    };
    // An unknown list may contain it.
    input.evaluator.list(types).map_or(true, |types| {
        types.iter().any(|one| one.as_text() == Some(REPORT))
    })
}

fn function_of<'s>(input: &DoctorInput<'s, '_>, mapping: &Resource) -> Option<&'s Resource> {
    let evaluator = input.evaluator;
    let node = mapping.properties.entry("FunctionName")?;
    match evaluator.text(node) {
        Ok(text) => {
            let (name, _) = invocation_target::parse(&text);
            function::resources(evaluator)
                .find(|one| function::name(evaluator, one).is_ok_and(|own| own == name))
        }
        Err(_) => {
            let names = references::of(evaluator, node);
            function::resources(evaluator).find(|one| names.iter().any(|name| name.id == one.id))
        }
    }
}

fn is_queue(input: &DoctorInput<'_, '_>, mapping: &Resource) -> bool {
    let Some(source) = mapping.properties.entry("EventSourceArn") else {
        return false;
    };
    if let Ok(arn) = input.evaluator.text(source) {
        return arn.contains(":sqs:");
    }
    let names = references::of(input.evaluator, source);
    let mut resources = names.iter().filter_map(|name| input.resource(&name.id));
    resources.any(|one| one.kind == "AWS::SQS::Queue")
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
        assert!(
            finding.what.contains("`Jobs` of function `Chat`"),
            "{finding:?}"
        );
        is_right(&trigger(
            ", FunctionResponseTypes: [ReportBatchItemFailures]",
        ));
    }

    #[test]
    fn fault_m5_so_is_an_event_source_mapping_without_it() {
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
