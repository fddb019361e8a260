//! The examples in other languages, as their READMEs start them. They need Python 3 and Node.js.

use serde_json::json;
use std::path::PathBuf;
use tests::{Setup, root};

fn example(language: &str) -> PathBuf {
    root()
        .join("crates/lambda_ws_local/examples")
        .join(language)
}

/// An example that shouts back what it hears, and goes on when it has failed.
async fn shouts(language: &str, interpreter: &str, bootstrap: &str) {
    let found = std::process::Command::new(interpreter)
        .arg("--version")
        .output();
    assert!(
        found.is_ok_and(|found| found.status.success()),
        "this test needs `{interpreter}`: install it"
    );
    let folder = example(language);
    let program = folder.join(bootstrap);
    let template = [folder.join("template.yaml")];
    let gateway = Setup::new().args(["--template"]).args(template);
    let gateway = gateway.program([program]).start().await;
    let mut ann = gateway.client("user=ann").await;
    ann.send(json!({"action": "shout", "text": "grüß dich"}))
        .await;
    let shouted = json!({"text": "GRÜSS DICH", "from": language});
    ann.expects(shouted).await;

    // Without a text the handler fails: conformance E3.
    ann.send(json!({"action": "shout"})).await;
    assert_eq!(ann.json().await["message"], "Internal server error");

    ann.send(json!({"action": "shout", "text": "again"})).await;
    ann.expects(json!({"text": "AGAIN", "from": language}))
        .await;
    ann.close().await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_handler_in_python_is_served() {
    shouts("python", "python3", "bootstrap.py").await;
}

#[tokio::test]
async fn a_handler_in_javascript_is_served() {
    shouts("node", "node", "bootstrap.mjs").await;
}
