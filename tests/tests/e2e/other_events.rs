//! One program that serves a WebSocket API, a schedule, an S3 event and HTTP requests.

use serde_json::{Value, json};
use std::ffi::OsString;
use tests::{Program, Setup, example, root, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A sample event that does not come from the WebSocket API.
fn event(name: &str) -> Value {
    let file = root()
        .join("events/other")
        .join(name)
        .with_extension("json");
    let text = std::fs::read_to_string(&file).expect("a sample event");
    serde_json::from_str(&text).expect("JSON")
}

/// The event of an HTTP request.
fn request(path: &str, headers: Value, body: &str) -> Value {
    let mut event = event("http");
    event["rawPath"] = path.into();
    event["requestContext"]["http"]["path"] = path.into();
    event["headers"] = headers;
    event["body"] = body.into();
    event
}

/// A free port for Lambda's API, which the gateway does not print, and its address.
pub(super) async fn free_port() -> (String, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    (address.port().to_string(), address.to_string())
}

/// Invokes the function by Lambda's API. Returns whether the function failed, and the result.
pub(super) async fn invoke(lambda: &str, event: &Value) -> (bool, Value) {
    let body = event.to_string();
    let length = body.len();
    let request = format!(
        "POST /2015-03-31/functions/Chat/invocations HTTP/1.1\r\nHost: {lambda}\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(lambda).await.expect("it listens");
    let sent = stream.write_all(request.as_bytes()).await;
    sent.expect("it reads");
    let mut answer = String::new();
    let read = stream.read_to_string(&mut answer);
    within("a result", read).await.expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP response");
    assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
    let failed = head.to_ascii_lowercase().contains("x-amz-function-error");
    (failed, serde_json::from_str(body).expect("JSON"))
}

/// Invokes the function, which does not fail.
async fn result(lambda: &str, event: &Value) -> Value {
    let (failed, result) = invoke(lambda, event).await;
    assert!(!failed, "{result}");
    result
}

#[tokio::test]
async fn one_program_serves_sockets_a_schedule_an_upload_and_http() {
    let program = example("http");
    let (port, lambda) = free_port().await;
    let setup = Setup::new().args(["--lambda-port", &port]);
    let gateway = setup.program([program]).start().await;
    let ticket = request("/tickets", json!({"x-user": "ann"}), "");
    let ticket = result(&lambda, &ticket).await;
    assert_eq!(ticket["statusCode"], 200, "{ticket}");
    let ticket = ticket["body"].as_str().expect("a ticket").to_owned();
    assert!(gateway.try_client("ticket=guess").await.is_err());
    let mut ann = gateway.client(&format!("ticket={ticket}")).await;

    for name in ["schedule", "s3"] {
        assert_eq!(result(&lambda, &event(name)).await, json!(1), "{name}");
        assert_eq!(ann.text().await, "tick", "{name}");
    }
    let published = result(&lambda, &event("http")).await;
    assert_eq!(published["body"], "1 sent", "{published}");
    assert_eq!(ann.text().await, "hello");
    let webhook = request("/webhook", json!({}), "");
    assert_eq!(result(&lambda, &webhook).await["body"], "1");
    assert_eq!(ann.text().await, "webhook 1");

    for (event, kind, fix) in [
        (
            event("sqs"),
            "PublishError",
            "no `Router::on` for other records",
        ),
        (
            json!({"order": 7}),
            "UnknownEvent",
            "add `Router::event(..)`",
        ),
    ] {
        let (failed, error) = invoke(&lambda, &event).await;
        assert!(failed, "{error}");
        assert_eq!(error["errorType"], kind, "{error}");
        let message = error["errorMessage"].as_str().expect("a text");
        assert!(message.contains(fix), "{message}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn invoke_sends_the_sample_events_and_accepts_the_answers() {
    let (http, triggers) = (example("http"), example("triggers"));
    for (program, names) in [
        (http, ["schedule", "s3", "http"]),
        (triggers, ["schedule", "s3", "sqs"]),
    ] {
        let files = names.map(|name| format!("events/other/{name}.json").into());
        let args = ["invoke".into()].into_iter().chain(files);
        let args: Vec<OsString> = args.chain(["--".into(), program.into()]).collect();
        let ended = Program::start(&tests::gateway(), &root(), args)
            .ended()
            .await;
        assert_eq!((ended.code, ended.stdout.len()), (Some(0), 3), "{ended:?}");
    }
}
