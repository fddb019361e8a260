//! Conformance B9 and G3: who has signed what.

mod handshakes;

use crate::gateway::Authorization;
use crate::gateway::testing::{Client, Local, Reply, Setup, echo, ok};
use aws_sigv4::http_request::{
    SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign,
};
use aws_sigv4::sign::v4;
use lambda_ws_protocol::Timestamp;
use lambda_ws_protocol::sigv4::{Credentials, Request, Signer};
use serde_json::{Value, json};
use std::time::Duration;

const REGION: &str = "eu-west-1";

fn credentials() -> Credentials {
    Credentials::new("test", "secret")
}

fn setup() -> Setup {
    let setup = Setup::new().two_way("$default", echo).route("$connect", ok);
    setup.options(|options| {
        options.credentials = Some(credentials());
        options.region = REGION.to_owned();
    })
}

fn iam() -> Setup {
    let mut setup = setup();
    setup.api.authorization = Authorization::Iam;
    setup
}

async fn opened(setup: Setup) -> (Local, Client, String) {
    let local = setup.start().await;
    let client = local.connect().await;
    let id = local.id().await;
    (local, client, id)
}

fn signer(credentials: &Credentials) -> Signer<'_> {
    Signer {
        credentials,
        region: REGION,
        service: "execute-api",
    }
}

/// The headers of a request that was signed at `now`, one a line.
fn headers(signer: Signer<'_>, method: &str, path: &str, body: &[u8], now: Timestamp) -> String {
    let request = Request {
        method,
        path,
        query: "",
        headers: vec![("host", b"localhost")],
        body,
    };
    let signed = signer.sign(&request, now).unwrap().into_iter();
    let signed = signed.map(|(name, value)| format!("{name}: {value}\r\n"));
    format!("Host: localhost\r\n{}", signed.collect::<String>())
}

async fn call(local: &Local, signer: Signer<'_>, method: &str, path: &str, body: &str) -> Reply {
    let body = body.as_bytes();
    let headers = headers(signer, method, path, body, Timestamp::now());
    local.http_with(method, path, &headers, body).await
}

fn message(reply: &Reply) -> String {
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    body["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn g1_g2_a_signed_call_is_carried_out_however_its_path_is_encoded() {
    let (local, mut client, id) = opened(setup()).await;
    let credentials = credentials();
    let signer = signer(&credentials);
    let encoded = id.replace('=', "%3D");
    let paths = [
        format!("/dev/@connections/{id}"),
        format!("/dev/@connections/{encoded}"),
        format!("/dev/%40connections/{id}"),
        format!("/dev/%40connections/{encoded}"),
    ];
    for path in &paths {
        let reply = call(&local, signer, "POST", path, path).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, ""), "{path}");
        assert_eq!(client.text().await, *path);
        assert_eq!(call(&local, signer, "GET", path, "").await.status, 200);
    }
    let status = async |method, path| call(&local, signer, method, path, "").await.status;
    assert_eq!(status("DELETE", &paths[0]).await, 204);
    assert_eq!(client.closed().await.0, 1000);
    assert_eq!(status("POST", &paths[0]).await, 410);
    assert_eq!(status("POST", "/dev/@connections/no-id").await, 400);
}

