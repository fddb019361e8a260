//! Tests against the signer of the AWS SDK.

use super::*;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use http::{HeaderName, HeaderValue, Uri};
use proptest::prelude::*;

/// A request of a client.
#[derive(Debug, Clone)]
struct Sent {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Sent {
    fn request(&self) -> Request<'_> {
        let headers = self.headers.iter();
        Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: headers.map(|(n, v)| (n.as_str(), v.as_slice())).collect(),
            body: &self.body,
        }
    }

    fn is_signed(&self, signer: &Signer<'_>, now: Timestamp) -> bool {
        signer.verify(&self.request(), now).is_ok()
    }

    fn header(&mut self, name: &str) -> &mut Vec<u8> {
        let mut headers = self.headers.iter_mut();
        let found = headers.find(|(other, _)| other.eq_ignore_ascii_case(name));
        &mut found.unwrap().1
    }
}

/// Returns a request that the SDK signed.
fn signed(signer: &Signer<'_>, sent: &Sent, settings: SigningSettings, now: Timestamp) -> Sent {
    let ours = signer.credentials;
    let identity = aws_credential_types::Credentials::new(
        ours.access_key_id.as_str(),
        ours.secret_access_key.as_str(),
        ours.session_token.clone(),
        None,
        "tests",
    );
    let identity = identity.into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(signer.region)
        .name(signer.service)
        .time(now.into())
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let uri = match sent.query.as_str() {
        "" => format!("http://localhost:3001{}", sent.path),
        query => format!("http://localhost:3001{}?{query}", sent.path),
    };
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    let headers = sent.headers.iter().map(|(n, v)| (n.clone(), text(v)));
    let headers: Vec<_> = headers.collect();
    let headers = headers.iter().map(|(n, v)| (n.as_str(), v.as_str()));
    let mut request = http::Request::new(());
    *request.uri_mut() = uri.parse::<Uri>().unwrap();
    for (name, value) in headers.clone() {
        let name: HeaderName = name.parse().unwrap();
        request
            .headers_mut()
            .append(name, HeaderValue::from_str(value).unwrap());
    }
    let body = SignableBody::Bytes(&sent.body);
    let signable = SignableRequest::new(&sent.method, uri.as_str(), headers, body).unwrap();
    let (instructions, _) = sign(signable, &params).unwrap().into_parts();
    instructions.apply_to_request_http1x(&mut request);
    let headers = request.headers().iter();
    Sent {
        path: request.uri().path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: headers
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect(),
        ..sent.clone()
    }
}

fn settings(location: SignatureLocation) -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.signature_location = location;
    if location == SignatureLocation::QueryParams {
        settings.expires_in = Some(Duration::from_secs(900));
    }
    settings
}

const REGION: &str = "eu-west-1";

fn signer(credentials: &Credentials) -> Signer<'_> {
    Signer {
        credentials,
        region: REGION,
        service: "execute-api",
    }
}

const NOW: Timestamp = Timestamp::from_secs(1_701_245_041);

fn post() -> Sent {
    Sent {
        method: "POST".to_owned(),
        path: "/dev/@connections/PJqB0fHsqRcCHlw%3D".to_owned(),
        query: String::new(),
        headers: vec![("host".to_owned(), b"localhost:3001".to_vec())],
        body: b"hello".to_vec(),
    }
}

prop_compose! {
    fn credentials()(
        id in "[A-Z0-9]{1,20}",
        secret in "[A-Za-z0-9+/]{1,40}",
        token in prop::option::of("[A-Za-z0-9+/=]{1,60}"),
    ) -> Credentials {
        Credentials { session_token: token, ..Credentials::new(id, secret) }
    }
}

