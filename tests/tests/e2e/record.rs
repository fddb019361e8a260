//! A session is recorded and replayed.

use serde_json::{Value, json};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tests::{Ended, Program, Setup, chat, gateway, root};

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    files
}

async fn replay(folder: &Path) -> Ended {
    let args = ["invoke", "--compare"].map(OsString::from).into_iter();
    let args = args.chain(files(folder).into_iter().map(Into::into));
    let args: Vec<OsString> = args.chain(["--".into(), chat().into()]).collect();
    Program::start(&gateway(), &root(), args).ended().await
}

#[tokio::test]
async fn a_recorded_session_is_replayed_and_compared() {
    let folder = tempfile::tempdir().expect("a folder");
    let session = folder.path().join("session");
    let record = [OsString::from("--record"), session.clone().into()];
    let served = Setup::new().args(record).program([chat()]).start().await;
    let mut ann = served.client("user=ann").await;
    ann.send(json!({"action": "say", "text": "hello"})).await;
    while ann.json().await["text"] != "hello" {}
    ann.close().await;
    served.table().await.has(0, 0, 0).await;
    served.stop().await;

    let names = files(&session).into_iter();
    let names: Vec<_> = names
        .map(|path| path.file_name().expect("a name").to_owned())
        .collect();
    let expected = [
        "0001-connect.json",
        "0001-connect.response.json",
        "0002-default.json",
        "0002-default.response.json",
        "0003-disconnect.json",
        "0003-disconnect.response.json",
    ];
    assert_eq!(names, expected);
    let ended = replay(&session).await;
    assert_eq!((ended.code, ended.stdout.len()), (Some(0), 3), "{ended:?}");

    let args = ["cost", "--json", "--recording"].map(OsString::from);
    let args = args.into_iter().chain([session.clone().into()]);
    let ended = Program::start(&gateway(), &root(), args).ended().await;
    let estimate: Value = serde_json::from_str(&ended.stdout.join("\n")).expect("JSON");
    // Its one message is the body of `say`.
    assert_eq!(estimate["workload"]["bytes"], 31.0, "{estimate}");
    assert!(estimate["workload"]["messages"].as_f64() > Some(0.0));
    let note = estimate["notes"][0].as_str().expect("a note");
    assert!(note.contains("connections 1, "), "{note}");

    // Were it to answer in another way than it did:
    let path = session.join("0002-default.response.json");
    let text = std::fs::read_to_string(&path).expect("a file");
    let mut recorded: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(recorded["route"], "$default");
    recorded["response"]["statusCode"] = 418.into();
    std::fs::write(&path, recorded.to_string()).expect("a file");
    let ended = replay(&session).await;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let expected = ["error: 1 of 3 responses differ from the recorded ones"];
    assert_eq!(ended.errors(), expected);
    let differs = "differs statusCode: recorded 418, now 200";
    let mut lines = ended.stderr.iter();
    assert!(lines.any(|line| line.ends_with(differs)), "{ended:?}");
}

#[tokio::test]
async fn a_recording_ends_at_its_limit_and_the_gateway_continues() {
    let folder = tempfile::tempdir().expect("a folder");
    let record = [OsString::from("--record"), folder.path().into()];
    let setup = Setup::new().args(record).args(["--record-limit", "1"]);
    let mut served = setup.program([chat()]).start().await;
    for user in ["ann", "bob"] {
        served.client(&format!("user={user}")).await;
    }
    let ends = |line: &str| line.contains("--record-limit");
    assert!(served.program.stderr.find(ends).await.is_some());
    served.stop().await;
    assert_eq!(files(folder.path()).len(), 2);
}
