//! Users who joined or left a room.

use super::FromEvent;
use crate::event::{Event, Joined, Left};
use crate::presence::PresenceChange;
use std::convert::Infallible;

/// The extractor for the two kinds of presence events.
macro_rules! presences {
    ($($kind:ty)*) => { $(
        impl<S: Sync> FromEvent<$kind, S> for PresenceChange {
            type Rejection = Infallible;

            async fn from_event(event: &Event<$kind>, _: &S) -> Result<Self, Infallible> {
                Ok(event.data.presence.clone())
            }
        }
    )* };
}

presences! { Joined Left }
