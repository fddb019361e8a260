//! Resources that depend on each other, such as a function with permission to invoke itself.

use crate::template::doctor::finding::{Finding, Location};
use crate::template::doctor::input::DoctorInput;
use crate::template::doctor::references;
use crate::template::syntax::Node;
use crate::template::transform::{Resource, resource_type};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Properties that SAM moves into separate resources, which depend on the original resource.
const SEPARATE: [&str; 10] = [
    "Auth",
    "AutoPublishAlias",
    "Connectors",
    "DeploymentPreference",
    "Domain",
    "EventInvokeConfig",
    "Events",
    "FunctionUrlConfig",
    "Policies",
    "Routes",
];

/// For each resource, the resources on which it depends, with the locations of the references.
type Graph = BTreeMap<String, Vec<(String, Location)>>;

pub(super) fn check(input: &DoctorInput<'_>) -> Vec<Finding> {
    let graph = graph(input);
    let mut reported: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    // A function precedes its generated role in the order of the template.
    for resource in &input.evaluator.resources {
        if reported.contains(&&*resource.id) {
            continue;
        }
        if let Some(cycle) = cycle(&graph, &resource.id) {
            reported.extend(cycle.iter().map(|(from, _)| *from));
            found.push(finding(input, &cycle));
        }
    }
    found
}

/// Returns the id of the role that SAM generates for a resource.
fn generated_role(input: &DoctorInput<'_>, resource: &Resource) -> Option<String> {
    let properties = &resource.properties;
    let has_role = properties.non_null("Role").is_some();
    let role = input.resource(&format!("{}Role", resource.id))?;
    (role.generated && !has_role).then(|| role.id.clone())
}

fn graph(input: &DoctorInput<'_>) -> Graph {
    let evaluator = input.evaluator;
    let mut graph = Graph::new();
    let exists = |id: &str| input.resource(id).is_some();
    let mut add = |from: &str, node: &Node, owner: &Resource| {
        let edges = references::of(evaluator, node)
            .into_iter()
            .filter(|one| one.certain && exists(&one.id));
        let edges = edges.map(|one| (one.id, one.location.within(owner)));
        graph.entry(from.to_owned()).or_default().extend(edges);
    };
    for resource in &evaluator.resources {
        let sam = resource.resource_type.starts_with("AWS::Serverless::");
        for entry in resource.properties.entries() {
            if !sam || !SEPARATE.contains(&&*entry.key) {
                add(&resource.id, &entry.value, resource);
            }
        }
    }
    for resource in &evaluator.resources {
        let edges = graph.entry(resource.id.clone()).or_default();
        if let Some(role) = generated_role(input, resource) {
            edges.push((role, Location::of(resource, &[])));
        }
        for node in input.depends_on(&resource.id) {
            if let Some(id) = node.as_text() {
                edges.push((id.to_owned(), Location::from(node).within(resource)));
            }
        }
    }
    graph
}

/// Returns the shortest path from a resource to itself: the start and the location of each step.
fn cycle<'g>(graph: &'g Graph, start: &str) -> Option<Vec<(&'g str, &'g Location)>> {
    let mut came_from: HashMap<&str, (&'g str, &'g Location)> = HashMap::new();
    let (start, _) = graph.get_key_value(start)?;
    let mut queue = VecDeque::from([&**start]);
    while let Some(id) = queue.pop_front() {
        for (next, location) in graph.get(id).into_iter().flatten() {
            if came_from.contains_key(&**next) {
                continue;
            }
            came_from.insert(next, (id, location));
            if next == start {
                let mut steps = Vec::new();
                let mut at = &**start;
                loop {
                    let step = came_from[at];
                    steps.push(step);
                    at = step.0;
                    if at == start {
                        steps.reverse();
                        return Some(steps);
                    }
                }
            }
            queue.push_back(next);
        }
    }
    None
}

