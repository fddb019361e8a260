//! Tickets: secrets that open one connection each.

use crate::error::Error;
use crate::event::{Authorize, Connect, Event, Kind};
use crate::extract::FromEvent;
use crate::sender::Sender;
use crate::store::{Store, StoreError, encode_value, value_expiry};
use crate::transport::LogOnly;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use std::time::Duration;

/// The namespace of tickets. No [`Kv`](crate::Kv) can have it.
const NAMESPACE: &str = "ticket";

const BYTES: usize = 32;

/// Issues and redeems tickets: secrets that open one connection each.
///
/// A page requests a ticket from the application's HTTPS API, where its user is signed in, and opens
/// `wss://..?ticket=TICKET`. A ticket in a logged URL is harmless, because it is already used. Every program with
/// access to the connections table can issue tickets.
///
/// ```
/// use lambda_ws::auth::{Ticket, Tickets};
/// use lambda_ws::testing::Gateway;
/// use lambda_ws::{Error, Opening, Router};
/// use std::time::Duration;
///
/// async fn connect(me: Opening, Ticket(user): Ticket<String>) -> Result<(), Error> {
///     me.user(&user)?;
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Error> {
/// let gateway = Gateway::new(Router::new().connect(connect));
///
/// // Outside of tests: `Tickets::from_env().await?`.
/// let tickets: Tickets = gateway.tickets();
/// let ticket = tickets.issue(&"ann", Duration::from_secs(30)).await?;
///
/// let uri = format!("/?ticket={ticket}");
/// assert!(gateway.connect(&uri).await.is_ok());
/// assert_eq!(gateway.connect(&uri).await.unwrap_err().status, 401);
/// # Ok(())
/// # }
/// ```
///
/// A ticket has 256 random bits from the operating system. The table contains only its SHA-256 hash, so a reader of
/// the table learns no tickets. Its expiry is checked by the clock, independent of the database's time to live.
///
/// Handlers of every kind can take it as an argument. Clones are cheap.
#[derive(Debug, Clone)]
pub struct Tickets(Sender);

impl Tickets {
    /// Creates tickets in `store`.
    pub fn new(store: impl Store) -> Self {
        Self(Sender::new(store, LogOnly, ""))
    }

    pub(crate) fn of(sender: Sender) -> Self {
        Self(sender)
    }

    /// Issues a ticket with a `payload`, such as the user's name, that expires after `ttl`, in whole seconds. 30 s
    /// are enough for a page that connects at once. A ticket is 43 characters of URL-safe base64.
    ///
    /// # Errors
    ///
    /// [`StoreError::ValueTooLarge`] over 32 KB of JSON, [`StoreError::BadValue`] if the payload cannot be encoded as
    /// JSON, [`StoreError::Unavailable`].
    pub async fn issue<T: Serialize + ?Sized>(
        &self,
        payload: &T,
        ttl: Duration,
    ) -> Result<String, StoreError> {
        let payload = encode_value(payload)?;
        let mut random = [0; BYTES];
        getrandom::fill(&mut random).map_err(StoreError::unavailable)?;
        let ticket = URL_SAFE_NO_PAD.encode(random);
        let now = self.0.now();
        let expires = value_expiry(now, ttl);
        let (store, key) = (self.0.store(), key(&ticket));
        let new = store.insert_value(NAMESPACE, &key, &payload, Some(expires), now);
        match new.await? {
            true => Ok(ticket),
            // As unlikely as guessing a ticket.
            false => Err(StoreError::Conflict),
        }
    }

    /// Returns the payload of a ticket to exactly one caller. Returns `None` if it was never issued, has expired, or
    /// was already redeemed. [`Ticket`] does this for a handshake.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadValue`] if the payload is not a valid `T`; the ticket is used up.
    pub async fn redeem<T: DeserializeOwned>(&self, ticket: &str) -> Result<Option<T>, StoreError> {
        let store = self.0.store();
        let payload = store
            .take_value(NAMESPACE, &key(ticket), self.0.now())
            .await?;
        let payload = payload.as_deref().map(serde_json::from_str).transpose();
        payload.map_err(StoreError::BadValue)
    }
}

fn key(ticket: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(ticket))
}

impl<K: Kind, S: Sync> FromEvent<K, S> for Tickets {
    type Rejection = Infallible;

    async fn from_event(event: &Event<K>, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(event.sender.clone()))
    }
}

/// The payload of a handshake's ticket, which is the query parameter `ticket`. Extraction redeems it. See
/// [`Tickets`].
///
/// A client is rejected with 401 if its ticket is missing, expired or used; and with 503 if the store is not
/// available. The ticket may then still be valid.
///
/// Make it the last argument: a ticket is used up even if a later argument rejects the client. Use it either in the
/// authorizer or in `$connect`: the second one would find it used.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ticket<T>(pub T);

async fn redeemed<K, T: DeserializeOwned>(
    event: &Event<K>,
    query: &str,
) -> Result<Ticket<T>, Error> {
    let brought = serde_urlencoded::from_str::<Vec<(String, String)>>(query).unwrap_or_default();
    let brought = brought.into_iter().rfind(|(name, _)| name == "ticket");
    let Some((_, ticket)) = brought else {
        return Err(Error::unauthorized(
            "the query parameter `ticket` is missing",
        ));
    };
    let tickets = Tickets::of(event.sender.clone());
    match tickets.redeem(&ticket).await {
        Ok(Some(payload)) => Ok(Ticket(payload)),
        Ok(None) => Err(Error::unauthorized(
            "the ticket is unknown, expired or used",
        )),
        Err(error @ StoreError::Unavailable(_)) => {
            Err(Error::from(error).with_status(StatusCode::SERVICE_UNAVAILABLE))
        }
        Err(error) => Err(error.into()),
    }
}

/// The extractor for the two kinds of handshake events.
macro_rules! handshakes {
    ($($kind:ty)*) => { $(
        impl<S: Sync, T: DeserializeOwned> FromEvent<$kind, S> for Ticket<T> {
            type Rejection = Error;

            async fn from_event(event: &Event<$kind>, _: &S) -> Result<Self, Error> {
                redeemed(event, &event.data.query).await
            }
        }
    )* };
}

handshakes! { Authorize Connect }
