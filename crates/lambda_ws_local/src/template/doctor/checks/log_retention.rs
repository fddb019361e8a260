//! The retention of logs.

use crate::template::doctor::finding::{Finding, Location};
use crate::template::doctor::input::DoctorInput;
use crate::template::doctor::references::referenced_resource;
use crate::template::evaluate::resource_names;
use crate::template::transform::resource_type;

const RETENTION: &str = "RetentionInDays";

pub(super) fn check(input: &DoctorInput<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    for function in input.routed_functions() {
        let resource = function.resource;
        let Ok(name) = resource_names::function(input.evaluator, resource) else {
            continue;
        };
        let config = resource.properties.entry("LoggingConfig");
        let config = config.and_then(|config| input.evaluator.value(config).ok());
        let chosen = config.as_ref().and_then(|config| config.entry("LogGroup"));
        let group = match chosen {
            Some(node) => match referenced_resource(node).and_then(|id| input.resource(&id)) {
                Some(group) => Some(group),
                // A group that is named, or from elsewhere.
                None => continue,
            },
            None => input
                .evaluator
                .of_type(resource_type::LOG_GROUP)
                .find(|group| {
                    let own = format!("/aws/lambda/{name}");
                    input
                        .evaluator
                        .property(group, "LogGroupName")
                        .is_none_or(|group| group == own)
                }),
        };
        let (location, what) = match group {
            Some(group) if group.properties.entry(RETENTION).is_some() => continue,
            Some(group) => (
                Location::of(group, &[]),
                format!("log group `{}` never deletes its logs", group.id),
            ),
            None => (
                Location::of(resource, &["LoggingConfig"]),
                format!(
                    "function `{}` has no log group with a retention: its logs are never deleted",
                    resource.id
                ),
            ),
        };
        let fix = match group {
            Some(_) => format!("write `{RETENTION}: 14`"),
            None => format!(
                "add an `AWS::Logs::LogGroup` with `{RETENTION}: 14`, and `LoggingConfig: {{ LogGroup: !Ref Logs }}` to the function"
            ),
        };
        found.push(
            Finding::remark(location, what)
                .effect("the stored logs cost more every month")
                .fix(fix),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::finding::Weight;
    use crate::template::doctor::tests::{SAM, broken, finds, is_right, without};

    #[test]
    fn logs_end() {
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
