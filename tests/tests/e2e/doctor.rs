//! `lambda-ws-local doctor`: what it says of templates, and how it ends.

use std::path::Path;
use tests::{Ended, Program, fixture, gateway, root};

async fn doctor(folder: &Path, args: &[&str]) -> Ended {
    let args = std::iter::once("doctor").chain(args.iter().copied());
    Program::start(&gateway(), folder, args).ended().await
}

/// `template.yaml` with something else in it, in a folder of its own.
fn changed(from: &str, to: &str) -> tempfile::TempDir {
    let text = std::fs::read_to_string(root().join("template.yaml")).expect("a template");
    assert!(text.contains(from), "`{from}` is not in the template");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("template.yaml"), text.replace(from, to)).expect("a file");
    folder
}

#[tokio::test]
async fn our_own_template_has_no_finding() {
    let ended = doctor(&root(), &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let summary =
        "template.yaml: no known mistakes (examined: 1 WebSocket API, 3 routes, 1 function)";
    assert_eq!(ended.stdout, [summary]);
    assert_eq!(ended.stderr, [""; 0]);
    let ended = doctor(&root(), &["--json"]).await;
    assert_eq!((ended.code, ended.stdout.join("")), (Some(0), "[]".into()));
    assert_eq!(ended.stderr, [summary]);
}

#[tokio::test]
async fn both_templates_have_no_finding_with_a_function_for_tasks() {
    for path in [
        "template.yaml",
        "crates/lambda_ws_local/new/sam/template.yaml",
    ] {
        let on = [
            "--lambda-ws",
            path,
            "--parameter-overrides",
            "TaskFunction=true",
        ];
        let ended = doctor(&root(), &on).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let [summary] = &ended.stdout[..] else {
            panic!("one line is expected: {ended:?}");
        };
        assert!(summary.contains("no known mistakes"), "{summary}");
        assert!(summary.contains("2 functions"), "{summary}");
    }
}

/// Those that are complete enough to be deployed.
#[tokio::test]
async fn correct_fixtures_have_no_mistake() {
    for name in ["authorizer.yaml", "crowd.yaml"] {
        let path = fixture(name);
        let ended = doctor(&root(), &[path.to_str().expect("UTF-8")]).await;
        assert_eq!(ended.code, Some(0), "{ended:#?}");
    }
}

#[tokio::test]
async fn a_mistake_is_shown_with_its_place_its_effect_and_its_fix() {
    let wrong = "RouteSelectionExpression: request.body.action";
    let folder = changed("RouteSelectionExpression: $request.body.action", wrong);
    let ended = doctor(folder.path(), &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let text = std::fs::read_to_string(folder.path().join("template.yaml")).expect("a template");
    let line = text.lines().position(|line| line.contains(wrong));
    let line = line.expect("it is there") + 1;
    assert_eq!(
        ended.stdout[..3],
        [
            &*format!(
                "template.yaml:{line}:7: mistake: the route selection expression of API `ChatApi` is `request.body.action` [selection-expression]"
            ),
            "  on AWS: API Gateway reads it as a fixed string, so all messages use the same route",
            "  fix: write `RouteSelectionExpression: $request.body.action`",
        ]
    );
    let expected = "template.yaml: 1 mistake (examined: ";
    assert!(ended.stdout[3].starts_with(expected), "{ended:?}");
    let ended = doctor(folder.path(), &["--allow", "selection-expression"]).await;
    // An allowed finding does not count.
    assert_eq!(ended.code, Some(0), "{ended:?}");
}

#[tokio::test]
async fn fault_f9_a_timeout_above_29_s_is_a_remark() {
    let folder = changed("Timeout: 29", "Timeout: 30");
    let ended = doctor(folder.path(), &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout[0].contains(": remark: "), "{ended:?}");
}

#[tokio::test]
async fn fault_f3_a_template_without_a_websocket_api_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    for (text, said) in [
        (
            "Resources:\n  A: { Type: AWS::ApiGatewayV2::Api, Properties: { Name: a, ProtocolType: HTTP } }\n",
            "it is not a WebSocket API",
        ),
        (
            "Resources:\n  A: { Type: AWS::CloudFormation::Stack, Properties: { TemplateURL: a.yaml } }\n",
            "it is another template",
        ),
        (
            "Resources:\n  A: { Type: AWS::ApiGatewayV2::Api, Properties: { Name: a, ProtocolType: WEBSOCKETS } }\n",
            "it is not a WebSocket API",
        ),
    ] {
        std::fs::write(folder.path().join("template.yaml"), text).expect("a file");
        for args in [&[][..], &["--json"]] {
            let ended = doctor(folder.path(), args).await;
            assert_eq!(ended.code, Some(2), "{ended:?}");
            let errors = ended.stderr.join("\n");
            assert!(errors.contains("nothing was examined"), "{errors}");
            assert!(errors.contains(said), "{errors}");
        }
    }
}

#[tokio::test]
async fn fault_f8_the_rules_of_the_library_apply_to_its_users_or_on_request() {
    // The folder has no Cargo.toml.
    let variable = "          CONNECTIONS_TABLE: !Ref Connections\n";
    let folder = changed(variable, "");
    let ended = doctor(folder.path(), &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let mut lines = ended.stdout.iter();
    let skipped = lines.any(|line| line.contains("not examined: the checks for lambda_ws"));
    assert!(skipped, "{ended:?}");
    let ended = doctor(folder.path(), &["--lambda-ws"]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stdout[0].contains("[connections-table]"), "{ended:?}");
    std::fs::write(
        folder.path().join("Cargo.toml"),
        "[package]\nname = \"chat\"\n[dependencies]\nlambda_ws = \"0.1\"\n",
    )
    .expect("a file");
    let ended = doctor(folder.path(), &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
}

#[tokio::test]
async fn findings_are_json_for_programs() {
    let folder = changed("RetentionInDays: 14", "LogGroupClass: STANDARD");
    let ended = doctor(folder.path(), &["--json"]).await;
    assert_eq!(ended.code, Some(0), "a remark does not count: {ended:?}");
    let findings: serde_json::Value = serde_json::from_str(&ended.stdout.join("\n")).expect("JSON");
    assert_eq!(findings[0]["check"], "log-retention");
    assert_eq!(findings[0]["weight"], "remark");
    assert!(findings[0]["line"].is_u64(), "{findings}");
    assert!(findings[1].is_null(), "{findings}");
}

#[tokio::test]
async fn a_template_that_cannot_be_examined_is_an_error_and_not_a_finding() {
    let folder = tempfile::tempdir().expect("a folder");
    for (args, code, said) in [
        (&[][..], 2, "cannot read template.yaml"),
        (&["--nosuch"], 2, "unexpected argument"),
        (&["--allow", "nosuch"], 2, "timeout"),
        (&["bad.yaml"], 1, "bad.yaml:"),
    ] {
        std::fs::write(folder.path().join("bad.yaml"), "Resources: [\nA: 1\n").expect("a file");
        let ended = doctor(folder.path(), args).await;
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert_eq!(ended.errors().len(), 1, "{ended:?}");
        assert!(ended.stderr.join("\n").contains(said), "{ended:?}");
        assert_eq!(ended.stdout, [""; 0]);
    }
}