fn finding(input: &DoctorInput<'_>, cycle: &[(&str, &Location)]) -> Finding {
    let kind = |id: &str| input.resource(id).map_or("", |one| &*one.resource_type);
    let is_function = |id: &str| {
        matches!(
            kind(id),
            resource_type::SAM_FUNCTION | resource_type::FUNCTION
        )
    };
    let is_policy = |id: &str| kind(id).starts_with("AWS::IAM::");
    let mut names: Vec<_> = cycle.iter().map(|(id, _)| format!("`{id}`")).collect();
    names.extend(names.first().cloned());
    let what = format!("circular dependency: {}", names.join(" -> "));
    let function = cycle.iter().map(|(id, _)| *id).find(|id| is_function(id));
    // The last step from a policy leads to the function.
    let mut steps = cycle.iter().rev();
    let by_policy = steps.find(|(from, _)| is_policy(from));
    let (fix, location) = match (function, by_policy) {
        (Some(id), Some((_, location))) => (by_name(id), *location),
        (Some(id), None) if cycle.len() == 1 => {
            let fix = format!(
                "remove the reference to `{id}` from its own properties, and read its name from the variable `AWS_LAMBDA_FUNCTION_NAME`"
            );
            (fix, cycle[0].1)
        }
        _ => {
            let fix = "replace one of these references with a fixed name".to_owned();
            (fix, cycle[0].1)
        }
    };
    let finding = Finding::mistake(location.clone(), what)
        .effect("CloudFormation rejects the template: `Circular dependency between resources`")
        .fix(fix);
    match by_policy {
        Some(_) if function.is_some() => finding.cdk_fix(
            "instead of `handler.grantInvoke(handler)`, add a `new Policy(..)` with `roles: [handler.role!]` and this statement",
        ),
        _ => finding,
    }
}

/// Returns the fix that allows a function to invoke itself.
fn by_name(id: &str) -> String {
    format!(
        "move the statement that contains `{id}` to a separate `AWS::IAM::Policy`, attached to the role with `Roles`; or \
         give the function a fixed `FunctionName` and write \
         `!Sub arn:${{AWS::Partition}}:lambda:${{AWS::Region}}:${{AWS::AccountId}}:function:NAME`"
    )
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::tests::{RAW, SAM, broken, finds, is_right, without};

    const BESIDE: &str = "  ChatInvokesItself:
    Type: AWS::IAM::Policy
    Properties:
      PolicyName: invokes-itself
      Roles: [!Ref ChatRole]
      PolicyDocument:
        Statement: { Effect: Allow, Action: lambda:InvokeFunction, Resource: !GetAtt Chat.Arn }
";

    /// Returns the template with the statement for this resource in the function's own policies.
    fn within(resource: &str) -> String {
        let statement = format!(
            "      Policies:\n        - Statement: {{ Effect: Allow, Action: lambda:InvokeFunction, Resource: {resource} }}\n"
        );
        broken(&without(SAM, BESIDE), "      Policies:\n", &statement)
    }

    #[test]
    fn fault_f28_a_function_in_its_own_policies_is_a_circular_dependency() {
        for resource in [
            "!GetAtt Chat.Arn",
            "!Sub '${Chat.Arn}:*'",
            "!Sub 'arn:aws:lambda:us-east-1:1:function:${Chat}'",
        ] {
            let text = within(resource);
            let finding = finds(&text, "circular-dependency");
            let expected = "circular dependency: `Chat` -> `ChatRole` -> `Chat`";
            assert_eq!(finding.what, expected);
            let line = text.lines().nth(finding.line - 1).expect("a line");
            assert!(line.contains("lambda:InvokeFunction"), "{line}");
        }
    }

    #[test]
    fn fault_f28_both_suggested_fixes_work() {
        is_right(SAM);
        let name =
            "!Sub 'arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:function:chat'";
        let fixed = within(name);
        is_right(&broken(
            &fixed,
            "      CodeUri: .\n",
            "      CodeUri: .\n      FunctionName: chat\n",
        ));
    }

    #[test]
    fn fault_f28_a_function_that_depends_on_its_own_policy_is_a_circular_dependency() {
        // The shape of CDK's `grantInvoke`.
        let text = broken(
            RAW,
            "    Type: AWS::Lambda::Function\n",
            "    Type: AWS::Lambda::Function\n    DependsOn: [Itself, Role]\n    Metadata: { 'aws:cdk:path': Stack/Chat/Resource }\n",
        );
        let finding = finds(&text, "circular-dependency");
        let expected = "circular dependency: `Stack/Chat` -> `Itself` -> `Stack/Chat`";
        assert_eq!(finding.what, expected);
        let expected = "add a `new Policy(..)` with `roles: [handler.role!]`";
        assert!(finding.fix.contains(expected), "{finding:?}");
    }

    #[test]
    fn a_variable_that_refers_to_its_function_is_a_circular_dependency() {
        let variable = "          CONNECTIONS_TABLE:";
        let to = format!("          SELF: !Ref Chat\n{variable}");
        let text = broken(SAM, variable, &to);
        let finding = finds(&text, "circular-dependency");
        let expected = "AWS_LAMBDA_FUNCTION_NAME";
        assert!(finding.fix.contains(expected), "{finding:?}");
    }
}
