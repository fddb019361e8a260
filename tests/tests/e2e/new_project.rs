//! `lambda-ws-local new`: a project is made, tested, run and examined, in a folder that knows nothing of this one.

use serde_json::json;
use std::path::Path;
use std::time::Duration;
use tests::{Ended, Program, Setup, compiled_elsewhere, gateway, root};

/// How long compiling everything may take.
const COMPILING: Duration = Duration::from_secs(20 * 60);

async fn run(folder: &Path, args: &[&str]) -> Ended {
    let program = Program::start(&gateway(), folder, args);
    program.ended_within(COMPILING).await
}

/// Makes a project with the library of this workspace.
async fn made(folder: &Path, name: &str) -> std::path::PathBuf {
    let checkout = root();
    let checkout = checkout.to_str().expect("UTF-8");
    let ended = run(folder, &["new", name, "--lambda-ws", checkout]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let said = ended.stdout.join("\n");
    assert!(said.contains(&format!("cd {name}")), "{said}");
    // What cargo compiles it with, and where: the next run finds it there.
    let project = folder.join(name);
    let lock = root().join("Cargo.lock");
    std::fs::copy(lock, project.join("Cargo.lock")).expect("a lock file");
    let target = compiled_elsewhere("own-project");
    let config = format!("[build]\ntarget-dir = {target:?}\n[profile.dev]\ndebug = false\n");
    std::fs::create_dir(folder.join(".cargo")).expect("a folder");
    std::fs::write(folder.join(".cargo/config.toml"), config).expect("a file");
    project
}

#[tokio::test]
async fn a_new_project_is_tested_run_and_has_no_mistake() {
    let folder = tempfile::tempdir().expect("a folder");
    let project = made(folder.path(), "tea-room").await;

    let mut cargo = tests::cargo();
    cargo.args(["test", "--quiet"]).current_dir(&project);
    let tested = tokio::process::Command::from(cargo)
        .kill_on_drop(true)
        .output();
    let tested = tests::within_time(COMPILING, "the tests of a new project", tested).await;
    let tested = tested.expect("cargo runs, since it runs this");
    let said = String::from_utf8_lossy(&tested.stdout);
    assert!(tested.status.success(), "{tested:?}");
    assert!(said.contains("2 passed"), "{tested:?}");

    let events = ["1-connect", "2-join", "3-say", "4-disconnect"];
    let events = events.map(|name| format!("events/{name}.json"));
    let events = events.iter().map(String::as_str);
    let args: Vec<_> = std::iter::once("invoke").chain(events).collect();
    let ended = run(&project, &args).await;
    assert_eq!((ended.code, ended.stdout.len()), (Some(0), 4), "{ended:?}");
    let posted = |text: &str| {
        let mut lines = ended.stderr.iter();
        lines.any(|line| line.starts_with("post ") && line.contains(text))
    };
    assert!(posted("joined") && posted("hello, all"), "{ended:?}");

    let setup = Setup::new().folder(&project).patience(COMPILING);
    let gateway = setup.start().await;
    let mut ann = gateway.client("user=ann").await;
    let mut bob = gateway.client("user=bob").await;
    let joined = |user: &str| json!({"type": "joined", "room": "tea", "user": user});
    ann.send(json!({"action": "join", "room": "tea"})).await;
    ann.expects(joined("ann")).await;
    bob.send(json!({"action": "join", "room": "tea"})).await;
    bob.expects(joined("bob")).await;
    ann.expects(joined("bob")).await;
    let say = json!({"action": "say", "room": "tea", "text": "hi"});
    bob.send(say).await;
    let said = json!({"type": "said", "room": "tea", "user": "bob", "text": "hi"});
    ann.expects(said.clone()).await;
    bob.expects(said).await;
    ann.close().await;
    bob.close().await;
    gateway.stop().await;

    let ended = run(&project, &["doctor"]).await;
    let examined = "1 WebSocket API, 3 routes, 1 function";
    let expected = format!("template.yaml: no known mistakes (examined: {examined})");
    assert_eq!(ended.stdout, [expected], "{ended:?}");
    assert_eq!(ended.code, Some(0));
}

#[tokio::test]
async fn a_project_that_cannot_be_created_is_an_error_with_a_fix() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("full")).expect("a folder");
    std::fs::write(folder.path().join("full/mine"), "mine").expect("a file");
    let checkout = "is not a checkout of lambda_ws";
    for (args, code, said) in [
        (&["new"][..], 2, "NAME"),
        (&["new", "2tea"], 2, "try `tea-room`"),
        (&["new", "fn"], 2, "try `my-fn`"),
        (&["new", "full"], 1, "--path"),
        (&["new", "tea", "--path", "full/mine"], 1, "--path"),
        (&["new", "tea", "--path", "/proc/nosuch/tea"], 1, "--path"),
        (&["new", "tea", "--lambda-ws", "full"], 1, checkout),
    ] {
        let ended = run(folder.path(), args).await;
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert_eq!(ended.errors().len(), 1, "{ended:?}");
        assert!(ended.stderr.join("\n").contains(said), "{ended:?}");
        let remains = folder.path().join("tea").exists();
        assert!(!remains, "nothing is left behind");
    }
}
