//! Tickets: secrets that open one connection.

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

/// The namespace of the values that tickets are kept in: none that a [`Kv`](crate::Kv) can have.
const NAMESPACE: &str = "ticket";

/// How many random bytes a ticket has.
const BYTES: usize = 32;

/// Issues and redeems tickets: secrets that open one connection, once.
///
/// A page asks the application's HTTPS API, where it is logged in, for a ticket, and opens
/// `wss://..?ticket=TICKET` with it. The URL may be logged: the ticket is worth nothing by then.
/// Whichever program has access to the connections' table may issue them.
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
/// // Elsewhere: `Tickets::from_env().await?`.
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
/// A ticket has 256 random bits of the operating system's. Only its SHA-256 hash is stored: who reads
/// the table learns no ticket. That it is over is told by the clock, not by the database's time to
/// live.
///
/// It is an extractor for handlers of every kind, too; cheap to clone.
#[derive(Debug, Clone)]
pub struct Tickets(Sender);

impl Tickets {
    /// Keeps tickets in `store`.
    pub fn new(store: impl Store) -> Self {
        Self(Sender::new(store, LogOnly, ""))
    }

    pub(crate) fn of(sender: Sender) -> Self {
        Self(sender)
    }

    /// A new ticket that stands for `payload`, such as the user's name, and is over after `ttl`, to the
    /// second: 30 s are plenty for a page that connects at once. It is 43 characters of URL-safe
    /// base64.
    ///
    /// # Errors
    ///
    /// [`StoreError::ValueTooLarge`] over 32 KB of JSON, [`StoreError::BadValue`] if JSON cannot express
    /// it, [`StoreError::Unavailable`].
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
            // As likely as guessing one.
            false => Err(StoreError::Conflict),
        }
    }

    /// What a ticket stands for, to one caller only; `None`, if it was never issued, is over, or was
    /// redeemed before. [`Ticket`] does this for a handshake.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadValue`] if it stands for no `T`; it is redeemed all the same.
    pub async fn redeem<T: DeserializeOwned>(&self, ticket: &str) -> Result<Option<T>, StoreError> {
        let store = self.0.store();
        let payload = store
            .take_value(NAMESPACE, &key(ticket), self.0.now())
            .await?;
        let payload = payload.as_deref().map(serde_json::from_str).transpose();
        payload.map_err(StoreError::BadValue)
    }
}

/// What a ticket is stored under.
fn key(ticket: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(ticket))
}

impl<K: Kind, S: Sync> FromEvent<K, S> for Tickets {
    type Rejection = Infallible;

    async fn from_event(event: &Event<K>, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(event.sender.clone()))
    }
}

/// What the ticket of a handshake stands for: that in the query parameter `ticket`, which is redeemed
/// with this. See [`Tickets`].
///
/// A client with none, with one that is over and with one that was used before is refused with 401.
/// If the store does not answer, it is 503, and the ticket may still be good.
///
/// Let it be the last argument: a ticket is used up even if an argument behind it refuses the client.
/// And let either the authorizer or `$connect` ask for it: whoever comes second finds it used.
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
        Ok(None) => Err(Error::unauthorized("the ticket is unknown, over or used")),
        Err(error @ StoreError::Unavailable(_)) => {
            Err(Error::from(error).with_status(StatusCode::SERVICE_UNAVAILABLE))
        }
        Err(error) => Err(error.into()),
    }
}

/// The extractor, for both kinds of events that are about a handshake.
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
