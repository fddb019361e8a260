//! Conformance B9 and G3: who has signed what.

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
    ["Host: localhost\r\n".to_owned()]
        .into_iter()
        .chain(signed)
        .collect()
}

async fn call(local: &Local, signer: Signer<'_>, method: &str, path: &str, body: &str) -> Reply {
    let headers = headers(signer, method, path, body.as_bytes(), Timestamp::now());
    local
        .http_with(method, path, &headers, body.as_bytes())
        .await
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
    assert_eq!(
        call(&local, signer, "DELETE", &paths[0], "").await.status,
        204
    );
    assert_eq!(client.closed().await.0, 1000);
    assert_eq!(
        call(&local, signer, "POST", &paths[0], "x").await.status,
        410
    );
    assert_eq!(
        call(&local, signer, "POST", "/dev/@connections/no-id", "x")
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn g3_an_unsigned_call_is_not_carried_out() {
    let (local, mut client, id) = opened(setup()).await;
    let path = format!("/dev/@connections/{id}");
    for method in ["POST", "GET", "DELETE"] {
        let reply = local.http(method, &path, b"").await;
        assert_eq!(
            (reply.status, reply.kind()),
            (403, "missingauthenticationtokenexception")
        );
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
    let (wrong_key, wrong_secret) = (
        Credentials::new("other", "secret"),
        Credentials::new("test", "other"),
    );
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
    assert_eq!(
        (reply.status, reply.kind()),
        (403, "invalidsignatureexception")
    );
    let old = Timestamp::from_secs(Timestamp::now().secs() - 400);
    let signed = headers(signer(&ours), "POST", &path, b"old", old);
    let reply = local.http_with("POST", &path, &signed, b"old").await;
    assert_eq!(
        (reply.status, reply.kind()),
        (403, "invalidsignatureexception")
    );
    assert!(
        message(&reply).starts_with("Signature expired: "),
        "{}",
        reply.body
    );
    let basic = "Host: localhost\r\nAuthorization: Basic dGVzdDp0ZXN0\r\n";
    let reply = local.http_with("POST", &path, basic, b"x").await;
    assert_eq!(
        (reply.status, reply.kind()),
        (403, "incompletesignatureexception")
    );
    client.ping().await;
}

#[tokio::test]
async fn g6_data_over_128_kb_is_a_413_however_it_is_signed() {
    let (local, _client, id) = opened(setup()).await;
    let ours = credentials();
    let path = format!("/dev/@connections/{id}");
    let data = "x".repeat(128 * 1024 + 1);
    let reply = call(&local, signer(&ours), "POST", &path, &data).await;
    assert_eq!(
        (reply.status, reply.kind()),
        (413, "payloadtoolargeexception")
    );
    let largest = &data[1..];
    assert_eq!(
        call(&local, signer(&ours), "POST", &path, largest)
            .await
            .status,
        200
    );
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
    assert_eq!(
        call(&local, signer(&ours), "GET", &path, "").await.status,
        200
    );
    // Who it is comes before what it may.
    assert_eq!(
        local.post(&id, "x").await.kind(),
        "missingauthenticationtokenexception"
    );
}

fn iam() -> Setup {
    let mut setup = setup();
    setup.api.authorization = Authorization::Iam;
    setup
}

/// A handshake that was signed in its headers.
async fn handshake(local: &Local, signer: Signer<'_>) -> Result<Client, (u16, String, Value)> {
    let host = local.address.to_string();
    let request = Request {
        method: "GET",
        path: "/dev",
        query: "user=ann",
        headers: vec![("host", host.as_bytes())],
        body: b"",
    };
    let signed = signer.sign(&request, Timestamp::now()).unwrap();
    let signed: Vec<_> = signed
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    connect(local, "/dev?user=ann", &signed).await
}

async fn connect(
    local: &Local,
    target: &str,
    headers: &[(&'static str, &str)],
) -> Result<Client, (u16, String, Value)> {
    let lower: Vec<_> = headers
        .iter()
        .map(|(name, value)| match *name {
            "Authorization" => ("authorization", *value),
            _ => ("x-amz-date", *value),
        })
        .collect();
    match local.handshake(target, &lower).await {
        Ok((client, _)) => Ok(client),
        Err(response) => {
            let kind = response.headers()["x-amzn-errortype"].to_str().unwrap();
            let body = response.body().as_deref().unwrap_or_default();
            let body = serde_json::from_slice(body).unwrap();
            Err((response.status().as_u16(), kind.to_owned(), body))
        }
    }
}

/// The query string that the SDK signs a handshake of `host` with.
fn presigned(signer: &Signer<'_>, host: &str, path: &str, now: Timestamp) -> String {
    let Signer {
        credentials,
        region,
        service,
    } = signer;
    let identity = aws_credential_types::Credentials::new(
        &credentials.access_key_id,
        &credentials.secret_access_key,
        None,
        None,
        "tests",
    )
    .into();
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(900));
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(now.into())
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let url = format!("http://{host}{path}?user=ann");
    let body = SignableBody::Bytes(b"");
    let request = SignableRequest::new("GET", &url, [("host", host)].into_iter(), body).unwrap();
    let mut request_to_sign = http::Request::new(());
    *request_to_sign.uri_mut() = url.parse().unwrap();
    let (instructions, _) = sign(request, &params).unwrap().into_parts();
    instructions.apply_to_request_http1x(&mut request_to_sign);
    request_to_sign.uri().query().unwrap().to_owned()
}

#[tokio::test]
async fn b9_a_handshake_of_an_iam_api_must_be_signed_before_connect_is_invoked() {
    let local = iam().start().await;
    let refused = connect(&local, "/dev?user=ann", &[]).await.err().unwrap();
    let missing = json!({"message": "Missing Authentication Token"});
    let kind = "MissingAuthenticationTokenException".to_owned();
    assert_eq!(refused, (403, kind, missing));
    let wrong = Credentials::new("test", "other");
    let (status, kind, _) = handshake(&local, signer(&wrong)).await.err().unwrap();
    assert_eq!((status, kind.as_str()), (403, "InvalidSignatureException"));
    let ours = credentials();
    let query = presigned(
        &signer(&ours),
        &local.address.to_string(),
        "/dev",
        Timestamp::now(),
    );
    let changed = format!("/dev?{}", query.replace("user=ann", "user=bob"));
    let (status, kind, _) = connect(&local, &changed, &[]).await.err().unwrap();
    assert_eq!((status, kind.as_str()), (403, "InvalidSignatureException"));
    local.silent().await;
    assert_eq!(local.gateway.connections(), 0);
}

#[tokio::test]
async fn b9_connect_is_told_who_signed_the_handshake_in_its_headers_or_its_query_string() {
    let local = iam().start().await;
    let ours = credentials();
    let mut first = handshake(&local, signer(&ours)).await.ok().unwrap();
    let event = local.expect("CONNECT").await;
    assert_eq!(
        event["requestContext"]["identity"],
        json!({
            "userArn": "arn:aws:iam::000000000000:user/local",
            "accountId": "000000000000",
            "caller": "AIDA000000000000LOCAL",
            "sourceIp": "127.0.0.1",
            "accessKey": "test",
            "user": "AIDA000000000000LOCAL",
        })
    );
    assert_eq!(event["queryStringParameters"], json!({"user": "ann"}));
    assert!(event["headers"]["authorization"].is_string());
    let query = presigned(
        &signer(&ours),
        &local.address.to_string(),
        "/dev",
        Timestamp::now(),
    );
    let second = connect(&local, &format!("/dev?{query}"), &[]).await;
    let event = local.expect("CONNECT").await;
    assert_eq!(event["requestContext"]["identity"]["accessKey"], "test");
    assert!(event["queryStringParameters"]["X-Amz-Signature"].is_string());
    drop(second);
    // Messages are not signed, and say no more than of other connections.
    first.send("hello").await;
    let event = local.expect("MESSAGE").await;
    assert_eq!(
        event["requestContext"]["identity"],
        json!({"sourceIp": "127.0.0.1"})
    );
}

#[tokio::test]
async fn without_credentials_nothing_is_verified() {
    let setup = iam().options(|options| options.credentials = None);
    let (local, mut client, id) = opened(setup).await;
    assert_eq!(local.post(&id, "x").await.status, 200);
    assert_eq!(client.text().await, "x");
}
