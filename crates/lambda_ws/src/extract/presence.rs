//! Users who joined or left a room, or whose data has changed.

use super::FromEvent;
use crate::error::Error;
use crate::event::{Changed, Event, Joined, Left};
use crate::presence::{PresenceChange, PresenceData};
use serde::de::DeserializeOwned;
use std::convert::Infallible;

/// The extractor for the kinds of presence events.
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

presences! { Joined Left Changed }

/// The extractor for the kinds of presence events with data.
macro_rules! with_data {
    ($($kind:ty)*) => { $(
        impl<S: Sync, T: DeserializeOwned> FromEvent<$kind, S> for PresenceData<T> {
            type Rejection = Error;

            async fn from_event(event: &Event<$kind>, _: &S) -> Result<Self, Error> {
                Self::read(&event.data.presence.users, &event.data.values)
            }
        }
    )* };
}

with_data! { Joined Changed }
