//! The retention of logs.

use crate::template::doctor::finding::{Finding, Location};
use crate::template::doctor::input::DoctorInput;
use crate::template::doctor::references::referenced_resource;
use crate::template::evaluate::resource_names;
use crate::template::transform::{Resource, resource_type};

const RETENTION: &str = "RetentionInDays";
/// The custom resource of the property `logRetention` in the CDK.
const CDK_RETENTION: &str = "Custom::LogRetention";

pub(super) fn check(input: &DoctorInput<'_>) -> Vec<Finding> {
    let functions = input.routed_functions();
    functions
        .filter_map(|function| of(input, function.resource))
        .collect()
}

fn of(input: &DoctorInput<'_>, function: &Resource) -> Option<Finding> {
    let evaluator = input.evaluator;
    let name = resource_names::function(evaluator, function).ok()?;
    let config = function.properties.entry("LoggingConfig");
    let config = config.and_then(|config| evaluator.value(config).ok());
    let group = match config.as_ref().and_then(|config| config.entry("LogGroup")) {
        // A log group with a fixed name or outside the template is not examined.
        Some(node) => Some(input.resource(&referenced_resource(node)?)?),
        None => {
            let default = format!("/aws/lambda/{name}");
            let named = |group: &&Resource| evaluator.property(group, "LogGroupName");
            let mut groups = evaluator.of_type(resource_type::LOG_GROUP);
            let mut retentions = evaluator.of_type(CDK_RETENTION);
            let group = groups.find(|group| named(group).is_none_or(|group| group == default));
            group.or_else(|| retentions.find(|one| named(one).as_ref() == Some(&default)))
        }
    };
    let finding = match group {
        Some(group) if group.properties.entry(RETENTION).is_some() => return None,
        Some(group) => {
            let what = format!("log group `{}` never deletes its logs", group.id);
            Finding::remark(Location::of(group, &[]), what)
                .fix(format!("write `{RETENTION}: 14`"))
                .cdk_fix("write `retention: RetentionDays.TWO_WEEKS` in the properties of the `LogGroup`")
        }
        None => {
            let what = format!(
                "function `{}` has no log group with a retention, so its logs are never deleted",
                function.id
            );
            let fix = format!(
                "add an `AWS::Logs::LogGroup` with `{RETENTION}: 14`, and `LoggingConfig: {{ LogGroup: !Ref Logs }}` to the function"
            );
            Finding::remark(Location::of(function, &["LoggingConfig"]), what)
                .fix(fix)
                .cdk_fix(
                    "write `logGroup: new LogGroup(this, 'Logs', { retention: RetentionDays.TWO_WEEKS })` in the properties of the function",
                )
        }
    };
    Some(finding.effect("the cost of the stored logs increases every month"))
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::finding::Weight;
    use crate::template::doctor::tests::{SAM, broken, finds, is_right, without};

    #[test]
    fn a_log_group_without_retention_is_a_remark() {
        for (from, to) in [
            (
                "      RetentionInDays: 14\n",
                "      LogGroupClass: STANDARD\n",
            ),
            ("      LoggingConfig: { LogGroup: !Ref Logs }\n", ""),
        ] {
            let text = broken(SAM, from, to);
            let text = text.replace(
                "Type: AWS::Logs::LogGroup",
                match to {
                    "" => "Type: AWS::SNS::Topic",
                    _ => "Type: AWS::Logs::LogGroup",
                },
            );
            assert_eq!(finds(&text, "log-retention").weight, Weight::Remark);
        }
        let named = without(SAM, "      LoggingConfig: { LogGroup: !Ref Logs }\n");
        let retention = "      RetentionInDays: 14\n";
        let group = format!("{retention}      LogGroupName: !Sub /aws/lambda/${{Chat}}\n");
        is_right(&broken(&named, retention, &group));
    }
}
