//! Tests of JSON Web Tokens.

mod fetched;
mod pair;

use super::{Issuer, Jwt, JwtError, Keys};
use crate::auth::Token;
use crate::testing::Gateway;
use crate::{Error, Opening, Router, Timestamp};
use futures_util::FutureExt;
use pair::{Pair, encoded};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

const ISSUER: &str = "https://issuer.example";
const NOW: Timestamp = Timestamp::from_secs(1_767_607_440);

#[derive(Debug, PartialEq, Deserialize)]
struct Claims {
    sub: String,
}

fn claims() -> Value {
    let now = NOW.secs();
    json!({"iss": ISSUER, "aud": "chat", "sub": "ann", "exp": now + 300, "nbf": now - 300})
}

fn with(name: &str, value: impl Into<Value>) -> Value {
    let mut claims = claims();
    claims[name] = value.into();
    claims
}

fn jwks(pairs: &[&Pair]) -> String {
    let keys: Vec<_> = pairs.iter().map(|pair| pair.jwk()).collect();
    json!({ "keys": keys }).to_string()
}

fn issuer(pairs: &[&Pair]) -> Issuer {
    Issuer::new(ISSUER, "chat", Keys::fixed(&jwks(pairs)).unwrap())
}

async fn verified(issuer: &Issuer, token: &Token) -> Result<String, JwtError> {
    issuer.verify::<Claims>(token, NOW).await.map(|c| c.sub)
}

#[tokio::test]
async fn a_token_of_the_issuer_is_valid_with_each_algorithm() {
    for pair in [Pair::es256("1"), Pair::eddsa("1")] {
        let found = verified(&issuer(&[&pair]), &pair.token(&claims())).await;
        assert_eq!(found.unwrap(), "ann");
    }
    let rsa: Value = serde_json::from_str(include_str!("tests/rs256.json")).unwrap();
    let keys = Keys::fixed(&rsa["jwks"].to_string()).unwrap();
    let token = Token::from(rsa["token"].as_str().unwrap());
    let issuer = Issuer::new(ISSUER, "chat", keys);
    assert_eq!(verified(&issuer, &token).await.unwrap(), "ann");
}

#[tokio::test]
async fn a_key_of_less_than_2048_bits_is_rejected() {
    let rsa: Value = serde_json::from_str(include_str!("tests/rs256.json")).unwrap();
    let weak = &rsa["weak"];
    let keys = Keys::fixed(&weak["jwks"].to_string()).unwrap();
    let issuer = Issuer::new(ISSUER, "chat", keys);
    let token = Token::from(weak["token"].as_str().unwrap());
    let result = verified(&issuer, &token).await;
    assert!(matches!(result, Err(JwtError::Signature)));
}

#[tokio::test]
async fn a_token_that_is_changed_anywhere_is_refused() {
    let pair = Pair::es256("1");
    let (issuer, token) = (issuer(&[&pair]), pair.token(&claims()));
    let text = token.as_str();
    for (at, byte) in text.bytes().enumerate() {
        let mut changed = text.as_bytes().to_vec();
        changed[at] = if byte == b'A' { b'B' } else { b'A' };
        let changed = Token::from(String::from_utf8(changed).unwrap());
        assert!(verified(&issuer, &changed).await.is_err(), "byte {at}");
    }
    for cut in [1, 10, text.len() / 2] {
        let cut = Token::from(&text[..text.len() - cut]);
        assert!(verified(&issuer, &cut).await.is_err());
    }
    let other = Pair::es256("1").token(&claims());
    let result = verified(&issuer, &other).await;
    assert!(matches!(result, Err(JwtError::Signature)));
}

