//! Tests of the loop with a Runtime API on this machine.

use super::*;
use crate::app::Backend;
use crate::{Context, Router};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;

/// The Runtime API's response to a request for an event.
struct Next {
    status: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// A request of the loop.
#[derive(Debug)]
struct Request {
    head: String,
    body: Value,
}

/// An event of Lambda.
fn event(body: impl Into<Vec<u8>>) -> Next {
    Next {
        status: "200 OK",
        headers: vec![
            ("Lambda-Runtime-Aws-Request-Id", "id".to_owned()),
            ("Lambda-Runtime-Deadline-Ms", "4102444800000".to_owned()),
            ("Lambda-Runtime-Invocation-Id", "delivery".to_owned()),
        ],
        body: body.into(),
    }
}

/// The event of a message.
fn message(route: &str) -> String {
    let say = include_str!("../../../../../events/say.json");
    say.replace("\"$default\"", &format!("\"{route}\""))
}

/// Runs the loop on these responses. Returns its requests and its result.
async fn run(router: Router, answers: Vec<Next>) -> (Vec<Request>, String) {
    let (requests, _, end) = run_with(router, answers, 1, false).await;
    (requests, end)
}

/// The same with so many workers, if need be after a restore. Also returns the number of connections.
async fn run_with(
    router: Router,
    answers: Vec<Next>,
    workers: usize,
    is_restored: bool,
) -> (Vec<Request>, usize, String) {
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answers = Arc::new(Mutex::new(answers.into_iter()));
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = requests.clone();
    let serving = tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(serve(socket, answers.clone(), seen.clone()));
        }
    });
    let dispatcher = Arc::new(Dispatcher::new(router, Backend::in_memory()));
    let runtime = Runtime::new(&address, workers).unwrap();
    if is_restored {
        runtime.restored().await.unwrap();
        dispatcher.restored(false).await;
    }
    let end = runtime.run(dispatcher).await.unwrap_err().to_string();
    serving.abort();
    let requests = std::mem::take(&mut *requests.lock().unwrap());
    (requests, connections.load(Ordering::Relaxed), end)
}

async fn serve(
    socket: TcpStream,
    answers: Arc<Mutex<std::vec::IntoIter<Next>>>,
    requests: Arc<Mutex<Vec<Request>>>,
) {
    let mut socket = BufReader::new(socket);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if socket.read_line(&mut head).await.unwrap() == 0 {
                return;
            }
        }
        let head = head.to_ascii_lowercase();
        let mut lines = head.lines();
        let length = lines.find_map(|line| line.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        socket.read_exact(&mut body).await.unwrap();
        let answer = match head.starts_with("get ") {
            true => answers.lock().unwrap().next().unwrap_or(Next {
                status: "500 Internal Server Error",
                headers: Vec::new(),
                body: b"no more".to_vec(),
            }),
            false => {
                let body = serde_json::from_slice(&body).unwrap();
                requests.lock().unwrap().push(Request { head, body });
                Next {
                    status: "202 Accepted",
                    headers: Vec::new(),
                    body: b"{}".to_vec(),
                }
            }
        };
        let mut text = format!("HTTP/1.1 {}\r\n", answer.status);
        for (name, value) in answer.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("Content-Length: {}\r\n\r\n", answer.body.len());
        socket.write_all(text.as_bytes()).await.unwrap();
        socket.write_all(&answer.body).await.unwrap();
    }
}

fn router() -> Router {
    async fn panics() -> String {
        panic!("the pot fell")
    }

    Router::new()
        .two_way("echo", async |context: Context| {
            context.request_id().to_owned()
        })
        .two_way("trace", async |context: Context| {
            context.trace_id().unwrap_or_default().to_owned()
        })
        .two_way("panic", panics)
}

#[tokio::test]
async fn events_are_handled_one_after_the_other_until_the_api_fails() {
    let nothing = Next {
        status: "204 No Content",
        headers: Vec::new(),
        body: Vec::new(),
    };
    let answers = vec![event(message("echo")), nothing, event(message("echo"))];
    let (requests, end) = run(router(), answers).await;
    assert_eq!(requests.len(), 2, "{requests:?}");
    for request in &requests {
        let head = &request.head;
        let expected = "post /2018-06-01/runtime/invocation/id/response ";
        assert!(head.starts_with(expected), "{head}");
        let expected = "\r\nlambda-runtime-invocation-id: delivery\r\n";
        assert!(head.contains(expected), "{head}");
        assert!(head.contains("\r\nuser-agent: aws-lambda-rust/"), "{head}");
        assert_eq!(request.body["statusCode"], 200);
        assert!(request.body["body"].is_string());
    }
    assert!(end.contains("500") && end.ends_with("no more"), "{end}");
}

