//! Authentication of clients.
//!
//! A browser cannot add headers to a websocket's handshake, so a token is sent in another way. It is checked before
//! the connection is opened: a rejected client gets status 401 or 403, and no connection exists.
//!
//! | token | clients | extractor |
//! |---|---|---|
//! | `Authorization: Bearer TOKEN` | programs | [`Token`] |
//! | `wss://..?token=TOKEN` | all; URLs are logged, so use short-lived tokens | [`Token`] |
//! | `new WebSocket(url, ["bearer", TOKEN])` | browsers | [`Token`] |
//! | a cookie of the page's own site | browsers; needs a list of allowed [`Origins`] | [`Cookies`] |
//! | `wss://..?ticket=TICKET`, issued by the page's HTTPS API, valid once | all | [`Ticket`] |
//! | a JWT in place of any `TOKEN` above | clients with an identity provider | `Jwt`, with the feature `jwt` |
//!
//! All of them are extractors for [`Router::connect`](crate::Router::connect) and
//! [`Router::authorize`](crate::Router::authorize). With `authorize` the function is also the API's Lambda authorizer
//! and returns a [`Policy`]. An authorizer costs one more invocation per connection. Use it if something outside this
//! function needs its result.
//!
//! An open connection stays authorized until it ends, after 2 hours at the latest. To disconnect a user earlier, call
//! [`sender.user("ann").close()`](crate::Audience::close).
//!
//! ```
//! use lambda_ws::auth::Token;
//! use lambda_ws::testing::Gateway;
//! use lambda_ws::{Error, Opening, Router};
//!
//! async fn connect(me: Opening, token: Token) -> Result<(), Error> {
//!     if !token.matches("s3cret") {
//!         return Err(Error::unauthorized("the token is unknown"));
//!     }
//!     me.user("ann")?;
//!     Ok(())
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let gateway = Gateway::new(Router::new().connect(connect));
//! assert!(gateway.connect("/?token=s3cret").await.is_ok());
//! assert_eq!(gateway.connect("/?token=guess").await.unwrap_err().status, 401);
//! assert_eq!(gateway.connect("/").await.unwrap_err().status, 401);
//! # }
//! ```

mod cookies;
#[cfg(feature = "jwt")]
mod jwt;
mod room_tokens;
#[cfg(test)]
mod tests;
mod tickets;
mod token;

pub use crate::policy::{ContextValue, Policy};
pub use cookies::{Cookies, Origins};
#[cfg(feature = "jwt")]
pub use jwt::{Fetch, Issuer, Jwt, JwtError, Keys};
pub use room_tokens::RoomTokens;
pub(crate) use room_tokens::TokenError;
pub use tickets::{Ticket, Tickets};
pub use token::Token;
