use super::*;
use crate::function::StartError;
use ::http::header::{HOST, ORIGIN};
use ::http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// The API of one function, over a socket.
struct Api {
    url: String,
    sees: mpsc::UnboundedReceiver<Seen>,
    lambda: Lambda,
}

impl Api {
    async fn with(answers: impl IntoIterator<Item = Outcome>) -> Api {
        let (chat, sees) = chat(answers);
        let lambda = Lambda::new([chat], Options::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let serving = lambda.clone();
        tokio::spawn(async move { serving.serve(listener).await });
        Api { url, sees, lambda }
    }

    async fn request(&self, path: &str, headers: &[(&str, &str)], body: Bytes) -> Response<Bytes> {
        let mut request = Request::post(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body)).expect("a request");
        let client = Client::builder(TokioExecutor::new()).build_http();
        let response = client.request(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Response::from_parts(parts, body)
    }

    /// Invokes the function `chat`; the type is `RequestResponse` if it is empty.
    async fn invoke(&self, kind: &str, body: impl Into<Bytes>) -> Response<Bytes> {
        let headers: &[_] = match kind {
            "" => &[],
            kind => &[("x-amz-invocation-type", kind)],
        };
        self.request(CHAT, headers, body.into()).await
    }
}

const CHAT: &str = "/2015-03-31/functions/chat/invocations";

fn header<'a>(response: &'a Response<Bytes>, name: &str) -> Option<&'a str> {
    let value = response.headers().get(name)?;
    Some(value.to_str().expect("ASCII"))
}

/// Status, exception and message.
fn refusal(response: &Response<Bytes>) -> (u16, &str, String) {
    let body: Value = serde_json::from_slice(response.body()).expect("JSON");
    let message = body.get("message").or(body.get("Message"));
    let message = message.and_then(Value::as_str).expect("a message");
    let error_type = header(response, "x-amzn-errortype").unwrap_or_default();
    (response.status().as_u16(), error_type, message.to_owned())
}

#[tokio::test]
async fn the_trace_of_the_caller_is_passed_on() {
    const TRACE: &str = "Root=1-65d2ff2e-718990494fd688f062bf1571;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a87bd80c:3";
    let mut api = Api::with((0..4).map(|_| Ok("null".into()))).await;
    for kind in ["RequestResponse", "Event"] {
        for (sent, passes) in [(TRACE, true), ("other", false)] {
            let headers = [("x-amz-invocation-type", kind), ("x-amzn-trace-id", sent)];
            let response = api.request(CHAT, &headers, "{}".into()).await;
            assert!(response.status().is_success());
            let seen = api.sees.recv().await.expect("an event");
            assert_eq!(seen.trace == TRACE, passes, "{kind}: {:?}", seen.trace);
            assert!(seen.trace.as_bytes().starts_with(b"Root=1-"), "{kind}");
        }
    }
}