prop_compose! {
    fn sent()(
        method in prop::sample::select(vec!["GET", "POST", "DELETE"]),
        path in "/[a-zA-Z0-9_-]{1,8}(/(@|%40)connections/[A-Za-z0-9_-]{3,15}(=|%3D))?(/|/\\.\\./x|//y|/\\./z)?",
        query in prop::collection::vec(("[a-zA-Z~*%20éA-F]{0,4}", "[a-zA-Z0-9+ =/é&]{0,6}"), 0..5),
        headers in prop::collection::vec(("x-[a-c]", "[!-~]{0,5} {0,3}[a-z,\"]{0,5} {0,2}"), 0..6),
        body in prop::collection::vec(any::<u8>(), 0..50),
    ) -> Sent {
        let query = query.iter().map(|(name, value)| {
            let encode = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
            // A plus sign is not encoded, so it stands for a space.
            format!("{}={}", encode(name), encode(value).replace("%2B", "+"))
        });
        let headers = headers.into_iter().map(|(n, v)| (n, v.into_bytes()));
        Sent {
            method: method.to_owned(),
            path,
            query: query.collect::<Vec<_>>().join("&"),
            headers: [("host".to_owned(), b"localhost:3001".to_vec())].into_iter().chain(headers).collect(),
            body,
        }
    }
}

fn location() -> impl Strategy<Value = SignatureLocation> {
    prop::sample::select(vec![
        SignatureLocation::Headers,
        SignatureLocation::QueryParams,
    ])
}

/// Returns a byte that differs from this one.
fn other(byte: u8) -> u8 {
    match byte {
        b'z' | b'Z' | b'9' => b'a',
        byte if byte.is_ascii_alphanumeric() => byte + 1,
        _ => b'x',
    }
}

