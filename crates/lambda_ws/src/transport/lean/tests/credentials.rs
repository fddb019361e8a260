//! Tests of credentials.

use crate::transport::lean::signing_keys::SigningKeys;
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as Provided;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use futures_util::FutureExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const MINUTE: Duration = Duration::from_secs(60);

/// A provider of credentials that are valid for an hour from `now`, until it is stopped.
#[derive(Debug, Clone)]
struct Provider {
    now: Arc<Mutex<SystemTime>>,
    works: Arc<Mutex<bool>>,
    fetched: Arc<AtomicUsize>,
}

impl ProvideCredentials for Provider {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        let number = self.fetched.fetch_add(1, Ordering::Relaxed);
        let expiry = *self.now.lock().unwrap() + 60 * MINUTE;
        let works = *self.works.lock().unwrap();
        Provided::new(async move {
            // Yields like a network, so that the other requests start meanwhile.
            tokio::task::yield_now().await;
            match works {
                true => Ok(Credentials::new(
                    format!("AKID{number}"),
                    "secret",
                    None,
                    Some(expiry),
                    "test",
                )),
                false => Err(CredentialsError::provider_error("the network is down")),
            }
        })
    }
}

fn start() -> (Provider, SigningKeys, SystemTime) {
    let noon = UNIX_EPOCH + Duration::from_secs(1_767_607_200);
    let provider = Provider {
        now: Arc::new(Mutex::new(noon)),
        works: Arc::new(Mutex::new(true)),
        fetched: Arc::default(),
    };
    let shared = SharedCredentialsProvider::new(provider.clone());
    (
        provider,
        SigningKeys::new(shared, "us-east-1".to_owned()),
        noon,
    )
}

#[tokio::test]
async fn a_thousand_requests_at_once_ask_for_credentials_once() {
    let (provider, keys, noon) = start();
    let all = futures_util::future::join_all((0..1000).map(|_| keys.current(noon))).await;
    assert!(all.into_iter().all(|key| key.is_ok()));
    assert_eq!(provider.fetched.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn credentials_are_replaced_before_they_expire() {
    let (provider, keys, noon) = start();
    let first = keys.current(noon).await.unwrap();
    let same = keys.current(noon + 54 * MINUTE).await.unwrap();
    assert!(Arc::ptr_eq(&first, &same));
    let later = noon + 56 * MINUTE;
    *provider.now.lock().unwrap() = later;
    let other = keys.current(later).await.unwrap();
    assert!(!Arc::ptr_eq(&first, &other));
    assert_eq!(provider.fetched.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn credentials_that_cannot_be_replaced_are_used_to_their_end() {
    let (provider, keys, noon) = start();
    let first = keys.current(noon).await.unwrap();
    *provider.works.lock().unwrap() = false;
    let same = keys.current(noon + 58 * MINUTE).await.unwrap();
    assert!(Arc::ptr_eq(&first, &same));
    assert!(keys.current(noon + 60 * MINUTE).await.is_err());
    *provider.works.lock().unwrap() = true;
    assert!(keys.current(noon + 60 * MINUTE).await.is_ok());
}

#[tokio::test]
async fn a_new_day_has_a_new_key_of_the_same_credentials() {
    let (provider, keys, _) = start();
    let evening = UNIX_EPOCH + Duration::from_secs(1_767_657_540);
    *provider.now.lock().unwrap() = evening;
    let today = keys.current(evening).await.unwrap();
    let tomorrow = keys.current(evening + 2 * MINUTE).await.unwrap();
    assert_ne!(today.day(), tomorrow.day());
    assert_eq!(provider.fetched.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn rejected_credentials_are_renewed_but_not_at_once() {
    let (provider, keys, noon) = start();
    let key = keys.current(noon).await.unwrap();
    keys.refused(&key, noon);
    keys.current(noon).await.unwrap();
    assert_eq!(provider.fetched.load(Ordering::Relaxed), 1);
    keys.refused(&key, noon + MINUTE);
    let other = keys.current(noon + MINUTE).await.unwrap();
    assert_eq!(provider.fetched.load(Ordering::Relaxed), 2);
    // A late rejection belongs to a request with the earlier credentials.
    keys.refused(&key, noon + 2 * MINUTE);
    let same = keys.current(noon + 2 * MINUTE).await.unwrap();
    assert!(Arc::ptr_eq(&other, &same));
}

#[tokio::test]
async fn a_provider_that_fails_is_left_alone_for_a_while() {
    let (provider, keys, noon) = start();
    keys.current(noon).await.unwrap();
    *provider.works.lock().unwrap() = false;
    let soon = noon + 56 * MINUTE;
    for _ in 0..100 {
        keys.current(soon).await.unwrap();
    }
    assert_eq!(provider.fetched.load(Ordering::Relaxed), 2);
    keys.current(soon + MINUTE).await.unwrap();
    assert_eq!(provider.fetched.load(Ordering::Relaxed), 3);
}

/// A provider that responds once and then hangs.
#[derive(Debug, Default)]
struct Hanging(AtomicUsize);

impl ProvideCredentials for Hanging {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        let first = self.0.fetch_add(1, Ordering::Relaxed) == 0;
        let expiry = UNIX_EPOCH + 60 * MINUTE;
        Provided::new(async move {
            if !first {
                std::future::pending::<()>().await;
            }
            Ok(Credentials::new(
                "AKID",
                "secret",
                None,
                Some(expiry),
                "test",
            ))
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_hanging_provider_delays_one_request_and_fails_all_in_time_without_credentials() {
    let provider = SharedCredentialsProvider::new(Hanging::default());
    let keys = SigningKeys::new(provider, "us-east-1".to_owned());
    let first = keys.current(UNIX_EPOCH).await.unwrap();
    let (soon, started) = (UNIX_EPOCH + 56 * MINUTE, tokio::time::Instant::now());
    let mut fetching = Box::pin(keys.current(soon));
    assert!((&mut fetching).now_or_never().is_none());
    let other = keys.current(soon).await.unwrap();
    assert!(Arc::ptr_eq(&first, &other) && started.elapsed().is_zero());
    assert!(Arc::ptr_eq(&first, &fetching.await.unwrap()));
    assert_eq!(started.elapsed().as_secs(), 3);
    let late = UNIX_EPOCH + 60 * MINUTE;
    let all = futures_util::future::join_all((0..100).map(|_| keys.current(late))).await;
    assert!(all.into_iter().all(|key| key.is_err()));
    assert_eq!(started.elapsed().as_secs(), 6);
}

#[tokio::test]
async fn a_dropped_renewal_is_done_by_the_next_request() {
    let (provider, keys, noon) = start();
    let mut dropped = Box::pin(keys.current(noon));
    assert!((&mut dropped).now_or_never().is_none());
    drop(dropped);
    keys.current(noon).await.unwrap();
    assert_eq!(provider.fetched.load(Ordering::Relaxed), 2);
}
