//! The permissions that a function with this library requires.

use crate::template::doctor::cdk;
use crate::template::doctor::effective_permissions::EffectivePermissions;
use crate::template::doctor::finding::{Finding, Location};
use crate::template::doctor::input::{DoctorInput, RoutedFunction};

const MANAGE: &str = "execute-api:ManageConnections";
/// The methods to send to a connection, to query it and to close it.
const VERBS: [&str; 3] = ["POST", "GET", "DELETE"];
/// The actions of the library. A transaction requires the permissions of its parts.
const DYNAMODB: [&str; 7] = [
    "BatchGetItem",
    "BatchWriteItem",
    "DeleteItem",
    "GetItem",
    "PutItem",
    "Query",
    "UpdateItem",
];

/// Returns the location of the permission, or of the property that should contain it.
pub(super) fn location(
    permissions: &EffectivePermissions<'_>,
    function: &RoutedFunction<'_>,
    action: &str,
) -> Location {
    let own = || match function.resource.properties.entry("Policies") {
        Some(_) => Location::of(function.resource, &["Policies"]),
        None => Location::of(function.resource, &["Role"]),
    };
    let granted = permissions.location(action);
    granted.map_or_else(own, |one| one.within(function.resource))
}

/// Returns the words separated by commas, with `and` before the last word.
fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Whether a function has permission to send to, query and close its connections (conformance G3).
pub(super) fn connections(input: &DoctorInput<'_>) -> Vec<Finding> {
    let options = &input.evaluator.options;
    let mut findings = Vec::new();
    for function in input.library_functions() {
        let permissions = EffectivePermissions::of(input, function.resource);
        for api in &function.apis {
            let allowed_in = |stage: &str, verb: &str| {
                let path = format!("{}/{stage}/{verb}/@connections/id", api.id);
                permissions.allows(MANAGE, &options.arn("execute-api", &path))
            };
            let allowed = |verb: &str| match api.known_stages() {
                Some(stages) if !api.id.is_empty() => {
                    stages.iter().all(|stage| allowed_in(stage, verb))
                }
                _ => permissions.allows_any(MANAGE),
            };
            let denied: Vec<_> = VERBS.into_iter().filter(|verb| !allowed(verb)).collect();
            if denied.is_empty() {
                continue;
            }
            let (id, verbs) = (&function.resource.id, listed(&denied));
            let what = format!(
                "function `{id}` has no permission to {verbs} the connections of API `{}`",
                api.name
            );
            let effect = match denied.contains(&"POST") {
                true => "every message to a client fails with 403",
                false => {
                    "calls that confirm a gone connection (410) or close a connection fail with 403"
                }
            };
            let fix = format!(
                "allow `{MANAGE}` on `arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:\
                 {}/*/*/@connections/*`, or only for {}",
                api.reference(),
                listed(&VERBS)
            );
            let cdk_fix = match api.resource.is_some_and(cdk::has_methods) {
                true => "call `webSocketApi.grantManageConnections(handler)`".to_owned(),
                false => format!(
                    "call `handler.addToRolePolicy(..)` with the action `{MANAGE}` on the API's ARN, followed by \
                     `/*/*/@connections/*`"
                ),
            };
            findings.push(
                Finding::mistake(location(&permissions, &function, MANAGE), what)
                    .effect(effect)
                    .fix(fix)
                    .cdk_fix(cdk_fix),
            );
        }
    }
    findings
}

