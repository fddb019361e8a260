//! The permissions that a function of the library needs.

use crate::template::doctor::checks::connections_table;
use crate::template::doctor::effective_permissions::EffectivePermissions;
use crate::template::doctor::finding::Found;
use crate::template::doctor::input::{DoctorInput, RoutedFunction, named};
use crate::template::doctor::location::Location;
use crate::template::resources::function;

const MANAGE: &str = "execute-api:ManageConnections";
/// Posting, asking whether a connection is open, closing.
const VERBS: [&str; 3] = ["POST", "GET", "DELETE"];
/// The library's calls; transactions need the permissions of their parts.
const DYNAMODB: [&str; 7] = [
    "BatchGetItem",
    "BatchWriteItem",
    "DeleteItem",
    "GetItem",
    "PutItem",
    "Query",
    "UpdateItem",
];
const INVOKE: &str = "lambda:InvokeFunction";

/// The place where the permission is given, or where it belongs.
fn location(
    permissions: &EffectivePermissions<'_, '_, '_>,
    handler: &RoutedFunction<'_, '_>,
    action: &str,
) -> Location {
    let own = || match handler.resource.properties.entry("Policies") {
        Some(_) => Location::of(handler.resource, &["Policies"]),
        None => Location::of(handler.resource, &["Role"]),
    };
    permissions.location(action).unwrap_or_else(own)
}