#[tokio::test]
async fn g3_an_unsigned_call_is_not_carried_out() {
    let (local, mut client, id) = opened(setup()).await;
    let path = format!("/dev/@connections/{id}");
    for method in ["POST", "GET", "DELETE"] {
        let reply = local.http(method, &path, b"").await;
        assert_eq!(reply.status, 403);
        assert_eq!(reply.kind(), "missingauthenticationtokenexception");
        assert_eq!(reply.body, r#"{"message":"Missing Authentication Token"}"#);
        assert!(reply.head.contains("x-amzn-requestid: "), "{}", reply.head);
    }
    client.ping().await;
}

#[tokio::test]
async fn g3_a_call_that_is_signed_otherwise_is_not_carried_out() {
    let (local, mut client, id) = opened(setup()).await;
    let path = format!("/dev/@connections/{id}");
    let ours = credentials();
    let wrong_key = Credentials::new("other", "secret");
    let wrong_secret = Credentials::new("test", "other");
    let elsewhere = Signer {
        region: "us-east-1",
        ..signer(&ours)
    };
    for (signer, kind, text) in [
        (
            signer(&wrong_key),
            "unrecognizedclientexception",
            "The security token included in the request is invalid.",
        ),
        (
            signer(&wrong_secret),
            "invalidsignatureexception",
            "The request signature we calculated does not match the signature you provided.",
        ),
        (
            elsewhere,
            "invalidsignatureexception",
            "Credential should be scoped to a valid region.",
        ),
    ] {
        let reply = call(&local, signer, "POST", &path, "x").await;
        assert_eq!((reply.status, reply.kind()), (403, kind));
        assert!(message(&reply).starts_with(text), "{}", reply.body);
    }
    let signed = headers(signer(&ours), "POST", &path, b"ours", Timestamp::now());
    let reply = local.http_with("POST", &path, &signed, b"theirs").await;
    assert_eq!(reply.status, 403);
    assert_eq!(reply.kind(), "invalidsignatureexception");
    let old = Timestamp::from_secs(Timestamp::now().secs() - 400);
    let signed = headers(signer(&ours), "POST", &path, b"old", old);
    let reply = local.http_with("POST", &path, &signed, b"old").await;
    assert_eq!(reply.status, 403);
    assert_eq!(reply.kind(), "invalidsignatureexception");
    let expected = "Signature expired: ";
    assert!(message(&reply).starts_with(expected), "{}", reply.body);
    let basic = "Host: localhost\r\nAuthorization: Basic dGVzdDp0ZXN0\r\n";
    let reply = local.http_with("POST", &path, basic, b"x").await;
    assert_eq!(reply.status, 403);
    assert_eq!(reply.kind(), "incompletesignatureexception");
    client.ping().await;
}

#[tokio::test]
async fn g6_data_over_128_kb_is_a_413_however_it_is_signed() {
    let (local, _client, id) = opened(setup()).await;
    let ours = credentials();
    let path = format!("/dev/@connections/{id}");
    let data = "x".repeat(128 * 1024 + 1);
    let reply = call(&local, signer(&ours), "POST", &path, &data).await;
    assert_eq!(reply.status, 413);
    assert_eq!(reply.kind(), "payloadtoolargeexception");
    let largest = &data[1..];
    let reply = call(&local, signer(&ours), "POST", &path, largest).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn g3_a_method_without_permission_is_denied_with_the_account_masked() {
    let setup = setup().options(|options| {
        options.denied = vec![http::Method::POST];
        options.account_id = "111122223333".to_owned();
    });
    let (local, _client, id) = opened(setup).await;
    let ours = credentials();
    let path = format!("/dev/@connections/{id}");
    let reply = call(&local, signer(&ours), "POST", &path, "x").await;
    assert_eq!((reply.status, reply.kind()), (403, "accessdeniedexception"));
    assert_eq!(
        reply.body,
        concat!(
            r#"{"Message":"User: arn:aws:iam::111122223333:user/local is not authorized to perform: "#,
            "execute-api:ManageConnections on resource: ",
            r#"arn:aws:execute-api:eu-west-1:********3333:abcd1234/dev/POST/@connections/{connectionId}"}"#
        )
    );
    let found = call(&local, signer(&ours), "GET", &path, "").await.status;
    assert_eq!(found, 200);
    // Who it is comes before what it may.
    let expected = "missingauthenticationtokenexception";
    assert_eq!(local.post(&id, "x").await.kind(), expected);
}

#[tokio::test]
async fn without_credentials_nothing_is_verified() {
    let setup = iam().options(|options| options.credentials = None);
    let (local, mut client, id) = opened(setup).await;
    assert_eq!(local.post(&id, "x").await.status, 200);
    assert_eq!(client.text().await, "x");
}
