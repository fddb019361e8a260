//! Time that stands still.

use super::shared::Shared;
use crate::sender::Clock;
use crate::{ConnectionId, Timestamp};
use futures_util::future::BoxFuture;
use std::sync::Weak;
use std::time::Duration;

/// The gateway's clock, as the application sees it.
pub(super) struct StandingClock(pub(super) Weak<Shared>);

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        self.0
            .upgrade()
            .map_or_else(Timestamp::default, |shared| shared.now())
    }

    /// Waiting makes a difference only to a connection whose handshake is under way.
    fn pause(&self, duration: Duration, id: &ConnectionId) -> BoxFuture<'static, ()> {
        let (shared, id) = (self.0.upgrade(), id.clone());
        Box::pin(async move {
            if let Some(shared) = shared {
                let opened = shared.wait_until(|sockets| !sockets.is_opening(&id));
                // The time is real here, because the handshake may wait for this very pause.
                let _ = tokio::time::timeout(duration, opened).await;
            }
        })
    }
}
