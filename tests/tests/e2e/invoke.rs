//! Event files, sent to a function.

use lambda_ws_protocol::response::ProxyResponse;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use tests::{Ended, Program, chat, fixture, gateway, root};

const PROBE: &str = env!("CARGO_BIN_EXE_probe");

async fn invoke<A: Into<OsString>>(args: impl IntoIterator<Item = A>, program: &Path) -> Ended {
    let args = args.into_iter().map(Into::into);
    let args = std::iter::once("invoke".into()).chain(args);
    let args: Vec<OsString> = args.chain(["--".into(), program.into()]).collect();
    Program::start(&gateway(), &root(), args).ended().await
}

/// The sample events, in the order of their names.
fn events() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(root().join("events")).expect("sample events");
    let files = folder.map(|file| file.expect("a file").path());
    let mut files: Vec<_> = files.filter(|path| path.is_file()).collect();
    files.sort();
    assert!(files.len() > 5, "{files:?}");
    files
}

/// The statuses of the responses, each of which API Gateway accepts.
fn statuses(ended: &Ended) -> Vec<u16> {
    let read = |line: &String| ProxyResponse::read(line.as_bytes()).map(|r| r.status);
    let statuses: Result<_, _> = ended.stdout.iter().map(read).collect();
    statuses.unwrap_or_else(|error| panic!("{error}: {ended:?}"))
}

#[tokio::test]
async fn every_sample_event_has_a_response_that_api_gateway_accepts() {
    let events = events();
    for option in [None, Some(OsString::from("--verbatim"))] {
        let args = events.iter().map(OsString::from).chain(option);
        let ended = invoke(args, &chat()).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let statuses = statuses(&ended);
        assert_eq!(statuses.len(), events.len());
        for (event, status) in events.iter().zip(statuses) {
            let refused = event.ends_with("connect-without-user.json");
            assert_eq!(status == 401, refused, "{}: {status}", event.display());
        }
    }
}

#[tokio::test]
async fn the_conversation_of_the_samples_is_shown() {
    let files = ["connect", "say", "direct"].map(|name| format!("events/{name}.json"));
    let ended = invoke(files, &chat()).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(statuses(&ended).len(), 3, "{ended:?}");
    let posted = |text: &str| {
        let mut lines = ended.stderr.iter();
        lines.any(|line| line.starts_with("post ") && line.contains(text))
    };
    assert!(posted("hello, all"), "{ended:?}");
    assert!(posted("no_such_user"), "{ended:?}");
}

#[tokio::test]
async fn a_file_that_is_not_an_event_is_named() {
    for (file, said) in [
        ("Cargo.toml", "is not valid JSON"),
        ("events/nosuch.json", "cannot read"),
    ] {
        let ended = invoke([file], &chat()).await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        let [error] = ended.errors()[..] else {
            panic!("one error is expected: {ended:?}");
        };
        assert!(error.contains(file) && error.contains(said), "{error}");
        assert_eq!(ended.stdout, [""; 0], "nothing is sent before all is read");
    }
}

#[tokio::test]
async fn a_response_that_api_gateway_rejects_is_a_failure() {
    for (command, said) in [
        (r#"{"return": "garbage"}"#, "not a JSON object"),
        (r#"{"return": null}"#, "not a JSON object"),
        (r#"{"return": {"statusCode": 200, "Data": "x"}}"#, "`Data`"),
        (r#"{"do": "fail"}"#, "as it was told"),
        (r#"{"do": "crash"}"#, "ended before it responded"),
        (r#"{"do": "hang"}"#, "timed out after 2.00 seconds"),
    ] {
        let of_a_route = r#""requestContext": {"eventType": "MESSAGE"}"#;
        let ended = probe(&format!(r#"{{"command": {command}, {of_a_route}}}"#)).await;
        assert_eq!(ended.code, Some(1), "{command}: {ended:?}");
        assert_eq!(ended.errors(), ["error: 1 of 1 responses are not valid"]);
        assert_eq!(ended.stdout.len(), 1, "a line for each: {ended:?}");
        assert!(ended.complains(said), "{command}: no `{said}` in {ended:?}");
    }
}

/// Sends one event to the probe.
async fn probe(event: &str) -> Ended {
    probe_with(&[], event).await
}

async fn probe_with(options: &[&str], event: &str) -> Ended {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("event.json");
    std::fs::write(&file, event).expect("a file");
    let template = fixture("routes.yaml");
    let files = [
        file.as_os_str(),
        "--template".as_ref(),
        template.as_os_str(),
    ];
    let args = options.iter().map(OsStr::new).chain(files);
    invoke(args, Path::new(PROBE)).await
}

#[tokio::test]
async fn fault_f12_an_answer_is_judged_by_the_kind_of_its_event() {
    let sqs = |answer: &str| {
        let record = r#"{"eventSource": "aws:sqs", "messageId": "m1", "body": "x"}"#;
        format!(r#"{{"Records": [{record}], "command": {{"return": {answer}}}}}"#)
    };
    for (event, code, said) in [
        (sqs(r#"{"batchItemFailures": []}"#), 0, "ok"),
        (
            sqs(r#"{"batchItemFailures": [{"itemIdentifier": "m1"}]}"#),
            0,
            "1 of 1 records failed",
        ),
        (
            sqs(r#"{"statusCode": 200}"#),
            1,
            "is not valid for an aws:sqs event",
        ),
        (r#"{"command": {"return": "anything"}}"#.to_owned(), 0, "ok"),
        (
            r#"{"command": {"do": "fail"}}"#.to_owned(),
            1,
            "as it was told",
        ),
    ] {
        let ended = probe(&event).await;
        assert_eq!(ended.code, Some(code), "{event}: {ended:?}");
        assert!(ended.complains(said), "{event}: no `{said}` in {ended:?}");
    }
}

#[tokio::test]
async fn the_tasks_of_a_function_end_before_the_command() {
    let task = |command: &str| {
        format!(r#"{{"command": {{"do": "task", "event": {{"command": {command}}}}}}}"#)
    };
    let ended = probe(&task(r#"{"do": "print", "text": "followed up"}"#)).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout[0].contains("202 Accepted"), "{ended:?}");
    let followed = ended
        .stderr
        .iter()
        .any(|line| line.ends_with("followed up"));
    assert!(followed, "{ended:?}");
    let ended = probe(&task(r#"{"do": "fail"}"#)).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let expected = Some(&"error: 1 asynchronous invocations failed");
    assert_eq!(ended.errors().last(), expected);
}

#[tokio::test]
async fn fault_f30_variables_of_the_command_line_reach_the_function() {
    let event = r#"{"command": {"do": "variable", "name": "SEND_RATE"}}"#;
    let ended = probe_with(&["--env", "SEND_RATE=77"], event).await;
    assert_eq!(ended.stdout, [r#""77""#], "{ended:?}");
}
