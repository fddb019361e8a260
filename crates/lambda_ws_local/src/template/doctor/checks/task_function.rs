//! The function that runs follow-up tasks: the function itself, or the one in its variable `TASK_FUNCTION`.

use super::function_permissions::location;
use crate::template::doctor::effective_permissions::EffectivePermissions;
use crate::template::doctor::finding::Finding;
use crate::template::doctor::input::{DoctorInput, TASK_FUNCTION, TaskFunction};
use crate::template::doctor::references::referenced_resource;
use crate::template::evaluate::resource_names;
use crate::template::transform::Resource;

const INVOKE: &str = "lambda:InvokeFunction";

/// Whether a role has permission to invoke a function. The name of the function may be unknown.
fn can_invoke(
    input: &DoctorInput<'_>,
    permissions: &EffectivePermissions<'_>,
    function: &Resource,
) -> bool {
    let Ok(name) = resource_names::function(input.evaluator, function) else {
        return true;
    };
    let arn = input
        .evaluator
        .options
        .arn("lambda", &format!("function:{name}"));
    let known = input.has_known_name(&function.id, "FunctionName");
    permissions.allows(INVOKE, &arn)
        || permissions.allows(INVOKE, &format!("{arn}:live"))
        || !known && permissions.allows_any(INVOKE)
}

/// Returns the logical id of a function's role.
fn role_of(function: &Resource) -> String {
    match function.properties.non_null("Role") {
        Some(role) => referenced_resource(role).unwrap_or_else(|| "Role".to_owned()),
        None => format!("{}Role", function.id),
    }
}

/// Whether a function has permission to invoke itself, for follow-up tasks.
pub(super) fn invoke_itself(input: &DoctorInput<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for function in input.library_functions() {
        let resource = function.resource;
        let permissions = EffectivePermissions::of(input, resource);
        // Another check examines the permission to invoke another function.
        if input.task_function(resource).is_some() || can_invoke(input, &permissions, resource) {
            continue;
        }
        let (id, role) = (&resource.id, role_of(resource));
        let what = format!("function `{id}` has no permission to invoke itself");
        let fix = format!(
            "if it uses `opened` or large broadcasts, add a separate `AWS::IAM::Policy` with `Roles: [!Ref {role}]` \
             that allows `{INVOKE}` on `!GetAtt {id}.Arn`; a policy inside the function or its role is a circular \
             dependency"
        );
        found.push(
            Finding::remark(location(&permissions, &function, INVOKE), what)
                .effect("`opened` does not run, and a broadcast that cannot finish in one invocation is not completed")
                .fix(fix)
                .cdk_fix(format!(
                    "if it uses `opened` or large broadcasts, add a `new Policy(..)` with `roles: [handler.role!]` and a \
                     statement that allows `{INVOKE}` on `handler.functionArn`; `handler.grantInvoke(handler)` is a \
                     circular dependency"
                )),
        );
    }
    found
}

