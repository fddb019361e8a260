//! The resources that a value names.

use super::super::condition;
use super::super::node::Node;
use super::super::scope::Scope;
use super::place::Place;
use super::subject::Subject;

use super::finding::Found;

/// One `Ref`, `Fn::GetAtt`, or variable of `Fn::Sub`.
pub(super) struct Reference {
    /// The logical id, or the name of a parameter.
    pub(super) id: String,
    pub(super) place: Place,
    /// Whether the reference exists whatever the conditions are.
    pub(super) certain: bool,
}

/// All references in a value. Branches of `Fn::If` that are not taken are left out.
pub(super) fn of(scope: &Scope<'_>, node: &Node) -> Vec<Reference> {
    let mut found = Vec::new();
    collect(scope, node, true, &mut found);
    found
}

/// Templates are at most 64 levels deep, so that this recursion ends.
fn collect(scope: &Scope<'_>, node: &Node, certain: bool, found: &mut Vec<Reference>) {
    let mut add = |id: &str| {
        found.push(Reference {
            id: id.split('.').next().unwrap_or(id).to_owned(),
            place: Place::from(node),
            certain,
        });
    };
    match node.intrinsic() {
        Some(("Ref", name)) => name.as_text().into_iter().for_each(add),
        Some(("Fn::GetAtt", argument)) => {
            let first = argument.as_list().and_then(<[Node]>::first);
            first
                .unwrap_or(argument)
                .as_text()
                .into_iter()
                .for_each(add);
        }
        Some(("Fn::Sub", argument)) => {
            let parts = argument.as_list();
            let text = parts.and_then(<[Node]>::first).unwrap_or(argument);
            let variables = parts.and_then(|parts| parts.get(1));
            for name in variables_of(text.as_text().unwrap_or_default()) {
                if variables.is_none_or(|own| own.entry(name).is_none()) {
                    add(name);
                }
            }
            for entry in variables.map(Node::entries).unwrap_or_default() {
                collect(scope, &entry.value, certain, found);
            }
        }
        Some(("Fn::If", argument)) => {
            if let Some([name, yes, no]) = argument.as_list() {
                match condition::named(scope, name) {
                    Ok(true) => collect(scope, yes, certain, found),
                    Ok(false) => collect(scope, no, certain, found),
                    Err(_) => {
                        collect(scope, yes, false, found);
                        collect(scope, no, false, found);
                    }
                }
            }
        }
        _ => {
            for item in node.as_list().unwrap_or_default() {
                collect(scope, item, certain, found);
            }
            for entry in node.entries() {
                collect(scope, &entry.value, certain, found);
            }
        }
    }
}

/// The names in `${..}`.
fn variables_of(text: &str) -> impl Iterator<Item = &str> {
    let parts = text.split("${").skip(1);
    parts
        .filter_map(|part| Some(part.split_once('}')?.0.trim()))
        .filter(|name| !name.starts_with('!') && !name.is_empty())
}

/// That every reference names something.
pub(super) fn look(subject: &Subject<'_, '_>) -> Vec<Found> {
    let scope = subject.scope;
    if subject.is_open() {
        return Vec::new();
    }
    let parameters = subject.root.entry("Parameters");
    let exists = |id: &str| {
        let generated = |one: &&super::super::resource::Resource| {
            one.kind.starts_with("AWS::Serverless::") && id.starts_with(&one.id)
        };
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
    use super::super::tests::{SAM, broken, finds, is_right};

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
