//! Several functions in one template, which may invoke one another. They need Python 3.

use rustix::process::Signal;
use serde_json::json;
use tests::{Gateway, Setup, fixture, until, within};

async fn gateway() -> Gateway {
    let setup = Setup::new().template("functions.yaml");
    setup.args(["--lambda-retry-delay", "0"]).start().await
}

#[tokio::test]
async fn each_route_has_its_own_function() {
    let gateway = gateway().await;
    let mut ann = gateway.client("user=ann").await;
    ann.send(json!({"action": "say"})).await;
    ann.expects(json!({"name": "say"})).await;
    ann.send(json!({"action": "else"})).await;
    ann.expects(json!({"name": "talk"})).await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_function_that_crashes_is_named_and_does_not_disturb_others() {
    let mut gateway = gateway().await;
    let mut ann = gateway.client("user=ann").await;
    // The process that says its name now is asked again below.
    let talk = json!({"action": "talk"});
    ann.send(talk.clone()).await;
    ann.expects(json!({"name": "talk"})).await;
    ann.send(json!({"action": "say", "do": "crash"})).await;
    assert_eq!(ann.json().await["message"], "Internal server error");
    ann.send(talk).await;
    ann.expects(json!({"name": "talk"})).await;
    ann.send(json!({"action": "say"})).await;
    ann.expects(json!({"name": "say"})).await;
    let named = |line: &str| line.starts_with("say ") && line.contains("7");
    let line = within("a line of the log", gateway.program.stderr.find(named)).await;
    assert!(line.is_some());
    gateway.stop().await;
}

#[tokio::test]
async fn a_function_invokes_another_and_itself() {
    let gateway = gateway().await;
    let mut ann = gateway.client("user=ann").await;
    for name in ["say", "talk", "Door"] {
        let invoke = json!({"action": "talk", "do": "invoke", "function": name});
        ann.send(invoke).await;
        let body = json!({"name": name});
        let answer = json!({"status": 200, "error": null, "body": body});
        ann.expects(answer).await;
    }
    let fail = json!({"do": "fail"});
    let invoke = json!({"action": "talk", "do": "invoke", "function": "say", "event": fail});
    ann.send(invoke).await;
    let answer = ann.json().await;
    assert_eq!(answer["error"], "Unhandled");
    assert_eq!(answer["body"]["errorMessage"], "failed by request");
    assert!(answer["body"]["stackTrace"].is_array(), "{answer}");
    gateway.stop().await;
}

#[tokio::test]
async fn an_asynchronous_invocation_is_retried_with_the_same_request_id() {
    let gateway = gateway().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("ids");
    let mut ann = gateway.client("user=ann").await;
    let event = json!({"do": "remember", "file": file, "times": 3});
    let invoke = json!({"do": "invoke", "function": "talk", "type": "Event", "event": event});
    ann.send(invoke).await;
    ann.expects(json!({"status": 202, "error": null})).await;
    let ids = until("three attempts", async || {
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        (text.lines().count() == 3).then_some(text)
    })
    .await;
    let mut ids: Vec<_> = ids.lines().collect();
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    gateway.stop().await;
}

#[tokio::test]
async fn an_event_that_fails_too_often_is_reported_as_lost() {
    let mut gateway = gateway().await;
    let mut ann = gateway.client("user=ann").await;
    let event = json!({"do": "fail"});
    let invoke = json!({"do": "invoke", "function": "say", "type": "Event", "event": event});
    ann.send(invoke).await;
    ann.expects(json!({"status": 202, "error": null})).await;
    let lost = |line: &str| line.contains("asynchronous event") && line.contains(" of say is lost");
    let line = within("a line", gateway.program.stderr.find(lost)).await;
    // `EventInvokeConfig` of the template.
    assert!(line.is_some_and(|line| line.contains("tried 2 times")));
    gateway.stop().await;
}

#[tokio::test]
async fn events_that_wait_at_the_end_are_counted() {
    let setup = Setup::new().template("functions.yaml");
    let mut gateway = setup.start().await;
    let mut ann = gateway.client("user=ann").await;
    let event = json!({"do": "fail"});
    let invoke = json!({"do": "invoke", "function": "say", "type": "Event", "event": event});
    ann.send(invoke).await;
    ann.expects(json!({"status": 202, "error": null})).await;
    let failed = |line: &str| line.contains("failed by request");
    within("a failure", gateway.program.stderr.find(failed)).await;
    let ended = gateway.end(Signal::TERM).await;
    let lost = "warning: 1 waiting asynchronous events are lost";
    assert!(ended.stderr.iter().any(|line| line == lost), "{ended:?}");
}

#[tokio::test]
async fn the_function_of_a_url_must_be_in_the_template() {
    assert!(fixture("functions.yaml").exists());
    let setup = Setup::new().template("functions.yaml");
    let setup = setup.args(["--invoke-url", "Nosuch=http://127.0.0.1:9"]);
    let ended = setup.spawn().ended().await;
    let [error] = ended.errors()[..] else {
        panic!("one error is expected: {ended:?}");
    };
    assert!(error.contains("Nosuch"), "{error}");
    assert!(error.contains("Talk"), "{error}");
}
