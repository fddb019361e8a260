//! References to names that are not in the template.

use crate::template::doctor::finding::Found;
use crate::template::doctor::input::Subject;
use crate::template::doctor::location::Place;
use crate::template::doctor::references::of;
use crate::template::syntax::Node;
use crate::template::transform::Resource;

/// That every reference names something.
pub(super) fn look(subject: &Subject<'_, '_>) -> Vec<Found> {
    let scope = subject.scope;
    if subject.is_open() {
        return Vec::new();
    }
    let parameters = subject.root.entry("Parameters");
    let exists = |id: &str| {
        let generated =
            |one: &&Resource| one.kind.starts_with("AWS::Serverless::") && id.starts_with(&one.id);
        id.starts_with("AWS::")
            || id.starts_with("Serverless")
            || parameters.is_some_and(|all| all.entry(id).is_some())
            || scope.resources.iter().any(|one| one.id == id)
            || scope.resources.iter().find(generated).is_some()
            || scope
                .resource(id, 0)
                .err()
                .is_some_and(|problem| problem.missing_name().is_none())
    };
    let mut found = Vec::new();
    let mut add = |id: &str, place: Place, owner: &str| {
        let what = format!("{owner} names `{id}`, which is not in the template");
        found.push(
            Found::mistake(place, what)
                .effect("CloudFormation rejects the template")
                .fix("correct the name, or add the resource or parameter"),
        );
    };
    for resource in scope.resources.iter().filter(|one| !one.generated) {
        let owner = format!("`{}`", resource.id);
        for one in of(scope, &resource.properties) {
            if !exists(&one.id) {
                add(&one.id, one.place.within(resource), &owner);
            }
        }
        for node in subject.depends_on(&resource.id) {
            let id = node.as_text().unwrap_or_default();
            if !id.is_empty() && !exists(id) {
                let owner = format!("`DependsOn` of {owner}");
                add(id, Place::from(node).within(resource), &owner);
            }
        }
    }
    for output in subject
        .root
        .entry("Outputs")
        .map(Node::entries)
        .unwrap_or_default()
    {
        for one in output
            .value
            .entry("Value")
            .map(|node| of(scope, node))
            .unwrap_or_default()
        {
            if !exists(&one.id) {
                add(&one.id, one.place, &format!("output `{}`", output.key));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::tests::{SAM, broken, finds, is_right};

    #[test]
    fn fault_f2_a_reference_to_nothing_is_found_wherever_it_stands() {
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
