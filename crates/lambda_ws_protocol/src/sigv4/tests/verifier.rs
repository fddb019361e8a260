//! Tests of the verifier that keeps the key.

use super::*;

fn verifier(token: Option<&str>) -> Verifier {
    let mut credentials = Credentials::new("test", "secret");
    credentials.session_token = token.map(str::to_owned);
    Verifier::new(credentials, REGION, "execute-api")
}

/// Returns a POST that the SDK signed with a session token.
fn sent_with(token: Option<&str>, secret: &str, now: Timestamp) -> Sent {
    let mut credentials = Credentials::new("test", secret);
    credentials.session_token = token.map(str::to_owned);
    let headers = settings(SignatureLocation::Headers);
    signed(&signer(&credentials), &post(), headers, now)
}

#[test]
fn a_verifier_accepts_the_signatures_of_each_day() {
    let verifier = verifier(None);
    let day = Duration::from_secs(24 * 3600);
    for now in [NOW, NOW, NOW + day, NOW + day, NOW, NOW + 400 * day] {
        let sent = sent_with(None, "secret", now);
        assert_eq!(verifier.verify(&sent.request(), |_| false, now), Ok(()));
        let wrong = sent_with(None, "other", now);
        for checked in [
            verifier.verify(&wrong.request(), |_| false, now),
            verifier.signer().verify(&wrong.request(), now),
        ] {
            let error = checked.unwrap_err();
            assert!(matches!(error, SignatureError::Mismatch { .. }), "{error}");
        }
        let late = verifier.verify(&sent.request(), |_| false, now + day);
        assert!(matches!(late, Err(SignatureError::Time(_))), "{late:?}");
    }
}

#[test]
fn a_session_token_is_that_of_the_credentials_or_an_issued_one() {
    let is_issued = |token: &str| token == "issued";
    for (own, sent, expected) in [
        (None, None, Ok(())),
        (None, Some("issued"), Ok(())),
        (None, Some("other"), Err(SignatureError::UnknownKey)),
        (Some("own"), Some("own"), Ok(())),
        (Some("own"), Some("issued"), Ok(())),
        (Some("own"), Some("other"), Err(SignatureError::UnknownKey)),
        (Some("own"), None, Err(SignatureError::UnknownKey)),
    ] {
        let request = sent_with(sent, "secret", NOW);
        let verified = verifier(own).verify(&request.request(), is_issued, NOW);
        assert_eq!(verified, expected, "{own:?} {sent:?}");
    }
}