#[tokio::test]
async fn a_synchronous_invocation_is_answered_with_the_functions_response() {
    let mut api = Api::with([Ok("[1, 2]".into()), Ok("null".into())]).await;
    let response = api.invoke("RequestResponse", r#"{"a": 1}"#).await;
    assert_eq!(response.status(), 200);
    assert_eq!(&response.body()[..], b"[1, 2]");
    assert_eq!(header(&response, "x-amz-executed-version"), Some("$LATEST"));
    assert_eq!(header(&response, "x-amz-function-error"), None);
    let seen = api.sees.recv().await.expect("an event");
    assert_eq!(&seen.event[..], br#"{"a": 1}"#);
    let expected = Some(&*seen.request_id);
    assert_eq!(header(&response, "x-amzn-requestid"), expected);

    // Without a payload the event is an empty object.
    assert_eq!(&api.invoke("", "").await.body()[..], b"null");
    assert_eq!(&api.sees.recv().await.expect("an event").event[..], b"{}");
}

#[tokio::test]
async fn an_error_of_the_function_is_a_success_with_a_header_and_the_report() {
    let report = r#"{"errorMessage":"no","errorType":"KeyError","stackTrace":["x"]}"#;
    let status = std::os::unix::process::ExitStatusExt::from_raw;
    let api = Api::with([
        Err(InvokeError::Handler {
            error_type: "KeyError".to_owned(),
            message: "no".to_owned(),
            report: report.into(),
        }),
        Err(InvokeError::Crashed {
            status: status(7 << 8),
        }),
        Err(InvokeError::TimedOut {
            after: Duration::from_secs(3),
        }),
        Err(InvokeError::TooLarge { size: 7_000_000 }),
        Err(InvokeError::Start(StartError::Exited {
            status: status(9),
            stderr: Vec::new(),
        })),
    ])
    .await;
    let mut bodies = Vec::new();
    for _ in 0..5 {
        let response = api.invoke("", "{}").await;
        assert_eq!(response.status(), 200);
        assert_eq!(header(&response, "x-amz-function-error"), Some("Unhandled"));
        let id = header(&response, "x-amzn-requestid")
            .expect("an id")
            .to_owned();
        let text = String::from_utf8_lossy(response.body()).replace(&id, "ID");
        bodies.push(text);
    }
    assert_eq!(
        bodies,
        [
            report,
            r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: exit status 7"}"#,
            r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 3.00 seconds"}"#,
            r#"{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size exceeded maximum allowed payload size (6291556 bytes)."}"#,
            r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: ID Error: Runtime exited with error: signal: killed"}"#,
        ]
    );
}

#[tokio::test]
async fn what_is_no_error_of_the_function_is_an_exception() {
    let api = Api::with([
        Err(InvokeError::Throttled),
        Err(InvokeError::Pending),
        Err(InvokeError::Stopped),
    ])
    .await;
    let response = api.invoke("", "{}").await;
    let (status, error_type, _) = refusal(&response);
    assert_eq!((status, error_type), (429, "TooManyRequestsException"));
    let response = api.invoke("", "{}").await;
    let (status, error_type, _) = refusal(&response);
    assert_eq!((status, error_type), (409, "ResourceConflictException"));
    let response = api.invoke("", "{}").await;
    let (status, error_type, _) = refusal(&response);
    assert_eq!((status, error_type), (500, "ServiceException"));
}

#[tokio::test]
async fn an_asynchronous_invocation_is_accepted_before_it_is_worked_on() {
    let mut api = Api::with([]).await;
    let response = api.invoke("Event", "{}").await;
    assert_eq!(response.status().as_u16(), 202);
    assert_eq!(response.body().len(), 0);
    let seen = api.sees.recv().await.expect("an event");
    let expected = Some(&*seen.request_id);
    assert_eq!(header(&response, "x-amzn-requestid"), expected);
    assert_eq!(api.lambda.stop(), 1, "it is never answered");
    assert_eq!(api.invoke("Event", "{}").await.status(), 429);
}

#[tokio::test]
async fn a_dry_run_invokes_nothing() {
    let mut api = Api::with([]).await;
    let response = api.invoke("DryRun", "{}").await;
    assert_eq!(response.status().as_u16(), 204);
    assert_eq!(response.body().len(), 0);
    assert!(api.sees.try_recv().is_err());
    let response = api.invoke("Sometimes", "{}").await;
    assert_eq!(refusal(&response).1, "InvalidParameterValueException");
}

#[tokio::test]
async fn an_event_over_6_mb_or_1_mb_or_that_is_no_json_is_refused() {
    let api = Api::with([Ok("1".into())]).await;
    let json = |size: usize| format!("\"{}\"", "x".repeat(size - 2));
    for (kind, limit) in [("RequestResponse", 6_291_456), ("Event", 1_048_576)] {
        let response = api.invoke(kind, json(limit + 1)).await;
        let message =
            format!("Request must be smaller than {limit} bytes for the InvokeFunction operation");
        let expected = (413, "RequestTooLargeException", message);
        assert_eq!(refusal(&response), expected);
        assert!(api.invoke(kind, json(limit)).await.status().is_success());
    }
    let response = api.invoke("Event", "{'a'}").await;
    let (status, error_type, message) = refusal(&response);
    assert_eq!(status, 400);
    assert_eq!(error_type, "InvalidRequestContentException");
    let expected = "Could not parse request body into json";
    assert!(message.starts_with(expected), "{message}");
}

#[tokio::test]
async fn a_function_is_found_by_its_remote_name_in_any_version() {
    let api = Api::with((0..3).map(|_| Ok("1".into()))).await;
    for name in ["bin-chat", "bin-chat%3A1", "bin-chat%3A%24LATEST"] {
        let path = format!("/2015-03-31/functions/{name}/invocations");
        let response = api.request(&path, &[], Bytes::new()).await;
        assert_eq!(response.status(), 200, "{name}");
    }
}

#[tokio::test]
async fn a_function_is_found_by_name_and_arn_and_latest_only() {
    const ARN: &str = "arn:aws:lambda:us-east-1:000000000000:function:";
    let api = Api::with((0..4).map(|_| Ok("1".into()))).await;
    let status = async |path: &str| {
        let path = format!("/2015-03-31/functions/{path}");
        let response = api.request(&path, &[], Bytes::new()).await;
        (response.status().as_u16(), response.into_body())
    };
    let arn = ARN.replace(':', "%3A");
    assert_eq!(status(&format!("{arn}chat/invocations")).await.0, 200);
    assert_eq!(status("chat%3A%24LATEST/invocations").await.0, 200);
    assert_eq!(status("chat/invocations?Qualifier=%24LATEST").await.0, 200);
    for (path, function) in [
        ("nosuch/invocations", "nosuch"),
        ("chat/invocations?Qualifier=live", "chat:live"),
        ("chat:live/invocations", "chat:live"),
    ] {
        let (status, body) = status(path).await;
        let body: Value = serde_json::from_slice(&body).expect("JSON");
        let message = format!("Function not found: {ARN}{function}");
        assert_eq!(status, 404);
        assert_eq!(body, json!({"Type": "User", "Message": message}));
    }
    assert_eq!(status("chat:a/invocations?Qualifier=b").await.0, 400);
    assert_eq!(status("a%20b/invocations").await.0, 400);
    assert_eq!(status("chat").await.0, 404);
}

#[tokio::test]
async fn no_web_page_invokes_a_function() {
    let mut api = Api::with([]).await;
    for (name, value) in [(ORIGIN, "https://evil.example"), (HOST, "evil.example")] {
        let headers = [(name.as_str(), value)];
        let response = api.request(CHAT, &headers, Bytes::new()).await;
        assert_eq!(response.status(), 403, "{name}");
    }
    assert!(api.sees.try_recv().is_err());
}
