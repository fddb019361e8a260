//! The JSON protocol over HTTP.

use super::*;

#[tokio::test]
async fn the_http_api_speaks_json_1_0() {
    let server = Server::start(connections().await).await;
    let response = server.send(server.request("ListTables", "{}")).await;
    assert_eq!(response.status(), 200);
    let expected = "application/x-amz-json-1.0";
    assert_eq!(response.headers()[CONTENT_TYPE], expected);
    assert_eq!(response.headers()["x-amzn-requestid"].len(), 52);
    assert_eq!(response.body(), r#"{"TableNames":["connections"]}"#);
}

#[tokio::test]
async fn errors_have_the_form_that_sdks_read() {
    let server = Server::start(connections().await).await;
    let unknown = "com.amazon.coral.service#UnknownOperationException";
    let serialization = "com.amazon.coral.service#SerializationException";
    let validation = "com.amazon.coral.validate#ValidationException";
    let not_found = "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException";
    let cases = [
        ("Unheard", "{}", unknown),
        ("GetItem", "no JSON", serialization),
        ("GetItem", r#"{"TableName":7}"#, serialization),
        ("GetItem", "{}", validation),
        ("DescribeTable", r#"{"TableName":"missing"}"#, not_found),
    ];
    for (operation, body, expected) in cases {
        let response = server.send(server.request(operation, body)).await;
        let text = String::from_utf8_lossy(response.body());
        assert_eq!(response.status(), 400, "{operation} {body}: {text}");
        let expected = format!(r#""__type":"{expected}""#);
        assert!(text.contains(&expected), "{operation} {body}: {text}");
        for mark in ["VALIDATION", "SERIALIZATION:"] {
            assert!(!text.contains(mark), "{text}");
        }
    }
}

#[tokio::test]
async fn nothing_but_a_post_to_the_root_is_served() {
    let server = Server::start(connections().await).await;
    let mut request = server.request("ListTables", "{}");
    *request.uri_mut() = "/shell".parse().expect("a path");
    assert_eq!(server.send(request).await.status(), 404);
    let mut request = server.request("ListTables", "{}");
    *request.method_mut() = Method::GET;
    assert_eq!(server.send(request).await.status(), 405);
    let body = vec![b' '; 16 * 1024 * 1024 + 1];
    let request = server.request("ListTables", body);
    assert_eq!(server.send(request).await.status(), 413);
}

#[tokio::test]
async fn no_web_page_reads_the_tables() {
    let server = Server::start(connections().await).await;
    for (name, value) in [(ORIGIN, "https://evil.example"), (HOST, "evil.example")] {
        let mut request = server.request("ListTables", "{}");
        let value = value.parse().expect("a value");
        request.headers_mut().insert(&name, value);
        assert_eq!(server.send(request).await.status(), 403, "{name}");
    }
}
