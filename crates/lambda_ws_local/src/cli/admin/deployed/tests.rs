use super::*;
use http_body_util::BodyExt;
use lambda_ws_protocol::sigv4::Credentials;

fn function(name: &str, endpoint: Option<&'static str>) -> DeployedFunction {
    let mut credentials = Credentials::new("AKID", "secret");
    credentials.session_token = Some("token".to_owned());
    let account = Account::fixed("eu-west-1", credentials);
    DeployedFunction::new(name, account, endpoint.map(Uri::from_static)).expect("a function")
}

#[tokio::test]
async fn a_request_is_signed_for_lambda_with_its_encoded_path() {
    let function = function("chat:live", Some("http://localhost:3002/base/"));
    let request = function.request("{}".to_owned()).await.expect("a request");
    let (head, body) = request.into_parts();
    let path = "/base/2015-03-31/functions/chat%3Alive/invocations";
    assert_eq!(head.uri.path(), path);
    let body = body.collect().await.expect("a body").to_bytes();
    let mut headers = vec![("host", &b"localhost:3002"[..])];
    let sent = head.headers.iter();
    headers.extend(sent.map(|(name, value)| (name.as_str(), value.as_bytes())));
    let signed = sigv4::Request {
        method: "POST",
        path,
        query: "",
        headers,
        body: &body,
    };
    let credentials = function.account.credentials().await.expect("credentials");
    let signer = |service| Signer {
        credentials: &credentials,
        region: "eu-west-1",
        service,
    };
    let verified = signer("lambda").verify(&signed, Timestamp::now());
    assert!(verified.is_ok(), "{verified:?}");
    let other = signer("execute-api").verify(&signed, Timestamp::now());
    assert!(other.is_err());
}

#[test]
fn the_endpoint_is_that_of_the_region() {
    let function = function("chat", None);
    assert_eq!(function.endpoint, "https://lambda.eu-west-1.amazonaws.com/");
    assert!(function.tls.is_some());
}

#[test]
fn each_response_is_an_answer_or_an_error_that_tells_whether_a_retry_helps() {
    let function = function("chat", Some("http://localhost"));
    let answer = |status: u16, is_failed: bool, body: &'static str| {
        let mut response = Response::builder().status(status);
        if is_failed {
            response = response.header("X-Amz-Function-Error", "Unhandled");
        }
        let response = response.body(Bytes::from_static(body.as_bytes()));
        function.answer(&response.expect("a response"))
    };
    assert_eq!(
        answer(200, false, r#"{"count":1}"#).expect("an answer"),
        r#"{"count":1}"#
    );
    let off = r#"{"errorType":"AdminError","errorMessage":"it is off"}"#;
    let crash = r#"{"errorType":"Runtime.ExitError","errorMessage":"exit status 1"}"#;
    let denied = r#"{"Message":"User: x is not authorized"}"#;
    for (status, is_failed, body, kind, text) in [
        (200, true, off, "rejected", "it is off"),
        (
            200,
            true,
            crash,
            "failed",
            "Runtime.ExitError: exit status 1",
        ),
        (200, true, "not JSON", "failed", "not JSON"),
        (403, false, denied, "rejected", "lambda:InvokeFunction"),
        (403, false, denied, "rejected", "not authorized"),
        (
            404,
            false,
            "{}",
            "rejected",
            "no function `chat` in eu-west-1",
        ),
        (400, false, "{}", "rejected", "status 400"),
        (429, false, "{}", "not invoked", "throttles"),
        (502, false, "", "failed", "status 502"),
    ] {
        let (found, failure) = match answer(status, is_failed, body).expect_err("an error") {
            CommandError::Rejected(failure) => ("rejected", failure),
            CommandError::NotInvoked(failure) => ("not invoked", failure),
            CommandError::Failed(failure) => ("failed", failure),
        };
        assert_eq!(found, kind, "{status} {body}");
        assert!(
            failure.text().contains(text),
            "{status}: {}",
            failure.text()
        );
    }
}