/// Whether a function has permission to use its table.
pub(super) fn dynamodb(input: &DoctorInput<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for function in input.library_functions() {
        let Some(table) = input.connections_table(&function) else {
            continue;
        };
        let resource = format!("table/{}", table.name);
        let arn = input.evaluator.options.arn("dynamodb", &resource);
        let permissions = EffectivePermissions::of(input, function.resource);
        let has_known_name = input.has_known_name(&table.logical_id, "TableName");
        let denied = DYNAMODB.into_iter().filter(|action| {
            let action = format!("dynamodb:{action}");
            match has_known_name {
                true => !permissions.allows(&action, &arn),
                false => !permissions.allows_any(&action),
            }
        });
        let denied: Vec<_> = denied.collect();
        if denied.is_empty() {
            continue;
        }
        let allowed = DYNAMODB.into_iter().find(|action| !denied.contains(action));
        let allowed = allowed.unwrap_or("GetItem");
        let location = location(&permissions, &function, &format!("dynamodb:{allowed}"));
        let what = format!(
            "function `{}` has no permission for {} on table `{}`",
            function.resource.id,
            listed(&denied),
            table.logical_id
        );
        let names = denied.iter().map(|name| format!("`dynamodb:{name}`"));
        let names: Vec<_> = names.collect();
        let fix = format!(
            "allow {} on `!GetAtt {}.Arn`",
            names.join(", "),
            table.logical_id
        );
        found.push(
            Finding::mistake(location, what)
                .effect("these calls fail with `AccessDeniedException`, so handshakes fail or closed connections remain")
                .fix(fix)
                .cdk_fix("call `table.grantReadWriteData(handler)`"),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::checks::function_permissions::DYNAMODB;
    use crate::template::doctor::tests::{SAM, broken, finds, is_right};

    const ANY: &str = "${Api}/*/*/@connections/*";

    #[test]
    fn a_function_requires_permission_to_send_to_query_and_close_connections() {
        for (resource, expected) in [
            (
                "${Api}/dev/POST/@connections/*",
                "no permission to GET and DELETE the",
            ),
            ("${Api}/prod/*", "no permission to POST, GET and DELETE the"),
            ("other/*", "no permission to POST, GET and DELETE the"),
        ] {
            let finding = finds(&broken(SAM, ANY, resource), "manage-connections");
            assert!(finding.what.contains(expected), "{}", finding.what);
        }
        let text = broken(SAM, "execute-api:ManageConnections", "execute-api:Invoke");
        let finding = finds(&text, "manage-connections");
        assert!(finding.effect.contains("403"), "{finding:?}");
        for right in ["${Api}/*", "*/dev/*/@connections/*", "${Other}/*"] {
            let text = broken(SAM, ANY, right);
            is_right(&broken(
                &text,
                "Resources:\n",
                "Parameters:\n  Other: { Type: String }\nResources:\n",
            ));
        }
    }

    #[test]
    fn a_function_requires_permission_to_use_its_table() {
        for action in DYNAMODB {
            let text = broken(SAM, &format!("dynamodb:{action},"), "");
            let finding = finds(&text, "dynamodb-actions");
            assert!(
                finding
                    .what
                    .contains(&format!("no permission for {action} on")),
                "{}",
                finding.what
            );
        }
    }

    #[test]
    fn all_forms_of_policies_are_read() {
        let crud = "        - DynamoDBCrudPolicy: { TableName: !Ref Connections }\n";
        let to = format!("      Policies:\n{crud}");
        let with_crud = broken(SAM, "      Policies:\n", &to);
        is_right(&broken(&with_crud, "dynamodb:", "sqs:"));
        let managed = "        - AmazonAPIGatewayInvokeFullAccess\n";
        let to = format!("      Policies:\n{managed}");
        let with_managed = broken(SAM, "      Policies:\n", &to);
        is_right(&broken(
            &with_managed,
            "execute-api:ManageConnections",
            "execute-api:Invoke",
        ));
        for unknown in [
            "CompanyPolicy",
            "!ImportValue Policy",
            "!Sub 'arn:aws:iam::1:policy/x'",
        ] {
            let line = format!("      Policies:\n        - {unknown}\n");
            let text = broken(SAM, "      Policies:\n", &line);
            let changed = broken(&text, "execute-api:ManageConnections", "sqs:SendMessage");
            is_right(&changed);
        }
    }

    #[test]
    fn a_role_outside_the_template_is_not_examined() {
        let role = "      Role: arn:aws:iam::123456789012:role/chat\n      Timeout: 29\n";
        let text = broken(SAM, "      Timeout: 29\n", role);
        let changed = broken(&text, "execute-api:ManageConnections", "sqs:SendMessage");
        is_right(&changed);
    }
}
