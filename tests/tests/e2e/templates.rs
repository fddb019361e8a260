//! Templates of other tools, and routes without a function. They need Python 3.

use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tests::{Program, Setup, root};

/// Answers each event with its route key, and allows whoever connects.
const BOOTSTRAP: &str = r#"#!/usr/bin/env python3
import json, os, urllib.request
api = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
while True:
    with urllib.request.urlopen(f"{api}/next") as response:
        event, id = json.load(response), response.headers["Lambda-Runtime-Aws-Request-Id"]
    answer = {"statusCode": 200, "body": json.dumps({"route": event["requestContext"]["routeKey"]})}
    if event.get("type") == "REQUEST":
        statement = {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": event["methodArn"]}
        answer = {"principalId": "ann", "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
    request = urllib.request.Request(f"{api}/{id}/response", data=json.dumps(answer).encode())
    urllib.request.urlopen(request).close()
"#;

fn bootstrap(path: &Path) {
    fs::write(path, BOOTSTRAP).expect("a file");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a mode");
}

#[tokio::test]
async fn fault_f26_the_output_of_cdk_synth_is_served_unmodified() {
    let output = tempfile::tempdir().expect("a folder");
    let template = root().join("crates/lambda_ws_local/src/template/tests/fixtures/cdk.json");
    let template = fs::read_to_string(template).expect("a template");
    let path = output.path().join("ChatStack.template.json");
    fs::write(&path, &template).expect("a file");
    // The asset of `Chat`, as its metadata names it. The authorizer is one for Node.js.
    let (_, asset) = template
        .split_once("\"aws:asset:path\": \"")
        .expect("an asset");
    let (asset, _) = asset.split_once('"').expect("a path");
    let asset = output.path().join(asset);
    fs::create_dir(&asset).expect("a folder");
    bootstrap(&asset.join("bootstrap"));
    let authorizer = output.path().join("authorizer");
    bootstrap(&authorizer);

    let setup = Setup::new().args(["--template"]).args([path]);
    let setup = setup.args(["--function", "AuthC256A5EC"]);
    let gateway = setup.program([authorizer]).start().await;
    let mut ann = gateway.client("token=a").await;
    ann.send(json!({"action": "say"})).await;
    ann.expects(json!({"route": "say"})).await;
    ann.close().await;
    gateway.stop().await;
}

#[tokio::test]
async fn fault_f27_e9_a_mock_answers_a_ping_and_an_http_route_stops_no_other() {
    let gateway = Setup::new().template("mock.yaml").start().await;
    let mut ann = gateway.client("").await;
    ann.send(json!({"action": "ping"})).await;
    ann.expects(json!({"type": "pong"})).await;
    ann.send(json!({"action": "order"})).await;
    assert_eq!(ann.json().await["message"], "Internal server error");
    ann.send(json!({"action": "say"})).await;
    ann.expects(json!({"name": "Say"})).await;
    ann.close().await;
    let lines = gateway.program.stderr.now();
    let warns = |line: &&String| {
        line.contains("warning:")
            && line.contains("route `order` has an integration of type HTTP_PROXY")
    };
    assert_eq!(lines.iter().filter(warns).count(), 1, "{lines:?}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_table_with_other_names_serves_the_chat_if_the_function_knows_them() {
    let template = fs::read_to_string(root().join("template.yaml")).expect("a template");
    let renamed = template
        .replace("AttributeName: pk", "AttributeName: PK")
        .replace("AttributeName: sk", "AttributeName: SK")
        .replace("AttributeName: exp", "AttributeName: ttl");
    let variable = "CONNECTIONS_TABLE: !Ref Connections\n";
    let attributes = format!("{variable}          CONNECTIONS_TABLE_ATTRIBUTES: PK,SK,ttl\n");
    let known = renamed.replace(variable, &attributes);
    assert!(known.contains(&attributes), "the template has the variable");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("template.yaml");
    for (text, code) in [(&renamed, 1), (&known, 0)] {
        fs::write(&path, text).expect("a file");
        let args = ["doctor", "--lambda-ws"];
        let doctor = Program::start(&tests::gateway(), folder.path(), args);
        let ended = doctor.ended().await;
        assert_eq!(ended.code, Some(code), "{ended:?}");
    }

    let setup = Setup::new().args(["--template"]).args([path]);
    let gateway = setup.program([tests::chat()]).start().await;
    let mut ann = gateway.welcomed("user=ann").await;
    let mut bob = gateway.welcomed("user=bob").await;
    ann.expects(json!({"type": "joined", "users": ["bob"], "room": "lobby"}))
        .await;
    ann.send(json!({"action": "say", "text": "hi"})).await;
    let said = json!({"type": "said", "user": "ann", "room": "lobby", "text": "hi"});
    ann.expects(said.clone()).await;
    bob.expects(said).await;
    bob.close().await;
    ann.expects(json!({"type": "left", "users": ["bob"], "room": "lobby"}))
        .await;
    ann.close().await;
    gateway.stop().await;
}