/// Words with commas, and an `and` before the last.
fn listed(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Whether it may post to, ask for and close its connections (conformance G3).
pub(super) fn manage_connections(input: &DoctorInput<'_, '_>) -> Vec<Found> {
    let options = &input.evaluator.options;
    let mut found = Vec::new();
    for handler in input.handlers() {
        let permissions = EffectivePermissions::of(input, handler.resource);
        for api in &handler.apis {
            let arn = |stage: &str, verb: &str| {
                format!(
                    "arn:aws:execute-api:{}:{}:{}/{stage}/{verb}/@connections/id",
                    options.region, options.account, api.id
                )
            };
            let allowed = |verb: &&str| match api.known_stages() {
                Some(stages) if !api.id.is_empty() => stages
                    .iter()
                    .all(|stage| permissions.allows(MANAGE, &arn(stage, verb))),
                _ => permissions.allows_any(MANAGE),
            };
            let denied: Vec<_> = VERBS.into_iter().filter(|verb| !allowed(verb)).collect();
            if denied.is_empty() {
                continue;
            }
            let (id, verbs) = (&handler.resource.id, listed(&denied));
            let what = format!(
                "function `{id}` may not {verbs} the connections of API `{}`",
                api.name
            );
            let effect = match denied.contains(&"POST") {
                true => "every message to a client fails with 403",
                false => {
                    "the function cannot confirm that a connection is gone, or cannot close one: 403"
                }
            };
            let fix = format!(
                "allow `{MANAGE}` on `arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:\
                 {}/*/*/@connections/*`, or only for {}",
                api.reference(),
                listed(&VERBS)
            );
            found.push(
                Found::mistake(location(&permissions, &handler, MANAGE), what)
                    .effect(effect)
                    .fix(fix),
            );
        }
    }
    found
}

/// Whether it may use its table.
pub(super) fn dynamodb(input: &DoctorInput<'_, '_>) -> Vec<Found> {
    let options = &input.evaluator.options;
    let mut found = Vec::new();
    for handler in input.handlers() {
        let Some(table) = connections_table::of(input, &handler) else {
            continue;
        };
        let arn = format!(
            "arn:aws:dynamodb:{}:{}:table/{}",
            options.region, options.account, table.name
        );
        let permissions = EffectivePermissions::of(input, handler.resource);
        let allowed = |action: &str| match input.has_known_name(&table.logical_id, "TableName") {
            true => permissions.allows(action, &arn),
            false => permissions.allows_any(action),
        };
        let denied = DYNAMODB
            .into_iter()
            .filter(|action| !allowed(&format!("dynamodb:{action}")));
        let denied: Vec<_> = denied.collect();
        if denied.is_empty() {
            continue;
        }
        let allowed = DYNAMODB.into_iter().find(|action| !denied.contains(action));
        let allowed = allowed.unwrap_or("GetItem");
        let location = location(&permissions, &handler, &format!("dynamodb:{allowed}"));
        let what = format!(
            "function `{}` may not {} in table `{}`",
            handler.resource.id,
            listed(&denied),
            table.logical_id
        );
        let names: Vec<_> = denied
            .iter()
            .map(|name| format!("`dynamodb:{name}`"))
            .collect();
        let fix = format!(
            "allow {} on `!GetAtt {}.Arn`",
            names.join(", "),
            table.logical_id
        );
        found.push(
            Found::mistake(location, what)
                .effect("these calls fail with `AccessDeniedException`: handshakes fail, or closed connections remain")
                .fix(fix),
        );
    }
    found
}

/// Whether it may invoke itself, for follow-up tasks.
pub(super) fn itself(input: &DoctorInput<'_, '_>) -> Vec<Found> {
    let options = &input.evaluator.options;
    let mut found = Vec::new();
    for handler in input.handlers() {
        let resource = handler.resource;
        let Ok(name) = function::name(input.evaluator, resource) else {
            continue;
        };
        let arn = format!(
            "arn:aws:lambda:{}:{}:function:{name}",
            options.region, options.account
        );
        let permissions = EffectivePermissions::of(input, resource);
        let known = input.has_known_name(&resource.id, "FunctionName");
        if permissions.allows(INVOKE, &arn)
            || permissions.allows(INVOKE, &format!("{arn}:live"))
            || !known && permissions.allows_any(INVOKE)
        {
            continue;
        }
        let id = &resource.id;
        let role = match resource
            .properties
            .entry("Role")
            .filter(|role| !role.is_null())
        {
            Some(role) => named(role).unwrap_or_else(|| "Role".to_owned()),
            None => format!("{id}Role"),
        };
        let what = format!("function `{id}` may not invoke itself");
        let fix = format!(
            "if it uses `opened` or large broadcasts, add an `AWS::IAM::Policy` of its own with `Roles: [!Ref {role}]` \
             that allows `{INVOKE}` on `!GetAtt {id}.Arn`; a policy inside of the function or its role would be a \
             circular dependency"
        );
        found.push(
            Found::remark(location(&permissions, &handler, INVOKE), what)
                .effect("`opened` does not run, and a broadcast that exceeds one invocation is not completed")
                .fix(fix),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::checks::function_permissions::DYNAMODB;
    use crate::template::doctor::finding::Weight;
    use crate::template::doctor::tests::{SAM, all, broken, finds, is_right};

    const ANY: &str = "${Api}/*/*/@connections/*";

    #[test]
    fn a_function_may_post_ask_and_close() {
        for (resource, said) in [
            (
                "${Api}/dev/POST/@connections/*",
                "may not GET and DELETE the",
            ),
            ("${Api}/prod/*", "may not POST, GET and DELETE the"),
            ("other/*", "may not POST, GET and DELETE the"),
        ] {
            let finding = finds(&broken(SAM, ANY, resource), "manage-connections");
            assert!(finding.what.contains(said), "{}", finding.what);
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
    fn a_function_may_use_its_table() {
        for action in DYNAMODB {
            let text = broken(SAM, &format!("dynamodb:{action},"), "");
            let finding = finds(&text, "dynamodb-actions");
            assert!(
                finding.what.contains(&format!("may not {action} in")),
                "{}",
                finding.what
            );
        }
    }

    #[test]
    fn policies_are_read_however_they_are_written() {
        let crud = "        - DynamoDBCrudPolicy: { TableName: !Ref Connections }\n";
        let with_crud = broken(
            SAM,
            "      Policies:\n",
            &format!("      Policies:\n{crud}"),
        );
        is_right(&broken(&with_crud, "dynamodb:", "sqs:"));
        let managed = "        - AmazonAPIGatewayInvokeFullAccess\n";
        let with_managed = broken(
            SAM,
            "      Policies:\n",
            &format!("      Policies:\n{managed}"),
        );
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
            is_right(&broken(
                &text,
                "execute-api:ManageConnections",
                "sqs:SendMessage",
            ));
        }
    }

    #[test]
    fn a_role_from_elsewhere_is_not_judged() {
        let role = "      Role: arn:aws:iam::123456789012:role/chat\n      Timeout: 29\n";
        let text = broken(SAM, "      Timeout: 29\n", role);
        is_right(&broken(
            &text,
            "execute-api:ManageConnections",
            "sqs:SendMessage",
        ));
    }

    #[test]
    fn a_function_that_may_not_invoke_itself_is_a_remark() {
        let text = broken(
            SAM,
            "Action: lambda:InvokeFunction",
            "Action: lambda:GetFunction",
        );
        let finding = finds(&text, "invoke-itself");
        assert_eq!(finding.weight, Weight::Remark);
        assert!(all(SAM).is_empty());
    }
}
