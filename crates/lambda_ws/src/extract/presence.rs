//! Who is present, or no longer.

use super::FromEvent;
use crate::event::{Event, Joined, Left};
use std::convert::Infallible;

/// A user in a room: who has [joined](crate::Router::joined) it, or [left](crate::Router::left).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Presence {
    /// The room.
    pub room: String,
    /// The user that [`Opening::user`](crate::Opening::user) named.
    pub user: String,
}

/// The extractor, for both kinds of events that are about a user in a room.
macro_rules! presences {
    ($($kind:ty)*) => { $(
        impl<S: Sync> FromEvent<$kind, S> for Presence {
            type Rejection = Infallible;

            async fn from_event(event: &Event<$kind>, _: &S) -> Result<Self, Infallible> {
                Ok(event.data.presence.clone())
            }
        }
    )* };
}

presences! { Joined Left }
