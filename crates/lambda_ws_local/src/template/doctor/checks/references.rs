//! References to names that are not in the template.

use crate::template::doctor::finding::{Finding, Location};
use crate::template::doctor::input::DoctorInput;
use crate::template::doctor::references;
use crate::template::transform::Resource;

pub(super) fn check(input: &DoctorInput<'_>) -> Vec<Finding> {
    let evaluator = input.evaluator;
    if input.has_unwritten_resources() {
        return Vec::new();
    }
    let exists = |id: &str| {
        let generated = |one: &&Resource| {
            one.resource_type.starts_with("AWS::Serverless::") && id.starts_with(&one.id)
        };
        id.starts_with("AWS::")
            || id.starts_with("Serverless")
            || input.has_parameter(id)
            || evaluator.resources.iter().any(|one| one.id == id)
            || evaluator.resources.iter().find(generated).is_some()
            || evaluator
                .resource(id, 0)
                .err()
                .is_some_and(|problem| problem.missing_name().is_none())
    };
    let mut found = Vec::new();
    let mut add = |id: &str, location: Location, owner: &str| {
        let what = format!("{owner} refers to `{id}`, which is not in the template");
        found.push(
            Finding::mistake(location, what)
                .effect("CloudFormation rejects the template")
                .fix("correct the name, or add the resource or parameter"),
        );
    };
    for resource in evaluator.resources.iter().filter(|one| !one.generated) {
        let owner = format!("`{}`", resource.id);
        for one in references::of(evaluator, &resource.properties) {
            if !exists(&one.id) {
                add(&one.id, one.location.within(resource), &owner);
            }
        }
        for node in input.depends_on(&resource.id) {
            let id = node.as_text().unwrap_or_default();
            if !id.is_empty() && !exists(id) {
                let owner = format!("`DependsOn` of {owner}");
                add(id, Location::from(node).within(resource), &owner);
            }
        }
    }
    for output in input.root.entries_of("Outputs") {
        let value = output.value.entry("Value");
        let references = value.map(|node| references::of(evaluator, node));
        for one in references.unwrap_or_default() {
            if !exists(&one.id) {
                add(&one.id, one.location, &format!("output `{}`", output.key));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::tests::{SAM, broken, finds, is_right};

    #[test]
    fn fault_f2_a_reference_to_a_missing_name_is_found_in_all_parts() {
        for (from, to) in [
            ("RetentionInDays: 14", "RetentionInDays: !Ref Days"),
            (
                "RetentionInDays: 14",
                "RetentionInDays: 14\n    DependsOn: Nothing",
            ),
            (
                "RetentionInDays: 14",
                "RetentionInDays: 14\nOutputs:\n  Url: { Value: !Sub 'wss://${Apy}/dev' }",
            ),
        ] {
            let finding = finds(&broken(SAM, from, to), "references");
            assert!(finding.what.contains("not in the template"), "{finding:?}");
        }
    }

    #[test]
    fn resources_that_sam_generates_exist() {
        let output = "\nOutputs:\n  Alias: { Value: !Ref ChatAliaslive }\n  Role: { Value: !GetAtt ChatRole.Arn }\n";
        is_right(&format!("{SAM}{output}"));
    }
}
