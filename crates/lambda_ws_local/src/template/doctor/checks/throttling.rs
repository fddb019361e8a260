//! Rate limits of 0, which reject all events.

use crate::template::doctor::finding::{Finding, Location};
use crate::template::doctor::input::DoctorInput;
use crate::template::syntax::Node;
use crate::template::transform::resource_type;

const LIMITS: [&str; 2] = ["ThrottlingRateLimit", "ThrottlingBurstLimit"];

pub(super) fn check(input: &DoctorInput<'_>) -> Vec<Finding> {
    let evaluator = input.evaluator;
    let mut found = Vec::new();
    for resource in evaluator.of_type(resource_type::STAGE) {
        let Some(api) = input.api_of(resource) else {
            continue;
        };
        let mut add = |settings: &Node, owner: &str| {
            for name in LIMITS {
                let Some(entry) = settings.find(name) else {
                    continue;
                };
                let limit = evaluator.text(&entry.value).ok();
                if limit.and_then(|text| text.trim().parse::<f64>().ok()) != Some(0.0) {
                    continue;
                }
                let what = format!("`{name}` of {owner} is 0");
                let resource = api.resource.unwrap_or(resource);
                found.push(
                    Finding::mistake(Location::from(entry).within(resource), what)
                        .effect("API Gateway rejects every handshake and every message with 429")
                        .fix("write the number of events per second that you need, or remove the limit to apply the limit of the account"),
                );
            }
        };
        let value = |node: Option<&Node>| node.and_then(|node| evaluator.value(node).ok());
        if let Some(settings) = value(resource.properties.entry("DefaultRouteSettings")) {
            add(&settings, &format!("API `{}`", api.name));
        }
        if let Some(settings) = value(resource.properties.entry("RouteSettings")) {
            for entry in settings.entries() {
                if let Some(settings) = value(Some(&entry.value)) {
                    add(&settings, &format!("route `{}`", entry.key));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::template::doctor::tests::{RAW, SAM, broken, finds, is_right};

    fn limited(text: &str, settings: &str) -> String {
        let stage = "      StageName: dev\n";
        broken(text, stage, &format!("{stage}      {settings}\n"))
    }

    #[test]
    fn fault_f23_a_throttling_rate_or_burst_of_0_is_a_finding() {
        for text in [SAM, RAW] {
            for (settings, what) in [
                (
                    "DefaultRouteSettings: { ThrottlingRateLimit: 0, ThrottlingBurstLimit: 5 }",
                    "`ThrottlingRateLimit` of API `Api` is 0",
                ),
                (
                    "DefaultRouteSettings: { ThrottlingRateLimit: 10, ThrottlingBurstLimit: 0 }",
                    "`ThrottlingBurstLimit` of API `Api` is 0",
                ),
                (
                    "RouteSettings: { $default: { ThrottlingRateLimit: 0.0 } }",
                    "`ThrottlingRateLimit` of route `$default` is 0",
                ),
            ] {
                assert_eq!(finds(&limited(text, settings), "throttling").what, what);
            }
            is_right(&limited(
                text,
                "DefaultRouteSettings: { ThrottlingRateLimit: 0.5 }",
            ));
        }
    }
}
