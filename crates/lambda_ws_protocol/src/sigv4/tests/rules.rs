//! The errors of the service, and the rules for time, host, date and payload.

use super::*;

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

#[test]
fn a_key_signs_the_requests_of_different_seconds_and_lengths() {
    let token = "t".repeat(900);
    for token in [None, Some(token.as_str())] {
        let key = || {
            let place = ("us-east-1", "execute-api");
            SigningKey::derive("test", "secret", token, place, day(NOW)).unwrap()
        };
        let kept = key();
        let long = format!("/{}", "a".repeat(400));
        for (secs, path) in [
            (0, "/dev/@connections/a%3D"),
            (0, "/"),
            (1, "/dev/@connections/a%3D"),
            (0, &long),
            (1, &long),
            (59, "/dev"),
        ] {
            let request = Signable {
                method: "POST",
                path,
                query: "",
                host: "localhost:3001",
                body_hash: UNSIGNED_PAYLOAD,
                time: NOW + Duration::from_secs(secs),
            };
            let authorization = |key: &SigningKey| {
                let signature = key.sign(&request);
                let mut header = signature.date.to_vec();
                key.authorize(&signature, |part| header.extend_from_slice(part));
                header
            };
            assert_eq!(authorization(&kept), authorization(&key()), "{secs} {path}");
        }
    }
}
