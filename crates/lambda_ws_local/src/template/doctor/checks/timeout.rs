//! The timeout of a function. API Gateway waits 29 s (conformance E5), and the default of Lambda is 3 s.

use crate::template::doctor::finding::{Finding, Location};
use crate::template::doctor::input::DoctorInput;
use crate::template::transform::Resource;

/// The maximum time that API Gateway waits, in seconds.
const INTEGRATION: u64 = 29;
/// The default of Lambda, in seconds. A cold start and one slow database call can take longer.
const DEFAULT: u64 = 3;
/// The maximum of Lambda, in seconds. The reader rejects a longer timeout.
const MAX: u64 = 900;

pub(super) fn check(input: &DoctorInput<'_>) -> Vec<Finding> {
    let functions = input.routed_functions();
    functions
        .filter_map(|function| of(input, function.resource))
        .collect()
}

fn of(input: &DoctorInput<'_>, function: &Resource) -> Option<Finding> {
    let seconds = match function.properties.non_null("Timeout") {
        Some(node) => Some(
            input
                .evaluator
                .text(node)
                .ok()?
                .trim()
                .parse::<u64>()
                .ok()?,
        ),
        None => None,
    };
    let id = &function.id;
    let remark = |what| Finding::remark(Location::of(function, &["Timeout"]), what);
    let cdk_fix = format!("write `timeout: Duration.seconds({INTEGRATION})`");
    let short = "Lambda stops the function during a slow cold start or a long broadcast";
    let fix = format!("write `Timeout: {INTEGRATION}`");
    Some(match seconds {
        None => remark(format!(
            "function `{id}` has no `Timeout`, so Lambda's default of {DEFAULT} s applies"
        ))
        .effect(short)
        .fix(fix)
        .cdk_fix(cdk_fix),
        Some(seconds) if seconds <= DEFAULT => {
            remark(format!("function `{id}` has a timeout of {seconds} s"))
                .effect(short)
                .fix(fix)
                .cdk_fix(cdk_fix)
        }
        Some(seconds) if (INTEGRATION + 1..=MAX).contains(&seconds) => remark(format!(
            "function `{id}` has a timeout of {seconds} s, but API Gateway waits only {INTEGRATION} s"
        ))
        .effect("after 29 s the client gets `Endpoint request timed out`, while the function continues to run and to cost")
        .fix(format!("{fix}, and move longer work to another function or a follow-up task"))
        .cdk_fix(format!("{cdk_fix}, and move longer work to another function or a follow-up task")),
        Some(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::finding::Weight;
    use crate::template::doctor::tests::{RAW, SAM, broken, finds, is_right};

    #[test]
    fn fault_f9_a_missing_short_or_long_timeout_is_a_remark() {
        for text in [SAM, RAW] {
            for wrong in [
                "",
                "      Timeout: 3\n",
                "      Timeout: 30\n",
                "      Timeout: 900\n",
            ] {
                let finding = finds(&broken(text, "      Timeout: 29\n", wrong), "timeout");
                assert_eq!(finding.weight, Weight::Remark);
            }
            is_right(&broken(text, "Timeout: 29", "Timeout: 10"));
        }
    }

    #[test]
    fn fault_f29_a_function_behind_an_alias_is_examined() {
        let alias = "
  Live:
    Type: AWS::Lambda::Alias
    Properties: { FunctionName: !Ref Chat, FunctionVersion: !GetAtt Version.Version, Name: live }
  Version: { Type: AWS::Lambda::Version, Properties: { FunctionName: !Ref Chat } }
";
        let text = broken(RAW, "${Chat.Arn}/invocations", "${Live}/invocations");
        let to = "FunctionName: !Ref Live\n";
        let text = broken(&text, "FunctionName: !Ref Chat\n", to);
        let text = format!("{text}{alias}");
        is_right(&text);
        finds(&broken(&text, "Timeout: 29", "Timeout: 60"), "timeout");
        let denied = broken(&text, "execute-api:Manage*", "execute-api:Invoke");
        finds(&denied, "manage-connections");
        let to = "$default: { FunctionArn: !Ref ChatAliaslive }";
        let by_sam = broken(SAM, "$default: { FunctionArn: !GetAtt Chat.Arn }", to);
        let to = "      CodeUri: .\n      AutoPublishAlias: live\n";
        let by_sam = broken(&by_sam, "      CodeUri: .\n", to);
        is_right(&by_sam);
        finds(&broken(&by_sam, "Timeout: 29", "Timeout: 60"), "timeout");
    }
}
