//! Tests of fetched keys.

use super::super::fetch::Https;
use super::*;
use crate::auth::Fetch;
use crate::error::BoxError;
use bytes::Bytes;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// The current keys of an issuer, and the number of fetches.
#[derive(Clone, Default)]
struct Published(Arc<(Mutex<Option<String>>, AtomicUsize, AtomicBool)>);

impl Published {
    fn set(&self, jwks: Option<String>) {
        *self.0.0.lock().unwrap() = jwks;
    }

    /// Fails the next fetch.
    fn fail_once(&self) {
        self.0.2.store(true, Ordering::SeqCst);
    }

    fn asked(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

impl Fetch for Published {
    async fn fetch(&self, _: &str) -> Result<Bytes, BoxError> {
        self.0.1.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        if self.0.2.swap(false, Ordering::SeqCst) {
            return Err("the issuer does not answer once".into());
        }
        let jwks = self.0.0.lock().unwrap().clone();
        Ok(jwks.ok_or("the issuer does not answer")?.into())
    }
}

fn published(pairs: &[&Pair]) -> (Published, Issuer) {
    let published = Published::default();
    published.set(Some(jwks(pairs)));
    let keys = Keys::fetched("https://issuer.example/jwks.json", published.clone());
    (
        published,
        Issuer::new(ISSUER, "chat", keys).leeway(Duration::from_secs(86_400)),
    )
}

async fn at(issuer: &Issuer, secs: u64, token: &Token) -> Result<String, JwtError> {
    let now = NOW + Duration::from_secs(secs);
    issuer.verify::<Claims>(token, now).await.map(|c| c.sub)
}

#[tokio::test]
async fn keys_are_fetched_once_for_all_tokens_and_again_an_hour_later() {
    let pair = Pair::es256("1");
    let (published, issuer) = published(&[&pair]);
    assert_eq!(published.asked(), 0);
    let token = pair.token(&claims());
    let all = (0..20).map(|_| at(&issuer, 0, &token));
    let all = futures_util::future::join_all(all).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(published.asked(), 1);
    assert!(at(&issuer, 3599, &token).await.is_ok());
    assert_eq!(published.asked(), 1);
    assert!(at(&issuer, 3600, &token).await.is_ok());
    assert_eq!(published.asked(), 2);
}

#[tokio::test]
async fn a_new_key_is_found_and_an_old_one_is_forgotten() {
    let (old, new) = (Pair::es256("1"), Pair::eddsa("2"));
    let (published, issuer) = published(&[&old]);
    assert!(at(&issuer, 0, &old.token(&claims())).await.is_ok());
    published.set(Some(jwks(&[&new])));
    assert!(at(&issuer, 30, &new.token(&claims())).await.is_ok());
    let refused = at(&issuer, 31, &old.token(&claims())).await;
    assert!(matches!(refused, Err(JwtError::UnknownKey)), "{refused:?}");
}

#[tokio::test]
async fn unknown_keys_make_no_storm_of_requests() {
    let (pair, stranger) = (Pair::es256("1"), Pair::es256("2"));
    let (published, issuer) = published(&[&pair]);
    let (good, bad) = (pair.token(&claims()), stranger.token(&claims()));
    assert!(at(&issuer, 0, &good).await.is_ok());
    for second in 0..60 {
        let refused = at(&issuer, second, &bad).await;
        assert!(matches!(refused, Err(JwtError::UnknownKey)), "{refused:?}");
        assert!(at(&issuer, second, &good).await.is_ok());
    }
    assert_eq!(published.asked(), 2, "at 0 s and at 30 s");
    let nameless = stranger.sign(&json!({"alg": "EdDSA"}), &claims());
    assert!(at(&issuer, 61, &nameless).await.is_err());
    let confused = pair.sign(&json!({"alg": "EdDSA", "kid": "1"}), &claims());
    let result = at(&issuer, 62, &confused).await;
    assert!(matches!(result, Err(JwtError::Algorithm)));
    assert_eq!(published.asked(), 2, "only a new name may be a new key's");
}

#[tokio::test]
async fn a_failed_fetch_is_retried_after_a_pause() {
    let pair = Pair::es256("1");
    let (published, issuer) = published(&[&pair]);
    let token = pair.token(&claims());
    published.set(None);
    for second in [0, 1, 29] {
        let refused = at(&issuer, second, &token).await;
        assert!(matches!(refused, Err(JwtError::Keys(_))), "{refused:?}");
    }
    assert_eq!(published.asked(), 2, "at 0 s, and once more at once");
    published.set(Some(jwks(&[&pair])));
    assert!(at(&issuer, 30, &token).await.is_ok());

    // While the keys are fresh, a failed fetch rejects no client with a known key.
    published.set(Some("<html>".to_owned()));
    let stranger = Pair::es256("2").token(&claims());
    let result = at(&issuer, 60, &stranger).await;
    assert!(matches!(result, Err(JwtError::UnknownKey)));
    assert!(at(&issuer, 61, &token).await.is_ok());
}

#[tokio::test]
async fn fault_l3_good_keys_outlive_an_issuer_that_fails_for_some_hours() {
    const HOUR: u64 = 3600;
    let (pair, stranger) = (Pair::es256("1"), Pair::es256("2"));
    let (published, issuer) = published(&[&pair]);
    let (token, new) = (pair.token(&claims()), stranger.token(&claims()));
    assert!(at(&issuer, 0, &token).await.is_ok());
    published.set(None);
    for second in [HOUR, HOUR + 1, HOUR + 30, 6 * HOUR - 1] {
        let verified = at(&issuer, second, &token).await;
        assert!(verified.is_ok(), "{second}: {verified:?}");
    }
    assert_eq!(published.asked(), 4, "once for each pause");
    // It may be a new key, so the client is not the cause.
    let refused = at(&issuer, 6 * HOUR - 1, &new).await;
    assert!(matches!(refused, Err(JwtError::Keys(_))), "{refused:?}");
    let refused = at(&issuer, 6 * HOUR, &token).await;
    assert!(matches!(refused, Err(JwtError::Keys(_))), "{refused:?}");
    published.set(Some(jwks(&[&stranger])));
    assert!(at(&issuer, 6 * HOUR + 30, &new).await.is_ok());
    let refused = at(&issuer, 6 * HOUR + 30, &token).await;
    assert!(matches!(refused, Err(JwtError::UnknownKey)), "{refused:?}");
}

#[tokio::test]
async fn fault_l3_the_first_fetch_is_repeated_once() {
    let pair = Pair::es256("1");
    let (published, issuer) = published(&[&pair]);
    published.fail_once();
    assert!(at(&issuer, 0, &pair.token(&claims())).await.is_ok());
    assert_eq!(published.asked(), 2);
}

#[tokio::test]
async fn a_client_is_rejected_with_503_while_keys_are_missing() {
    let pair = Pair::es256("1");
    let (published, issuer) = published(&[&pair]);
    published.set(None);
    let router = Router::new()
        .connect(async |_: Jwt<Claims>| ())
        .with_state(issuer);
    let uri = format!("/?token={}", pair.token(&claims()).as_str());
    let refused = Gateway::new(router).connect(&uri).await.unwrap_err();
    assert_eq!(refused.status, 503);
}

/// A server with one response, and its URL.
async fn serve(response: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let read = socket.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /jwks.json HTTP/1.1"));
            // The client may close the connection early.
            let _ = socket.write_all(response.as_bytes()).await;
        }
    });
    format!("http://{address}/jwks.json")
}

