//! Properties of any request.

use super::*;
use aws_sigv4::http_request::{PayloadChecksumKind, PercentEncodingMode, UriPathNormalizationMode};
use proptest::prelude::*;

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
