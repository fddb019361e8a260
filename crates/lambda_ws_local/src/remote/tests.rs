use super::*;
use crate::listener::{Handler, Listener};
use http::Response;
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

const SECOND: Duration = Duration::from_secs(1);

/// An emulator that answers as it is told, one answer at a time.
#[derive(Clone)]
struct Emulator {
    arrived: mpsc::UnboundedSender<(String, oneshot::Sender<Response<Full<Bytes>>>)>,
}

impl Handler for Emulator {
    const PATIENCE: Duration = SECOND.saturating_mul(60);

    async fn handle(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (answer, answered) = oneshot::channel();
        let path = request.uri().path().to_owned();
        let body = Body::read(request.into_body(), RESPONSE_LIMIT, 60 * SECOND).await;
        let event = String::from_utf8_lossy(&body.expect("a body").bytes).into_owned();
        let _ = self.arrived.send((format!("{path} {event}"), answer));
        answered.await.unwrap_or_default()
    }
}

type Arrivals = mpsc::UnboundedReceiver<(String, oneshot::Sender<Response<Full<Bytes>>>)>;

async fn emulator() -> (String, Arrivals) {
    let (arrived, arrivals) = mpsc::unbounded_channel();
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", socket.local_addr().expect("an address"));
    tokio::spawn(async move { Listener::new(socket, Emulator { arrived }).serve().await });
    (url, arrivals)
}

fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    let body = Full::from(body.to_owned());
    response.body(body).expect("an answer")
}

