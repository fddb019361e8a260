//! Users who joined or left a room.

use super::FromEvent;
use crate::event::{Event, Joined, Left};
use std::convert::Infallible;

/// Users who have [joined](crate::Router::joined) a room, or [left](crate::Router::left) it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Presence {
    /// The room.
    pub room: String,
    /// The users that [`Opening::user`](crate::Opening::user) named: at least one, each once, and sorted.
    /// Users who come or go within about a second are announced together, with at most 16 KB of names.
    pub users: Vec<String>,
}

/// The extractor, for both kinds of events that are about users in a room.
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
