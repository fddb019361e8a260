//! Tests that the signatures equal those of `aws-sigv4`.

use crate::Timestamp;
use crate::transport::lean::EMPTY;
use crate::transport::lean::management_url::ManagementUrl;
use crate::transport::lean::signed_request::SignedRequest;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use bytes::Bytes;
use lambda_ws_protocol::sigv4::{Signable, SigningKey, day};
use proptest::prelude::*;
use sha2::{Digest, Sha256};
use std::time::SystemTime;

struct Case<'a> {
    method: &'a str,
    url: &'a str,
    id: &'a str,
    body: &'a [u8],
    secret: &'a str,
    token: Option<&'a str>,
    region: &'a str,
    time: Timestamp,
}

/// The request to send.
fn ours(case: &Case<'_>) -> String {
    let endpoint = ManagementUrl::parse(case.url).expect("a URL");
    let day = day(case.time);
    let key = SigningKey::derive(
        "AKIDEXAMPLE",
        case.secret,
        case.token,
        (case.region, "execute-api"),
        day,
    );
    let hash = match case.body {
        [] => EMPTY.to_owned(),
        body => Sha256::digest(body)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    };
    let subject = Signable {
        method: case.method,
        path: &endpoint.path(&case.id.into()),
        host: endpoint.host(),
        query: "",
        body_hash: &hash,
        time: case.time,
    };
    let key = key.expect("text of one line");
    let request = SignedRequest::new(&key, &subject, &Bytes::copy_from_slice(case.body));
    String::from_utf8(request.start).expect("text")
}

/// The headers from `aws-sigv4`.
fn theirs(case: &Case<'_>) -> Vec<(String, String)> {
    let endpoint = ManagementUrl::parse(case.url).expect("a URL");
    let origin = case.url.split('/').take(3).collect::<Vec<_>>().join("/");
    let url = format!("{origin}{}", endpoint.path(&case.id.into()));
    let token = case.token.map(str::to_owned);
    let credentials = Credentials::new("AKIDEXAMPLE", case.secret, token, None, "test");
    let identity = credentials.into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(case.region)
        .name("execute-api")
        .time(SystemTime::from(case.time))
        .settings(SigningSettings::default())
        .build()
        .expect("all parameters")
        .into();
    let headers = [("host", endpoint.host())].into_iter();
    let request = SignableRequest::new(case.method, &url, headers, SignableBody::Bytes(case.body));
    let signed = sign(request.expect("a request"), &params).expect("a signature");
    let headers = signed.output().headers();
    headers
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn check(case: &Case<'_>) {
    let ours = ours(case);
    let (head, body) = ours.split_once("\r\n\r\n").expect("a head");
    assert_eq!(body.as_bytes(), case.body);
    let mut lines: Vec<_> = head.split("\r\n").skip(1).collect();
    lines.sort_unstable();
    let path = ManagementUrl::parse(case.url).expect("a URL");
    let first = format!("{} {} HTTP/1.1", case.method, path.path(&case.id.into()));
    assert_eq!(head.split("\r\n").next(), Some(&*first));
    let mut expected = theirs(case);
    expected.push(("host".to_owned(), path.host().to_owned()));
    expected.push((
        "user-agent".to_owned(),
        format!("lambda_ws/{}", env!("CARGO_PKG_VERSION")),
    ));
    if case.method == "POST" {
        expected.push(("content-length".to_owned(), case.body.len().to_string()));
    }
    let expected = expected
        .into_iter()
        .map(|(name, value)| format!("{name}: {value}"));
    let mut expected: Vec<_> = expected.collect();
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

#[test]
fn an_ordinary_post_is_signed_as_aws_signs_it() {
    check(&Case {
        method: "POST",
        url: "https://abcd1234.execute-api.us-east-1.amazonaws.com/dev",
        id: "PJqB0fHsqRcCHlw=",
        body: b"hello",
        secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
        token: Some("IQoJb3JpZ2luX2VjEA=="),
        region: "us-east-1",
        time: Timestamp::from_secs(1_701_245_041),
    });
}

proptest! {
    #[test]
    fn every_request_is_signed_as_aws_signs_it(
        method in prop::sample::select(vec!["POST", "GET", "DELETE"]),
        url in "https?://[a-z0-9]{1,12}(\\.[a-z0-9-]{1,12}){0,3}(:[1-9][0-9]{0,3})?(/[A-Za-z0-9_-]{1,20}){0,2}",
        id in "[A-Za-z0-9_-]{11,15}=|[ -~é]{1,24}",
        body in "\\PC{0,100}",
        secret in "[!-~]{1,60}",
        token in prop::option::of("[!-~]{1,400}"),
        region in "[a-z]{2}-[a-z]{4,9}-[1-9]",
        secs in 0..4_000_000_000u64,
    ) {
        // Segments of dots would change the path.
        prop_assume!(!id.trim_matches('.').is_empty());
        let time = Timestamp::from_secs(secs);
        let token = token.as_deref();
        check(&Case {
            method, url: &url, id: &id, body: body.as_bytes(), secret: &secret, token, region: &region, time,
        });
    }
}

#[test]
fn a_key_with_a_line_break_is_rejected() {
    let day = day(Timestamp::from_secs(0));
    assert!(
        SigningKey::derive("AK\nID", "secret", None, ("us-east-1", "execute-api"), day).is_none()
    );
    assert!(
        SigningKey::derive(
            "AKID",
            "secret",
            Some("to\nken"),
            ("us-east-1", "execute-api"),
            day
        )
        .is_none()
    );
}