async fn fetched(response: String, token: &Token) -> Result<String, JwtError> {
    let keys = Keys::url(&serve(response).await).unwrap();
    verified(&Issuer::new(ISSUER, "chat", keys), token).await
}

fn ok(body: &str) -> String {
    let bytes = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n{body}")
}

#[tokio::test]
async fn keys_come_over_http() {
    let pair = Pair::es256("1");
    let token = pair.token(&claims());
    assert_eq!(fetched(ok(&jwks(&[&pair])), &token).await.unwrap(), "ann");

    let large = format!("{}{}", jwks(&[&pair]), " ".repeat(300 * 1024));
    let moved = "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n";
    for response in [
        ok(&large),
        moved.to_owned(),
        ok("<html>"),
        "garbage\r\n\r\n".to_owned(),
    ] {
        let refused = fetched(response, &token).await;
        assert!(matches!(refused, Err(JwtError::Keys(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn an_issuer_that_is_silent_is_given_up() {
    // Accepts connections and never responds.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
    let token = Pair::es256("1").token(&claims());
    let mut https = Https::new(&url).unwrap();
    https.timeout = Duration::from_millis(20);
    let keys = Keys::fetched(&url, https);
    let refused = verified(&Issuer::new(ISSUER, "chat", keys), &token).await;
    assert!(matches!(refused, Err(JwtError::Keys(_))), "{refused:?}");
}

#[test]
fn keys_do_not_come_over_plain_http_from_elsewhere() {
    for url in [
        "http://issuer.example/jwks.json",
        "ftp://issuer.example",
        "issuer",
        "",
    ] {
        assert!(Keys::url(url).is_err(), "{url}");
    }
    assert!(Keys::url("https://issuer.example/jwks.json").is_ok());
}
