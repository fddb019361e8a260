//! A gateway that cannot start says why, in one line, and what helps.

use tests::{Ended, Setup, chat, fixture, write};

const PROBE: &str = env!("CARGO_BIN_EXE_probe");

/// The only `error:` line of a gateway that does not start.
async fn error(setup: Setup) -> String {
    let processes = setup.processes();
    let patience = std::time::Duration::from_secs(300);
    let ended: Ended = setup.spawn().ended_within(patience).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stdout, [""; 0], "it is not ready");
    let [error] = ended.errors()[..] else {
        panic!("one error is expected: {ended:?}");
    };
    let error = error.to_owned();
    processes.ended().await;
    error
}

fn contains(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "no `{part}` in: {error}");
    }
}

#[tokio::test]
async fn a_port_that_is_in_use() {
    let result = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let taken = result.expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    // The last `--port` would be an error of usage: this one is given instead of the harness's.
    let setup = Setup::new().program([chat()]);
    let failed = error(setup.args(["--dynamodb-port", &port])).await;
    contains(&failed, &[&port, "in use", "--dynamodb-port"]);

    let args = ["--port", &port, "--dynamodb-port", "0", "--"];
    let chat = chat();
    let args = args.into_iter().chain([chat.to_str().expect("UTF-8")]);
    let program = tests::Program::start(&tests::gateway(), &tests::root(), args);
    let ended = program.ended().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.errors().len(), 1, "{ended:?}");
    contains(ended.errors()[0], &[&port, "in use", "--port"]);
}

#[tokio::test]
async fn a_folder_without_a_template() {
    let folder = tempfile::tempdir().expect("a folder");
    let failed = error(Setup::new().folder(folder.path())).await;
    contains(&failed, &["template.yaml", "--template", "`--`"]);
    let missing = Setup::new().args(["--template", "nosuch.yaml"]);
    let failed = error(missing.program([PROBE])).await;
    contains(&failed, &["nosuch.yaml", "--template"]);
}

#[tokio::test]
async fn a_template_with_an_unknown_function() {
    let setup = Setup::new().template("unknown-function.yaml");
    let failed = error(setup.program([PROBE])).await;
    let text = std::fs::read_to_string(fixture("unknown-function.yaml")).expect("a fixture");
    let line = text.lines().position(|line| line.contains("Chta"));
    let place = format!("unknown-function.yaml:{}", line.expect("a typo") + 1);
    contains(&failed, &[&place, "Chta", "Chat"]);
}

#[tokio::test]
async fn a_function_that_is_not_in_the_template() {
    let setup = Setup::new().args(["--function", "Nosuch"]);
    contains(&error(setup).await, &["Nosuch", "Chat"]);
}

#[tokio::test]
async fn a_program_that_does_not_exist() {
    for program in ["nosuch-program", "/nosuch/program", "./nosuch"] {
        let failed = error(Setup::new().program([program])).await;
        contains(&failed, &["cannot start", program]);
    }
}

#[tokio::test]
async fn a_program_that_exits_at_its_start() {
    let failed = error(Setup::new().program([PROBE, "die"])).await;
    contains(&failed, &["ended", "3"]);
    let failed = error(Setup::new().program(["true"])).await;
    contains(&failed, &["ended"]);
}

#[tokio::test]
async fn the_last_stderr_lines_of_a_program_that_exits_are_shown() {
    let ended = Setup::new().program([PROBE, "die"]).spawn().ended().await;
    assert!(ended.complains("the table is missing"), "{ended:?}");
}

#[tokio::test]
async fn a_program_that_does_not_build() {
    let folder = tempfile::tempdir().expect("a folder");
    let template = tests::root().join("template.yaml");
    std::fs::copy(template, folder.path().join("template.yaml")).expect("a template");
    let manifest = "[package]\nname = \"chat\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
                    [workspace]\n";
    write(folder.path(), "Cargo.toml", manifest);
    write(folder.path(), "src/main.rs", "fn main() { nosuch() }\n");
    let setup = Setup::new().folder(folder.path());
    let ended = setup.spawn().ended().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    // Cargo complains in its own words, which begin with `error` too.
    let last = ended.stderr.last().expect("an error");
    contains(last, &["error: the function's program does not build"]);
    assert!(
        ended.complains("nosuch"),
        "what cargo says is shown: {ended:?}"
    );
}

#[tokio::test]
async fn a_folder_that_is_not_a_crate() {
    let folder = tempfile::tempdir().expect("a folder");
    let template = tests::root().join("template.yaml");
    std::fs::copy(template, folder.path().join("template.yaml")).expect("a template");
    let ended = Setup::new().folder(folder.path()).spawn().ended().await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let last = ended.stderr.last().expect("an error");
    contains(last, &["error: the function's program does not build"]);
}

#[tokio::test]
async fn the_templates_program_is_built_and_served() {
    let gateway = Setup::new().patience(std::time::Duration::from_secs(600));
    let gateway = gateway.start().await;
    let mut ann = gateway.welcomed("user=ann").await;
    ann.send(serde_json::json!({"action": "who"})).await;
    let members = serde_json::json!({"type": "members", "room": "lobby", "users": ["ann"]});
    ann.expects(members).await;
    gateway.stop().await;
}
