//! Messages from outside, by the command line.

use serde_json::{Value, json};
use std::ffi::OsStr;
use tests::{Ended, Gateway, Program, gateway as program, root};

async fn publish<A: AsRef<OsStr>>(url: &str, args: impl IntoIterator<Item = A>) -> Ended {
    let mut all = vec!["publish".into(), "--url".into(), url.to_owned()];
    let text = |arg: A| arg.as_ref().to_string_lossy().into_owned();
    all.extend(args.into_iter().map(text));
    Program::start(&program(), &root(), all).ended().await
}

#[tokio::test]
async fn rooms_users_connections_and_everyone_receive_published_messages() {
    let gateway = Gateway::chat().await;
    let mut ann = gateway.welcomed("user=ann&room=tea").await;
    let (base, _) = gateway.management.split_once("/dev/").expect("a stage");
    for whom in [&["--room", "tea"][..], &["--user", "ann"], &["--everyone"]] {
        let ended = publish(base, whom.iter().chain(&[r#"{"type":"news"}"#])).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let published: Value = serde_json::from_str(&ended.stdout[0]).expect("JSON");
        assert_eq!(published["sent"], 1, "{whom:?}");
        ann.expects(json!({"type": "news"})).await;
    }
    let nobody = publish(base, ["--room", "coffee", "hello"]).await;
    assert_eq!(nobody.code, Some(0), "{nobody:?}");
    assert!(nobody.stderr[0].contains("no recipient"), "{nobody:?}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_message_that_cannot_be_published_is_an_error_with_its_reason() {
    let gateway = Gateway::chat().await;
    let (base, _) = gateway.management.split_once("/dev/").expect("a stage");
    let no_name = publish(base, ["--room", "", "hello"]).await;
    assert_eq!(no_name.code, Some(1));
    assert!(no_name.errors()[0].contains("1 to 256"), "{no_name:?}");
    let unknown = publish(base, ["--function", "tea", "--everyone", "hello"]).await;
    let expected = "unknown function `tea`";
    assert!(unknown.errors()[0].contains(expected), "{unknown:?}");
    let nowhere = publish("http://127.0.0.1:1", ["--everyone", "hello"]).await;
    assert_eq!(nowhere.code, Some(1));
    let expected = "no gateway is running";
    assert!(nowhere.errors()[0].contains(expected), "{nowhere:?}");
    gateway.stop().await;
}
