//! Who may connect, and who not.

mod authorizer;
mod tickets;
mod tokens;

use crate::Router;
use crate::testing::{Gateway, Request};
use http::StatusCode;

fn gateway(router: Router) -> Gateway {
    Gateway::new(router)
}

/// What a client is refused with, if it is.
async fn refusal(request: Request) -> Option<StatusCode> {
    request.connect().await.err().map(|refusal| refusal.status)
}