/// Events with ids of their own, for a route whose handler waits for as many events at once as there are workers.
async fn events_meet(workers: usize) {
    let barrier = Arc::new(Barrier::new(workers));
    let router = Router::new().two_way("meet", move |context: Context| {
        let barrier = barrier.clone();
        async move {
            barrier.wait().await;
            context.trace_id().unwrap_or_default().to_owned()
        }
    });
    let answers = (0..workers * 3).map(|number| {
        let mut event = event(message("meet"));
        event.headers[0].1 = format!("id-{number}");
        let trace = ("Lambda-Runtime-Trace-Id", format!("trace-{number}"));
        event.headers.push(trace);
        event
    });
    let (requests, connections, _) = run_with(router, answers.collect(), workers, false).await;
    assert_eq!(requests.len(), workers * 3);
    // Two requests an event. The client may connect while a connection becomes free.
    assert!(connections < workers * 3, "{connections}");
    for request in requests {
        let trace = request.body["body"].as_str().unwrap();
        let number = trace.strip_prefix("trace-").unwrap();
        assert!(
            request.head.contains(&format!("/id-{number}/response ")),
            "an event has the answer of another: {request:?}"
        );
    }
}

#[tokio::test]
async fn workers_handle_events_at_the_same_time_on_one_thread() {
    events_meet(4).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workers_handle_events_at_the_same_time_on_several_threads() {
    events_meet(4).await;
}

#[tokio::test]
async fn an_event_that_runs_when_the_api_fails_is_still_answered() {
    let router = Router::new().two_way("slow", async || {
        tokio::time::sleep(Duration::from_millis(100)).await;
        "done"
    });
    // The second worker gets no event.
    let answers = vec![event(message("slow"))];
    let (requests, _, end) = run_with(router, answers, 2, false).await;
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].body["body"], "done");
    assert!(end.ends_with("no more"), "{end}");
}

#[tokio::test]
async fn after_a_restore_the_loop_has_a_new_connection() {
    let restored = Next {
        status: "200 OK",
        headers: Vec::new(),
        body: Vec::new(),
    };
    let answers = vec![restored, event(message("echo")), event(message("echo"))];
    let (requests, connections, _) = run_with(router(), answers, 1, true).await;
    assert_eq!((requests.len(), connections), (2, 2));
}

#[tokio::test]
async fn fault_m6_a_handler_has_the_trace_and_the_environment_does_not() {
    let traced = |number: u32| {
        let mut event = event(message("trace"));
        let trace = format!("Root=1-6566f071-{number:024x};Sampled=0");
        event.headers.push(("Lambda-Runtime-Trace-Id", trace));
        event
    };
    let (requests, _) = run(router(), (0..3).map(traced).collect()).await;
    assert_eq!(requests.len(), 3);
    let seen = |number: usize| requests[number].body["body"].as_str();
    let expected = Some("Root=1-6566f071-000000000000000000000001;Sampled=0");
    assert_eq!(seen(1), expected);
    assert!(std::env::var_os("_X_AMZN_TRACE_ID").is_none());
}

#[tokio::test]
async fn fault_f21_a_failure_is_reported_under_the_name_of_its_error() {
    let bad_name = json!({"publish": {"room": "", "data": 1}}).to_string();
    let bad_task = json!({"lambdaWsTask": {"form": 7}}).to_string();
    let cases: [(&[u8], &str, &str); 6] = [
        (b"{}", "UnknownEvent", "CONNECT, MESSAGE or DISCONNECT"),
        (b"{\"a\":", "UnknownEvent", "EOF while parsing"),
        (&[0xff, 0xfe], "UnknownEvent", "invalid utf-8"),
        (bad_name.as_bytes(), "PublishError", "1 to 256 bytes"),
        (bad_task.as_bytes(), "TaskError", "has format 7"),
        (message("panic").leak().as_bytes(), "Panic", "the pot fell"),
    ];
    let mut answers: Vec<_> = cases.iter().map(|(body, ..)| event(*body)).collect();
    // The process survives.
    answers.push(event(message("echo")));
    let (requests, _) = run(router(), answers).await;
    assert_eq!(requests.len(), cases.len() + 1);
    assert!(requests[cases.len()].head.contains("/response "));
    for (request, (_, kind, text)) in requests.iter().zip(cases) {
        let Request { head, body } = request;
        let expected = "post /2018-06-01/runtime/invocation/id/error ";
        assert!(head.starts_with(expected), "{head}");
        let expected = "\r\nlambda-runtime-function-error-type: unhandled\r\n";
        assert!(head.contains(expected), "{head}");
        assert_eq!(body.as_object().unwrap().len(), 2, "{body}");
        assert_eq!(body["errorType"], kind, "{body}");
        let message = body["errorMessage"].as_str().unwrap();
        assert!(message.contains(text), "{message}");
    }
}

#[test]
fn an_invalid_address_is_an_error_that_contains_it() {
    for bad in ["/path", "a b", "http:///"] {
        let error = Runtime::new(bad, 1).err().expect(bad).to_string();
        assert!(error.contains("AWS_LAMBDA_RUNTIME_API"), "{error}");
    }
    assert!(Runtime::new("127.0.0.1:9001", 1).is_ok());
}

#[test]
fn the_path_of_the_runtime_api_is_kept() {
    for (address, expected) in [
        ("127.0.0.1:9001", "http://127.0.0.1:9001"),
        ("http://127.0.0.1:9000/chat", "http://127.0.0.1:9000/chat"),
        ("http://[::1]:9000/chat/", "http://[::1]:9000/chat"),
    ] {
        let runtime = Runtime::new(address, 1).unwrap();
        let uri = runtime.client.uri(NEXT).unwrap();
        assert_eq!(uri.to_string(), format!("{expected}{NEXT}"));
    }
}
