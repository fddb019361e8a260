//! The Runtime API, to who asks what is out of order.

use super::*;

#[tokio::test]
async fn the_runtime_api_answers_as_lambda_does() {
    let probe = Probe::start(probe(&[])).await;
    let request = async |what: &str| probe.answer(&format!("request {what}")).await;
    let invocation = "/2018-06-01/runtime/invocation";
    assert_eq!(
        request(&format!("POST {invocation}/unknown/response")).await,
        r#"400 {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}"#
    );
    assert!(
        request(&format!("POST {invocation}/unknown/error"))
            .await
            .starts_with("400 ")
    );
    assert!(
        request(&format!("GET {invocation}/next"))
            .await
            .starts_with("403 "),
        "it works on an event"
    );
    assert!(
        request("POST /2018-06-01/runtime/init/error")
            .await
            .starts_with("403 "),
        "it has started"
    );
    assert!(
        request("GET /2018-06-01/runtime/other")
            .await
            .starts_with("404 ")
    );
    assert!(request("GET /").await.starts_with("404 "));
    assert_eq!(request("GET /2018-06-01/ping").await, "200 pong");
}

#[tokio::test]
async fn the_runtime_api_answers_no_web_page() {
    let probe = Probe::start(probe(&[])).await;
    let request = async |what: &str| {
        probe
            .answer(&format!("request GET /2018-06-01/ping {what}"))
            .await
    };
    assert!(request("localhost:80").await.starts_with("200 "));
    assert!(request("evil.example").await.starts_with("403 "));
    assert!(
        request("localhost http://evil.example")
            .await
            .starts_with("403 ")
    );
    assert!(
        request("localhost http://localhost")
            .await
            .starts_with("403 ")
    );
}
