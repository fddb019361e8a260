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
    assert_eq!(ended.stdout, ["template.yaml: no known mistake"]);
    assert_eq!(ended.stderr, [""; 0]);
    let ended = doctor(&root(), &["--json"]).await;
    assert_eq!((ended.code, ended.stdout.join("")), (Some(0), "[]".into()));
}

/// Those that are complete enough to be deployed.
#[tokio::test]
async fn fixtures_that_are_right_have_no_mistake() {
    for name in ["authorizer.yaml", "crowd.yaml"] {
        let path = fixture(name);
        let ended = doctor(&root(), &[path.to_str().expect("UTF-8")]).await;
        assert_eq!(ended.code, Some(0), "{ended:#?}");
    }
}

#[tokio::test]
async fn a_mistake_is_shown_with_its_place_its_effect_and_its_mend() {
    let folder = changed("Timeout: 29", "Timeout: 60");
    let ended = doctor(folder.path(), &[]).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let text = std::fs::read_to_string(folder.path().join("template.yaml")).expect("a template");
    let line = text.lines().position(|line| line.contains("Timeout: 60"));
    let line = line.expect("it is there") + 1;
    assert_eq!(
        ended.stdout,
        [
            &*format!(
                "template.yaml:{line}:7: mistake: function `Chat` has 60 s for an event, and API Gateway waits 29 s [timeout]"
            ),
            "  on AWS: the client is told `Endpoint request timed out` while the function goes on, and is paid for",
            "  mend: write `Timeout: 29`, and leave what takes longer to another function or a task",
            "template.yaml: 1 mistake",
        ]
    );
    let ended = doctor(folder.path(), &["--allow", "timeout"]).await;
    assert_eq!(
        ended.code,
        Some(0),
        "what is allowed does not count: {ended:?}"
    );
}

#[tokio::test]
async fn findings_are_json_for_programs() {
    let folder = changed("RetentionInDays: 14", "LogGroupClass: STANDARD");
    let ended = doctor(folder.path(), &["--json"]).await;
    assert_eq!(ended.code, Some(0), "a remark does not count: {ended:?}");
    let findings: serde_json::Value = serde_json::from_str(&ended.stdout.join("\n")).expect("JSON");
    assert_eq!(findings[0]["check"], "log-retention");
    assert_eq!(findings[0]["weight"], "remark");
    assert!(
        findings[0]["line"].is_u64() && findings[1].is_null(),
        "{findings}"
    );
}

#[tokio::test]
async fn what_cannot_be_examined_is_told_apart() {
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