/// What comes of one event that is answered so.
async fn outcome(response: Response<Full<Bytes>>) -> Result<String, String> {
    let (url, mut arrivals) = emulator().await;
    let remote = RemoteFunction::new(&url, "chat", SECOND).expect("a URL");
    let serve = async {
        let (_, reply) = arrivals.recv().await.expect("an event");
        reply.send(response).expect("somebody waits");
    };
    let (outcome, ()) = tokio::join!(remote.invoke("{}".into()), serve);
    match outcome {
        Ok(body) => Ok(String::from_utf8_lossy(&body).into_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn a_url_without_a_path_gets_lambdas() {
    let url =
        |url: &str| RemoteFunction::new(url, "my_chat-1.a", SECOND).map(|remote| remote.url());
    for base in ["http://localhost:9000", "http://localhost:9000/"] {
        let expected = "http://localhost:9000/2015-03-31/functions/my_chat-1%2Ea/invocations";
        assert_eq!(url(base).expect("a URL"), expected);
    }
    let whole = "http://localhost:9000/2015-03-31/functions/@chat.basic/invocations";
    assert_eq!(url(whole).expect("a URL"), whole);
    let schemes = ["https://localhost", "ws://localhost"];
    for wrong in ["localhost:9000", "9000", ""].into_iter().chain(schemes) {
        assert!(url(wrong).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn a_response_is_passed_on_and_an_error_is_recognised() {
    let response = r#"{"statusCode":200}"#;
    let expected = Ok(response.to_owned());
    assert_eq!(outcome(answer(200, &[], response)).await, expected);
    let report = r#"{"errorType":"KeyError","errorMessage":"no text"}"#;
    let failed = Err("the function failed: KeyError: no text".to_owned());
    let header = [("x-amz-function-error", "Unhandled")];
    assert_eq!(outcome(answer(200, &header, report)).await, failed);
    // The Runtime Interface Emulator says it by the form alone, others by a status.
    assert_eq!(outcome(answer(200, &[], report)).await, failed);
    assert_eq!(outcome(answer(500, &[], report)).await, failed);
    // A function may well speak of errors in a response.
    let response = r#"{"errorType":"a","errorMessage":"b","statusCode":200}"#;
    let expected = Ok(response.to_owned());
    assert_eq!(outcome(answer(200, &[], response)).await, expected);
    let expected = Err("the function failed: status 502: no container".to_owned());
    assert_eq!(outcome(answer(502, &[], "no container\n")).await, expected);
}

#[tokio::test]
async fn a_throttle_is_one_and_an_unknown_function_is_told_with_what_helps() {
    let error = outcome(answer(429, &[], "{}")).await.expect_err("an error");
    assert_eq!(error, InvokeError::Throttled.to_string());
    let error = outcome(answer(404, &[], "{}")).await.expect_err("an error");
    assert!(error.contains("functions/NAME/invocations"), "{error}");
}

#[tokio::test]
async fn that_nobody_listens_is_told_with_what_helps_once() {
    let unused = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", unused.local_addr().expect("an address"));
    drop(unused);
    let remote = RemoteFunction::new(&url, "chat", SECOND).expect("a URL");
    let mut texts = Vec::new();
    for _ in 0..2 {
        let result = remote.invoke("{}".into()).await;
        let error = result.expect_err("no server listens");
        let is_unreachable = matches!(error, InvokeError::Unreachable { .. });
        assert!(is_unreachable, "{error:?}");
        texts.push(error.to_string());
    }
    assert!(texts[0].contains("cargo lambda watch"), "{texts:?}");
    let expected = format!("no server listens at {}", &url["http://".len()..]);
    assert_eq!(texts[1], expected);
}

/// Whether a second event arrives before the first is answered.
async fn overlaps(remote: &RemoteFunction, arrivals: &mut Arrivals) -> bool {
    let (a, b) = (remote.clone(), remote.clone());
    let first = tokio::spawn(async move { a.invoke("1".into()).await });
    let (_, reply) = arrivals.recv().await.expect("an event");
    let second = tokio::spawn(async move { b.invoke("2".into()).await });
    let early = match &remote.shared.turns {
        None => Some(arrivals.recv().await.expect("an event")),
        Some((_, places)) => {
            // It stands in line.
            while places.available_permits() == QUEUE {
                tokio::task::yield_now().await;
            }
            arrivals.try_recv().ok()
        }
    };
    let overlaps = early.is_some();
    reply.send(answer(200, &[], "1")).expect("somebody waits");
    let (_, reply) = match early {
        Some(early) => early,
        None => arrivals.recv().await.expect("the second"),
    };
    reply.send(answer(200, &[], "2")).expect("somebody waits");
    for (call, body) in [(first, b"1"), (second, b"2")] {
        let answer = call.await.expect("no panic").expect("an answer");
        assert_eq!(&answer[..], body);
    }
    overlaps
}

#[tokio::test]
async fn the_runtime_interface_emulator_gets_one_event_at_a_time() {
    let (url, mut arrivals) = emulator().await;
    let new = |url: &str| RemoteFunction::new(url, "chat", SECOND).expect("a URL");
    assert!(overlaps(&new(&url), &mut arrivals).await);
    assert!(!overlaps(&new(&url).serial(), &mut arrivals).await);
    let url = format!("{url}/2015-03-31/functions/function/invocations");
    assert!(!overlaps(&new(&url), &mut arrivals).await);
}

#[tokio::test]
async fn a_caller_who_goes_away_does_not_give_the_turn_to_another() {
    let (url, mut arrivals) = emulator().await;
    let remote = RemoteFunction::new(&url, "chat", SECOND);
    let remote = remote.expect("a URL").serial();
    let first = remote.clone();
    let first = tokio::spawn(async move { first.invoke("1".into()).await });
    let (event, reply) = arrivals.recv().await.expect("an event");
    assert_eq!(event, "/2015-03-31/functions/chat/invocations 1");
    first.abort();
    assert!(first.await.expect_err("it was ended").is_cancelled());
    let (turns, _) = remote.shared.turns.as_ref().expect("turns");
    assert_eq!(turns.available_permits(), 0);
    let sent = reply.send(answer(200, &[], "1"));
    sent.expect("the request goes on");
    let second = tokio::spawn(async move { remote.invoke("2".into()).await });
    let (event, _reply) = arrivals.recv().await.expect("an event");
    assert!(event.ends_with(" 2"), "{event}");
    second.abort();
}