/// Whether the function that runs the tasks of another function exists, and whether that function may invoke it.
pub(super) fn check(input: &DoctorInput<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for function in input.library_functions() {
        let (resource, id) = (function.resource, &function.resource.id);
        let of_tasks = match input.task_function(resource) {
            None => continue,
            Some(TaskFunction::Is(of_tasks)) => of_tasks,
            Some(TaskFunction::Missing(name)) => {
                let location = DoctorInput::location_of_variable(resource, TASK_FUNCTION);
                let what = format!(
                    "`{TASK_FUNCTION}` of function `{id}` is `{name}`, and no function of the template has this name"
                );
                let finding = match name.starts_with("arn:") {
                    // The function of another stack may exist.
                    true => Finding::remark(location, what),
                    false => Finding::mistake(location, what),
                };
                let effect = "Lambda rejects follow-up tasks with 404 if the function does not exist: `opened` runs \
                              late, and large broadcasts are not completed";
                found.push(
                    finding
                        .effect(effect)
                        .fix("name a function with the same program, as in `!Ref Tasks`")
                        .cdk_fix("write the `functionName` of a function with the same program"),
                );
                continue;
            }
        };
        let permissions = EffectivePermissions::of(input, resource);
        if can_invoke(input, &permissions, of_tasks) {
            continue;
        }
        let (other, role) = (&of_tasks.id, role_of(resource));
        let what = format!(
            "function `{id}` has no permission to invoke function `{other}`, which runs its follow-up tasks"
        );
        let fix = format!(
            "add a separate `AWS::IAM::Policy` with `Roles: [!Ref {role}]` that allows `{INVOKE}` on \
             `!GetAtt {other}.Arn` and on `!Sub ${{{other}.Arn}}:*`"
        );
        found.push(
            Finding::mistake(location(&permissions, &function, INVOKE), what)
                .effect("Lambda rejects follow-up tasks with 403: `opened` runs late, and large broadcasts are not completed")
                .fix(fix)
                .cdk_fix("call `tasks.grantInvoke(handler)`"),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::finding::Weight;
    use crate::template::doctor::tests::{SAM, all, broken, finds, is_right};

    #[test]
    fn a_function_without_permission_to_invoke_itself_is_a_remark() {
        let to = "Action: lambda:GetFunction";
        let text = broken(SAM, "Action: lambda:InvokeFunction", to);
        let finding = finds(&text, "invoke-itself");
        assert_eq!(finding.weight, Weight::Remark);
        assert!(all(SAM).is_empty());
    }

    /// The template with a function for tasks, whose role is the one of `Chat`.
    fn with_tasks() -> String {
        let text = broken(
            SAM,
            "          CONNECTIONS_TABLE: !Ref Connections\n",
            "          CONNECTIONS_TABLE: !Ref Connections\n          TASK_FUNCTION: !Ref Tasks\n",
        );
        let text = broken(
            &text,
            "Resource: !GetAtt Chat.Arn }",
            "Resource: !GetAtt Tasks.Arn }",
        );
        let of_tasks = "
  Tasks:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: .
      Handler: bootstrap
      Runtime: provided.al2023
      Timeout: 300
      Role: !GetAtt ChatRole.Arn
      LoggingConfig: { LogGroup: !Ref Logs }
      Environment:
        Variables:
          CONNECTIONS_TABLE: !Ref Connections
          AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI: !Sub https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/dev
";
        format!("{text}{of_tasks}")
    }

    #[test]
    fn a_function_that_runs_the_tasks_of_another_one_is_examined_too() {
        let text = with_tasks();
        is_right(&text);
        assert!(all(&text).is_empty());
        let tasks = "      Role: !GetAtt ChatRole.Arn\n";
        let (chat, of_tasks) = text.split_once("  Tasks:\n").unwrap();
        let without_table = broken(of_tasks, "CONNECTIONS_TABLE", "OTHER_TABLE");
        finds(
            &format!("{chat}  Tasks:\n{without_table}"),
            "connections-table",
        );
        let own_role = all(&broken(&text, tasks, ""));
        let found: Vec<_> = own_role.iter().map(|one| one.check).collect();
        let expected = ["manage-connections", "dynamodb-actions", "invoke-itself"];
        assert_eq!(found, expected);
        assert!(own_role.iter().all(|one| one.what.contains("`Tasks`")));
    }

    #[test]
    fn a_function_requires_permission_to_invoke_the_function_of_its_tasks() {
        let text = broken(
            &with_tasks(),
            "Resource: !GetAtt Tasks.Arn }",
            "Resource: !GetAtt Chat.Arn }",
        );
        let all = all(&text);
        let finding = all.iter().find(|one| one.check == "task-function");
        let finding = finding.expect("a finding");
        assert_eq!(finding.weight, Weight::Mistake);
        let expected = "`Chat` has no permission to invoke function `Tasks`";
        assert!(finding.what.contains(expected), "{}", finding.what);
        let version = "Resource: !Sub '${Tasks.Arn}:*' }";
        let text = broken(&with_tasks(), "Resource: !GetAtt Tasks.Arn }", version);
        is_right(&text);
    }

    #[test]
    fn a_function_of_tasks_that_is_missing_is_a_mistake() {
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:Elsewhere";
        for (name, weight) in [("Elsewhere", Weight::Mistake), (arn, Weight::Remark)] {
            let to = format!("TASK_FUNCTION: {name}");
            let text = broken(&with_tasks(), "TASK_FUNCTION: !Ref Tasks", &to);
            let finding = finds(&text, "task-function");
            assert_eq!(finding.weight, weight, "{name}");
            assert!(finding.what.contains(name), "{}", finding.what);
        }
        let unknown = "TASK_FUNCTION: !ImportValue Tasks";
        let text = broken(&with_tasks(), "TASK_FUNCTION: !Ref Tasks", unknown);
        assert!(all(&text).iter().all(|one| one.check != "task-function"));
        let removed = broken(&with_tasks(), "\n  Tasks:\n", "\n  Other:\n");
        assert!(all(&removed).iter().any(|one| one.check == "references"));
    }
}
