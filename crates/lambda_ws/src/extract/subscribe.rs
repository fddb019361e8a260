//! The extractor for subscriptions.

use super::FromEvent;
use crate::event::{Event, Subscribe};
use std::convert::Infallible;

impl<S: Sync> FromEvent<Subscribe, S> for Subscribe {
    type Rejection = Infallible;

    async fn from_event(event: &Event<Subscribe>, _: &S) -> Result<Self, Infallible> {
        Ok(event.data.clone())
    }
}