#[tokio::test]
async fn the_key_decides_the_algorithm_and_not_the_token() {
    let (ec, ed) = (Pair::es256("1"), Pair::eddsa("2"));
    let issuer = issuer(&[&ec, &ed]);
    for alg in [
        "none", "None", "HS256", "RS256", "ES384", "EdDSA", "es256", "",
    ] {
        let forged = ec.sign(&json!({"alg": alg, "kid": "1"}), &claims());
        let refused = verified(&issuer, &forged).await;
        let is_expected = matches!(refused, Err(JwtError::Algorithm));
        assert!(is_expected, "{alg}: {refused:?}");
    }
    let header = encoded(r#"{"alg":"none"}"#);
    let unsigned = format!("{header}.{}.", encoded(claims().to_string()));
    let refused = verified(&issuer, &unsigned.into()).await;
    assert!(matches!(refused, Err(JwtError::Algorithm)), "{refused:?}");

    // Algorithm confusion: a public key as the secret of an HMAC.
    let header = encoded(r#"{"alg":"HS256","kid":"1"}"#);
    let signed = format!("{header}.{}", encoded(claims().to_string()));
    let public = ec.jwk().to_string();
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, public.as_bytes());
    let mac = ring::hmac::sign(&key, signed.as_bytes());
    let forged = format!("{signed}.{}", encoded(mac)).into();
    let result = verified(&issuer, &forged).await;
    assert!(matches!(result, Err(JwtError::Algorithm)));
}

#[tokio::test]
async fn a_token_names_its_key_unless_there_is_only_one() {
    let (one, two) = (Pair::es256("1"), Pair::es256("2"));
    let nameless = one.sign(&json!({"alg": "ES256"}), &claims());
    assert!(verified(&issuer(&[&one]), &nameless).await.is_ok());
    let both = issuer(&[&one, &two]);
    let result = verified(&both, &nameless).await;
    assert!(matches!(result, Err(JwtError::UnknownKey)));
    let unknown = one.sign(&json!({"alg": "ES256", "kid": "3"}), &claims());
    let result = verified(&both, &unknown).await;
    assert!(matches!(result, Err(JwtError::UnknownKey)));
    let wrong = one.sign(&json!({"alg": "ES256", "kid": "2"}), &claims());
    let result = verified(&both, &wrong).await;
    assert!(matches!(result, Err(JwtError::Signature)));
}

#[tokio::test]
async fn issuer_audience_and_times_must_fit() {
    let pair = Pair::es256("1");
    let issuer = issuer(&[&pair]);
    let now = NOW.secs();
    let check = async |claims: Value| verified(&issuer, &pair.token(&claims)).await;

    let wrong = check(with("iss", "https://issuer.example/")).await;
    assert!(matches!(wrong, Err(JwtError::Issuer)));
    for aud in [json!("other"), json!(["other"]), json!([]), json!("cha")] {
        let result = check(with("aud", aud)).await;
        assert!(matches!(result, Err(JwtError::Audience)));
    }
    assert!(check(with("aud", json!(["other", "chat"]))).await.is_ok());

    assert!(check(with("exp", now - 59)).await.is_ok(), "the leeway");
    let result = check(with("exp", now - 60)).await;
    assert!(matches!(result, Err(JwtError::Expired)));
    assert!(check(with("exp", now as f64 + 0.5)).await.is_ok());
    assert!(check(with("nbf", now + 60)).await.is_ok(), "the leeway");
    let result = check(with("nbf", now + 61)).await;
    assert!(matches!(result, Err(JwtError::NotYetValid)));

    for missing in ["iss", "aud", "exp", "sub"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(missing);
        let is_expected = matches!(check(claims).await, Err(JwtError::Claims(_)));
        assert!(is_expected, "{missing}");
    }
    let none = with("exp", "never");
    assert!(matches!(check(none).await, Err(JwtError::Claims(_))));

    let strict = issuer.clone().leeway(Duration::ZERO).audience("phone");
    let token = pair.token(&with("exp", now));
    let result = verified(&strict, &token).await;
    assert!(matches!(result, Err(JwtError::Expired)));
    let phone = pair.token(&with("aud", "phone"));
    assert!(verified(&strict, &phone).await.is_ok());
    assert!(verified(&issuer, &phone).await.is_err());
}

#[tokio::test]
async fn an_invalid_token_is_malformed() {
    let pair = Pair::es256("1");
    let issuer = issuer(&[&pair]);
    let critical = json!({"alg": "ES256", "kid": "1", "crit": ["b64"], "b64": false});
    let critical = pair.sign(&critical, &claims());
    let large = Token::from("a".repeat(100_000));
    let padded = Token::from(format!("{}=", pair.token(&claims()).as_str()));
    for token in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "e30.e30.e30",
        "null",
        "ä.ö.ü",
    ] {
        let refused = verified(&issuer, &Token::from(token)).await;
        let is_expected = matches!(refused, Err(JwtError::Malformed));
        assert!(is_expected, "{token}: {refused:?}");
    }
    for token in [critical, large, padded] {
        let result = verified(&issuer, &token).await;
        assert!(matches!(result, Err(JwtError::Malformed)));
    }
}

proptest::proptest! {
    #[test]
    fn random_text_is_never_a_valid_token(token in r"[a-zA-Z0-9_.{}\x22:-]{0,80}|\\PC{0,40}") {
        let issuer = issuer(&[&Pair::eddsa("1")]);
        let believed = verified(&issuer, &Token::from(token)).now_or_never();
        assert!(believed.expect("fixed keys need no waiting").is_err());
    }
}

#[test]
fn keys_that_are_for_something_else_are_not_used() {
    let jwk = |change: &dyn Fn(&mut Value)| {
        let mut jwk = Pair::es256("1").jwk();
        change(&mut jwk);
        Keys::fixed(&json!({ "keys": [jwk] }).to_string())
    };
    assert!(jwk(&|_| ()).is_ok());
    assert!(jwk(&|jwk| jwk["use"] = "enc".into()).is_err());
    assert!(jwk(&|jwk| jwk["alg"] = "HS256".into()).is_err());
    assert!(jwk(&|jwk| jwk["alg"] = "RS256".into()).is_err());
    assert!(jwk(&|jwk| jwk["crv"] = "P-384".into()).is_err());
    assert!(jwk(&|jwk| jwk["kty"] = "oct".into()).is_err());
    assert!(jwk(&|jwk| jwk["x"] = "AA".into()).is_err());
    for none in ["", "[]", "{}", r#"{"keys":[]}"#, r#"{"keys":[7,null]}"#] {
        assert!(Keys::fixed(none).is_err(), "{none}");
    }
}

#[tokio::test]
async fn only_a_client_with_a_valid_token_connects_as_its_user() {
    async fn connect(me: Opening, Jwt(claims): Jwt<Claims>) -> Result<(), Error> {
        Ok(me.user(&claims.sub)?)
    }
    let pair = Pair::eddsa("1");
    let gateway = Gateway::new(Router::new().connect(connect).with_state(issuer(&[&pair])));
    let token = pair.token(&claims());
    let bob = gateway.request("/").protocol("bearer");
    let bob = bob.protocol(token.as_str());
    let bob = bob.connect().await.expect("accepted");
    assert_eq!(bob.protocol(), Some("bearer"));

    let over = format!("/?token={}", token.as_str());
    gateway.advance(Duration::from_secs(360)).await;
    for uri in [&over, "/?token=guess", "/"] {
        assert_eq!(gateway.connect(uri).await.unwrap_err().status, 401, "{uri}");
    }
}
