//! A program that changes under its clients.

use serde_json::json;
use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;
use tests::{Client, Gateway, Setup, fixture, until, within, write};

const PROBE: &str = env!("CARGO_BIN_EXE_probe");

/// How long compiling a small program may take.
const COMPILING: Duration = Duration::from_secs(300);

/// A function that says its version and a variable, of nothing but the standard library: it is compiled in a second.
const MAIN: &str = r##"
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

mod version;

fn main() {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").unwrap();
    let mut stream = BufReader::new(TcpStream::connect(&api).unwrap());
    loop {
        let id = ask(&mut stream, "GET", "next", "");
        let text = format!("{} {}", version::VERSION, std::env::var("WORD").unwrap_or_default());
        let body = format!(r#"{{"statusCode":200,"body":"{text}"}}"#);
        ask(&mut stream, "POST", &format!("{id}/response"), &body);
    }
}

fn ask(stream: &mut BufReader<TcpStream>, method: &str, path: &str, body: &str) -> String {
    let length = body.len();
    let path = format!("/2018-06-01/runtime/invocation/{path}");
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
    stream.get_mut().write_all((head + body).as_bytes()).unwrap();
    let (mut id, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            if line.trim_end().is_empty() {
                break;
            }
            continue;
        };
        match &*name.to_lowercase() {
            "lambda-runtime-aws-request-id" => id = value.to_owned(),
            "content-length" => length = value.parse().unwrap(),
            _ => {}
        }
    }
    stream.read_exact(&mut vec![0; length]).unwrap();
    id
}
"##;

fn version(folder: &Path, version: &str) {
    let text = format!("pub const VERSION: &str = {version:?};\n");
    write(folder, "src/version.rs", &text);
}

fn project(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let manifest = format!("[package]\nname = {name:?}\nedition = \"2024\"\n[workspace]\n");
    write(folder.path(), "Cargo.toml", &manifest);
    write(folder.path(), "src/main.rs", MAIN);
    version(folder.path(), "one");
    folder
}

fn template() -> String {
    let text = std::fs::read_to_string(fixture("routes.yaml")).expect("a fixture");
    let built = "Metadata:\n      BuildMethod: rust-cargolambda\n    Properties:\n      \
                 Environment:\n        Variables:\n          WORD: hello\n      CodeUri: .";
    let changed = text.replace("Properties:\n      CodeUri: .", built);
    assert_ne!(text, changed);
    changed
}

/// Sends messages until the answer changes, which has to be `expected`.
async fn becomes(client: &mut Client, old: &str, expected: &str) {
    let changed = until("another answer", async || {
        client.send(json!({"action": "twoway"})).await;
        Some(client.text().await).filter(|answer| answer != old)
    });
    assert_eq!(changed.await, expected);
}

async fn told(gateway: &mut Gateway, parts: &[&str]) {
    let is = |line: &str| parts.iter().all(|part| line.contains(part));
    let line = within("a line", gateway.program.stderr.find(is)).await;
    assert!(line.is_some(), "no line with {parts:?}");
}

#[tokio::test]
async fn a_built_program_and_its_template_reload_under_an_open_connection() {
    let project = project("reloaded-by-template");
    let folder = project.path();
    write(folder, "template.yaml", &template());
    let setup = Setup::new().folder(folder).patience(COMPILING);
    let mut gateway = setup.start().await;
    let mut client = gateway.client("").await;
    becomes(&mut client, "", "one hello").await;

    version(folder, "two");
    becomes(&mut client, "one hello", "two hello").await;

    write(folder, "src/version.rs", "no Rust");
    let failed = ["failed, the old program stays in use", "does not build"];
    told(&mut gateway, &failed).await;
    becomes(&mut client, "", "two hello").await;

    write(folder, "README.md", "not a source");
    version(folder, "three");
    becomes(&mut client, "two hello", "three hello").await;

    let bye = template().replace("hello", "bye");
    write(folder, "template.yaml", &bye);
    becomes(&mut client, "three hello", "three bye").await;

    let routes = bye.replace("        hasty:", "        hurried:");
    write(folder, "template.yaml", &routes);
    let restart = "template.yaml changed: restart to apply routes";
    told(&mut gateway, &[restart]).await;

    let invalid = bye.replace("Timeout: 2", "Timeout: soon");
    write(folder, "template.yaml", &invalid);
    let failed = ["the old template stays in use", "template.yaml:"];
    told(&mut gateway, &failed).await;
    becomes(&mut client, "", "three bye").await;

    let lines = gateway.program.stderr.now();
    let changes = lines.iter().filter(|line| line.ends_with(" changed"));
    let found = changes.count();
    assert_eq!(found, 4, "three versions and a template: {lines:?}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_program_that_cargo_runs_reloads_under_an_open_connection() {
    let project = project("reloaded-by-cargo");
    let folder = project.path();
    let setup = Setup::new().template("routes.yaml").folder(folder);
    let run = ["cargo", "run", "--quiet"];
    let mut gateway = setup.program(run).patience(COMPILING).start().await;
    let mut client = gateway.client("").await;
    becomes(&mut client, "", "one ").await;
    write(folder, "src/version.rs", "no Rust");
    told(&mut gateway, &["failed, the old program stays in use"]).await;
    becomes(&mut client, "", "one ").await;
    version(folder, "two");
    becomes(&mut client, "one ", "two ").await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_program_that_is_built_elsewhere_restarts_unless_reloading_is_off() {
    for (args, reloads) in [(&[][..], true), (&["--no-reload"][..], false)] {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("probe");
        let new = folder.path().join("new");
        std::fs::copy(PROBE, &program).expect("a program");
        let setup = Setup::new().template("routes.yaml").args(args);
        let run = [OsString::from(&program), "log".into()];
        let mut gateway = setup.program(run).start().await;
        let mut client = gateway.client("").await;
        let old = gateway.processes.ids();
        std::fs::copy(PROBE, &new).expect("a program");
        std::fs::rename(&new, &program).expect("a program");
        if reloads {
            told(&mut gateway, &["reload", "ok"]).await;
        }
        let answer = json!({"statusCode": 200, "body": "b"});
        client
            .send(json!({"action": "twoway", "return": answer}))
            .await;
        assert_eq!(client.text().await, "b");
        let same = || gateway.processes.ids().iter().any(|id| old.contains(id));
        match reloads {
            // It is killed when the new one has taken over, and the kernel takes its time.
            true => until("the old one's end", async || (!same()).then_some(())).await,
            false => assert!(same()),
        }
        gateway.stop().await;
    }
}
