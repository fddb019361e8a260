use super::*;
use crate::gateway::Rate;

#[test]
fn h_a_stage_has_rate_limits_for_its_routes() {
    let text = RAW.replace(
        "        ThrottlingRateLimit: 10\n",
        "        ThrottlingRateLimit: 10.5
        ThrottlingBurstLimit: 20
      RouteSettings:
        $connect: { ThrottlingBurstLimit: 3 }
        say: { ThrottlingRateLimit: 0, DataTraceEnabled: true }\n",
    );
    let throttling = read(&text).apis[0].throttling.clone();
    assert_eq!(throttling.default_route, Some(Rate::new(10.5, 20.0)));
    assert_eq!(throttling.routes["$connect"], Rate::new(10_000.0, 3.0));
    assert_eq!(throttling.routes["say"], Rate::new(0.0, 5_000.0));
    let notes = notes(&text);
    for line in [16, 19] {
        let note = format!(
            "line {line}: the rate limits of stage `prod` are applied only with --throttle"
        );
        assert!(notes.contains(&note), "{notes:#?}");
    }
}

#[test]
fn h_a_sam_stage_has_rate_limits_for_its_routes() {
    let text = SAM.replacen(
        "      StageVariables:\n",
        "      RouteSettings: { sendMessage: { ThrottlingRateLimit: 1, ThrottlingBurstLimit: 2 } }
      StageVariables:\n",
        1,
    );
    let throttling = read(&text).apis[0].throttling.clone();
    assert_eq!(throttling.routes["sendMessage"], Rate::new(1.0, 2.0));
}

#[test]
fn settings_without_limits_are_not_noted() {
    let text = RAW.replace("ThrottlingRateLimit: 10", "DataTraceEnabled: true");
    assert_eq!(read(&text).apis[0].throttling, Default::default());
    assert!(!notes(&text).iter().any(|note| note.contains("rate limits")));
}

#[test]
fn a_limit_that_aws_rejects_is_a_problem_with_its_line() {
    let change = |to: &str| errors(&RAW.replace("        ThrottlingRateLimit: 10\n", to));
    insta::assert_snapshot!(
        [
            change("        ThrottlingRateLimit: fast\n"),
            change("        ThrottlingBurstLimit: -1\n"),
            change("        ThrottlingBurstLimit: 1\n      RouteSettings:\n        shout: {}\n"),
        ]
        .join("\n")
    );
}
