//! Signed handshakes: conformance B9.

use super::*;

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
    let signed = signed.iter().map(|(name, value)| (*name, value.as_str()));
    let signed: Vec<_> = signed.collect();
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
    let expected = json!({
        "userArn": "arn:aws:iam::000000000000:user/local",
        "accountId": "000000000000",
        "caller": "AIDA000000000000LOCAL",
        "sourceIp": "127.0.0.1",
        "accessKey": "test",
        "user": "AIDA000000000000LOCAL",
    });
    assert_eq!(event["requestContext"]["identity"], expected);
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
    let expected = json!({"sourceIp": "127.0.0.1"});
    assert_eq!(event["requestContext"]["identity"], expected);
}