proptest! {
    #[test]
    fn a_signature_of_the_sdk_is_valid(
        sent in sent(),
        credentials in credentials(),
        location in location(),
        hashed in any::<bool>(),
        secs in 0..4_000_000_000_u64,
        later in 0..=300_u64,
    ) {
        let (signer, now) = (signer(&credentials), Timestamp::from_secs(secs));
        let mut settings = settings(location);
        if hashed {
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let signed = signed(&signer, &sent, settings, now);
        let later = Timestamp::from_secs(secs + later);
        prop_assert_eq!(signer.verify(&signed.request(), later), Ok(()));
    }

    #[test]
    fn a_signature_equals_the_signature_of_the_sdk(sent in sent(), credentials in credentials()) {
        let signer = signer(&credentials);
        let mut sent = sent;
        sent.headers.truncate(1);
        let theirs = signed(&signer, &sent, settings(SignatureLocation::Headers), NOW);
        for (name, ours) in signer.sign(&sent.request(), NOW).unwrap() {
            let same = |(n, _): &&(String, Vec<u8>)| n.eq_ignore_ascii_case(name);
            let (_, theirs) = theirs.headers.iter().find(same).unwrap();
            prop_assert_eq!(std::str::from_utf8(theirs).unwrap(), ours);
        }
    }

    #[test]
    fn a_change_of_any_signed_byte_is_detected(
        sent in sent(),
        credentials in credentials(),
        location in location(),
        which in any::<prop::sample::Index>(),
    ) {
        let signer = signer(&credentials);
        // The segment before a `..` is not signed.
        let sent = Sent { path: sent.path.replace("/..", ""), ..sent };
        let mut signed = signed(&signer, &sent, settings(location), NOW);
        prop_assert!(signed.is_signed(&signer, NOW));
        let mut parts: Vec<&mut u8> = Vec::new();
        // Their bytes are ASCII, and so are those in their places.
        let (mut method, mut path) = (signed.method.into_bytes(), signed.path.into_bytes());
        let mut query = signed.query.into_bytes();
        parts.extend(method.iter_mut().chain(&mut path).chain(&mut query).chain(&mut signed.body));
        for (_, value) in &mut signed.headers {
            parts.extend(value);
        }
        let which = which.index(parts.len());
        let byte = &mut parts[which];
        **byte = other(**byte);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (signed.method, signed.path, signed.query) = (text(method), text(path), text(query));
        prop_assert!(!signed.is_signed(&signer, NOW), "{signed:?}");
    }

    /// The service always encodes the path once more. A signature without this step is only valid if the path contains
    /// nothing to encode.
    #[test]
    fn g1_the_path_is_encoded_once_more_before_it_is_signed(
        sent in sent(),
        credentials in credentials(),
        location in location(),
    ) {
        let signer = signer(&credentials);
        let mut settings = settings(location);
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        let signed = signed(&signer, &sent, settings, NOW);
        let plain = !sent.path.contains(['@', '=', '%']);
        prop_assert_eq!(signed.is_signed(&signer, NOW), plain);
    }

    #[test]
    fn a_signature_of_a_path_that_is_not_normalized_is_rejected(credentials in credentials()) {
        let signer = signer(&credentials);
        let mut settings = settings(SignatureLocation::Headers);
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let sent = Sent { path: "/dev//x".to_owned(), ..post() };
        prop_assert!(!signed(&signer, &sent, settings, NOW).is_signed(&signer, NOW));
    }

    #[test]
    fn nothing_that_is_sent_panics(
        authorization in "(AWS4-HMAC-SHA256 )?((Credential|SignedHeaders|Signature)=[a-z0-9/;é]{0,9},? ?|\\PC{0,9}){0,4}",
        query in "(&?X-Amz-(Algorithm|Credential|Signature|SignedHeaders|Date|Expires)=[AWS4HMC2560-9a-z/%;-]{0,16}|\\PC{0,5}){0,7}",
        path in "\\PC{0,20}",
        date in "[0-9]{0,9}T?[0-9é]{0,6}Z?",
        bytes in prop::collection::vec(any::<u8>(), 0..9),
    ) {
        let credentials = Credentials::new("test", "test");
        let headers = [
            vec![],
            vec![("authorization", authorization.as_bytes()), ("x-amz-date", date.as_bytes())],
            vec![("authorization", authorization.as_bytes()), ("date", bytes.as_slice())],
            vec![("authorization", bytes.as_slice())],
        ];
        for headers in headers {
            let request = Request { method: "GET", path: &path, query: &query, headers, body: &bytes };
            prop_assert!(signer(&credentials).verify(&request, NOW).is_err());
        }
    }
}

/// The example of the test suite of AWS.
#[test]
fn the_signature_of_the_vanilla_request_matches_the_test_suite_of_aws() {
    let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    let credentials = Credentials::new("AKIDEXAMPLE", secret);
    let signer = Signer {
        credentials: &credentials,
        region: "us-east-1",
        service: "service",
    };
    let request = Request {
        method: "GET",
        path: "/",
        query: "",
        headers: vec![("Host", b"example.amazonaws.com")],
        body: b"",
    };
    let now = time::parse("20150830T123600Z").unwrap();
    let added = signer.sign(&request, now).unwrap();
    let mut headers = added.iter();
    let (_, value) = headers.find(|(name, _)| *name == "Authorization").unwrap();
    let signature = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
    assert!(
        value.ends_with(&format!("Signature={signature}")),
        "{value}"
    );
}

/// Returns the error for a POST that is changed after it was signed.
fn error_after(change: impl FnOnce(&mut Sent)) -> SignatureError {
    let credentials = Credentials::new("test", "secret");
    let signer = signer(&credentials);
    let mut sent = signed(&signer, &post(), settings(SignatureLocation::Headers), NOW);
    change(&mut sent);
    signer.verify(&sent.request(), NOW).unwrap_err()
}

/// Returns the error for a POST of a changed signer.
fn error_by(change: impl FnOnce(&mut Signer<'_>)) -> SignatureError {
    let credentials = Credentials::new("test", "secret");
    let mut other = signer(&credentials);
    change(&mut other);
    let sent = signed(&other, &post(), settings(SignatureLocation::Headers), NOW);
    signer(&credentials)
        .verify(&sent.request(), NOW)
        .unwrap_err()
}

#[test]
fn g3_each_error_has_the_type_and_text_of_the_service() {
    let text = |error: SignatureError| format!("{} {}", error.kind(), error.message());
    let missing = text(error_after(|sent| sent.headers.truncate(1)));
    let expected = "MissingAuthenticationTokenException Missing Authentication Token";
    assert_eq!(missing, expected);
    let bearer = text(error_after(|sent| {
        *sent.header("authorization") = b"Bearer abc".to_vec()
    }));
    assert_eq!(
        bearer,
        "IncompleteSignatureException Invalid key=value pair (missing equal-sign) in Authorization header (hashed with \
         SHA-256 and encoded with Base64): 'w1Xc6WwWEogNEZQP/dkBTThsJT4MNlKmzQanIm970rY='."
    );
    let half = text(error_after(|sent| {
        *sent.header("authorization") = b"AWS4-HMAC-SHA256 Credential=test".to_vec();
    }));
    assert!(half.starts_with(
        "IncompleteSignatureException Authorization header requires 'Signature' parameter. Authorization header \
         requires 'SignedHeaders' parameter. (Hashed"
    ));
    let date = text(error_after(|sent| {
        *sent.header("x-amz-date") = b"today".to_vec()
    }));
    assert_eq!(
        date,
        "IncompleteSignatureException Date must be in ISO-8601 'basic format'. Got 'today'. See \
         http://en.wikipedia.org/wiki/ISO_8601"
    );
    assert_eq!(
        text(error_by(|signer| signer.service = "apigateway")),
        "InvalidSignatureException Credential should be scoped to correct service: 'execute-api'. "
    );
    assert_eq!(
        text(error_by(|signer| signer.region = "us-east-1")),
        "InvalidSignatureException Credential should be scoped to a valid region. "
    );
    let other_key = Credentials::new("other", "secret");
    // `error_by` cannot be used, because the signer borrows the other key.
    let other = signer(&other_key);
    let sent = signed(&other, &post(), settings(SignatureLocation::Headers), NOW);
    let known = Credentials::new("test", "secret");
    assert_eq!(
        text(signer(&known).verify(&sent.request(), NOW).unwrap_err()),
        "UnrecognizedClientException The security token included in the request is invalid."
    );
}

#[test]
fn g3_the_error_of_a_mismatch_contains_the_expected_strings() {
    let error = error_after(|sent| sent.body = b"hallo".to_vec());
    assert_eq!(error.kind(), "InvalidSignatureException");
    assert_eq!(
        error.message(),
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key \
         and signing method. Consult the service documentation for details.\n\n\
         The Canonical String for this request should have been\n\
         'POST\n/dev/%40connections/PJqB0fHsqRcCHlw%253D\n\nhost:localhost:3001\nx-amz-date:20231129T080401Z\n\n\
         host;x-amz-date\nd3751d33f9cd5049c4af2b462735457e4d3baf130bcbb87f389e349fbaeb20b9'\n\n\
         The String-to-Sign should have been\n\
         'AWS4-HMAC-SHA256\n20231129T080401Z\n20231129/eu-west-1/execute-api/aws4_request\n\
         7d5e7aed4c9abad165f40bffd9c41519c1aa9edb622f262bf9f4780084995d02'\n"
    );
}

#[test]
fn g3_a_signature_is_valid_for_five_minutes() {
    let credentials = Credentials::new("test", "secret");
    let signer = signer(&credentials);
    let sent = signed(&signer, &post(), settings(SignatureLocation::Headers), NOW);
    let at = |secs: i64| {
        let now = Timestamp::from_secs(NOW.secs().checked_add_signed(secs).unwrap());
        signer
            .verify(&sent.request(), now)
            .map_err(|error| error.message())
    };
    assert_eq!(at(300), Ok(()));
    assert_eq!(at(-300), Ok(()));
    assert_eq!(
        at(301).unwrap_err(),
        "Signature expired: 20231129T080401Z is now earlier than 20231129T080402Z (20231129T080902Z - 5 min.)"
    );
    assert_eq!(
        at(-301).unwrap_err(),
        "Signature not yet current: 20231129T080401Z is still later than 20231129T080400Z (20231129T075900Z + 5 min.)"
    );
}

#[test]
fn a_signature_in_the_query_string_is_valid_for_its_own_duration() {
    let credentials = Credentials::new("test", "secret");
    let signer = signer(&credentials);
    let signed_for = |expires: u64| {
        let mut settings = settings(SignatureLocation::QueryParams);
        settings.expires_in = Some(Duration::from_secs(expires));
        signed(&signer, &post(), settings, NOW)
    };
    let later = |secs: u64| Timestamp::from_secs(NOW.secs() + secs);
    for expires in [1, 604_800] {
        let sent = signed_for(expires);
        assert!(sent.is_signed(&signer, later(expires)));
        assert!(!sent.is_signed(&signer, later(expires + 1)));
    }
    for expires in [0, 604_801] {
        let error = signer
            .verify(&signed_for(expires).request(), NOW)
            .unwrap_err();
        assert_eq!(error.kind(), "IncompleteSignatureException");
    }
    let mut sent = signed_for(60);
    sent.query = sent.query.replace("X-Amz-Date", "X-Amz-Day");
    assert_eq!(
        signer.verify(&sent.request(), NOW).unwrap_err().message(),
        "AWS query-string parameters must include 'X-Amz-Date'. Re-examine the query-string parameters."
    );
}

#[test]
fn a_session_token_must_be_sent_exactly_if_the_credentials_have_one() {
    let plain = Credentials::new("test", "secret");
    let with = |token: &str| Credentials {
        session_token: Some(token.to_owned()),
        ..plain.clone()
    };
    for location in [SignatureLocation::Headers, SignatureLocation::QueryParams] {
        let verify = |theirs: &Credentials, ours: &Credentials| {
            let sent = signed(&signer(theirs), &post(), settings(location), NOW);
            signer(ours).verify(&sent.request(), NOW)
        };
        assert_eq!(verify(&with("a"), &with("a")), Ok(()));
        for (theirs, ours) in [
            (with("a"), with("b")),
            (with("a"), plain.clone()),
            (plain.clone(), with("a")),
        ] {
            assert_eq!(verify(&theirs, &ours), Err(SignatureError::UnknownKey));
        }
    }
}

#[test]
fn the_host_must_be_signed() {
    let error = error_after(|sent| {
        let authorization = sent.header("authorization");
        let text = String::from_utf8(authorization.clone()).unwrap();
        *authorization = text.replace("host;", "").into_bytes();
    });
    assert!(matches!(error, SignatureError::Scope(_)));
}

#[test]
fn the_day_of_the_credential_must_match_the_time() {
    let error = error_after(|sent| *sent.header("x-amz-date") = b"20231130T080401Z".to_vec());
    assert_eq!(
        error.message(),
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20231129' != \
         '20231130', from '20231130T080401Z'."
    );
}

#[test]
fn a_date_header_replaces_a_missing_x_amz_date() {
    let credentials = Credentials::new("test", "secret");
    let signer = signer(&credentials);
    // The test signs the request itself, because signers always send `X-Amz-Date`.
    let mut sent = post();
    let time = "Wed, 29 Nov 2023 08:04:01 GMT";
    sent.headers.push(("Date".to_owned(), time.into()));
    let canonical = canonical::request(&sent.request(), "date;host");
    let key = signer.key(NOW).unwrap();
    let text = key.text_to_sign("20231129T080401Z", &canonical);
    let mut hmac = Vec::from("AWS4secret");
    for part in ["20231129", REGION, "execute-api", TERMINATOR, &text] {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &hmac);
        hmac = ring::hmac::sign(&key, part.as_bytes()).as_ref().to_vec();
    }
    let signature = String::from_utf8(crate::hex(&hmac).to_vec()).unwrap();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=test/20231129/{REGION}/execute-api/aws4_request,SignedHeaders=date;host,\
         Signature={signature}"
    );
    let header = ("Authorization".to_owned(), authorization.into_bytes());
    sent.headers.push(header);
    assert_eq!(signer.verify(&sent.request(), NOW), Ok(()));
}

#[test]
fn an_unsigned_payload_can_have_any_value_if_the_header_is_signed() {
    let credentials = Credentials::new("test", "secret");
    let signer = signer(&credentials);
    let mut sent = post();
    let header = ("x-amz-content-sha256".to_owned(), UNSIGNED_PAYLOAD.into());
    sent.headers.push(header.clone());
    let added = signer.sign(&sent.request(), NOW).unwrap();
    let added = added
        .into_iter()
        .map(|(n, v)| (n.to_owned(), v.into_bytes()));
    sent.headers.extend(added);
    sent.body = b"anything".to_vec();
    assert!(sent.is_signed(&signer, NOW));
    // A header that is added later changes the canonical request.
    let error = error_after(|sent| sent.headers.push(header));
    assert!(matches!(error, SignatureError::Mismatch { .. }));
}

#[test]
fn the_debug_output_does_not_contain_secrets() {
    let mut credentials = Credentials::new("test", "hidden");
    credentials.session_token = Some("hidden".to_owned());
    let expected = r#"Credentials { access_key_id: "test", .. }"#;
    assert_eq!(format!("{credentials:?}"), expected);
}
