//! Time that stands still.

use super::shared::Shared;
use crate::clock::Clock;
use crate::{ConnectionId, Timestamp};
use futures_util::future::BoxFuture;
use std::sync::Weak;
use std::time::Duration;

/// How often others go first during a pause.
const CHANCES: usize = 100;

/// The gateway's clock, as the application sees it.
pub(super) struct StandingClock(pub(super) Weak<Shared>);

impl Clock for StandingClock {
    fn now(&self) -> Timestamp {
        self.0
            .upgrade()
            .map_or_else(Timestamp::default, |shared| shared.now())
    }

    /// Waiting makes a difference only to a connection whose handshake is under way; that may wait
    /// for this very pause, so it is given a chance and no more.
    fn pause(&self, _: Duration, id: &ConnectionId) -> BoxFuture<'static, ()> {
        let (shared, id) = (self.0.upgrade(), id.clone());
        Box::pin(async move {
            let Some(shared) = shared else { return };
            for _ in 0..CHANCES {
                if !shared.sockets().is_opening(&id) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        })
    }
}
