//! Extractors for `$disconnect`.

use super::FromEvent;
use crate::event::{Disconnect, Event};
use std::convert::Infallible;

/// The end of a connection (conformance C3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Close {
    /// The close code: 1000 closed by the server, 1001 idle or going away, 1005 without a code, 1006 vanished.
    pub code: Option<u16>,
    /// The reason.
    pub reason: Option<String>,
}

impl<S: Sync> FromEvent<Disconnect, S> for Close {
    type Rejection = Infallible;

    async fn from_event(event: &Event<Disconnect>, _: &S) -> Result<Self, Infallible> {
        Ok(Self {
            code: event.data.code,
            reason: event.data.reason.clone(),
        })
    }
}
