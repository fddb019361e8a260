//! Tests of authentication.

mod authorizer;
mod tickets;
mod tokens;

use crate::Router;
use crate::testing::{Gateway, Request};
use http::StatusCode;

fn gateway(router: Router) -> Gateway {
    Gateway::new(router)
}

/// Returns the status that a client is rejected with.
async fn refusal(request: Request) -> Option<StatusCode> {
    request.connect().await.err().map(|refusal| refusal.status)
}
