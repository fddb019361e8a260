//! Connections that a message to many found gone.

use super::driven::driven;
use super::{Delivery, Sender};
use crate::ConnectionId;
use crate::store::{Record, Scope};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, FuturesUnordered, StreamExt};
use tracing::{info, warn};

/// How many are removed together, and how many of these at once.
const BATCH: usize = 100;
const AT_ONCE: usize = 25;

/// How many batches are under way at once.
const BATCHES: usize = 2;

/// How many are remembered. Whoever is not will be found gone again.
const MOST: usize = 1000;

/// When fewer than this are reached, any share of them may be gone.
const MASS: usize = 20;

/// Removes those that are gone from the store, beside the messages to the others, unless they are
/// suspiciously many.
pub(super) struct Removal<'a> {
    sender: &'a Sender,
    scope: Scope,
    found: Vec<(ConnectionId, Option<Record>)>,
    under_way: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl<'a> Removal<'a> {
    pub(super) fn new(sender: &'a Sender, scope: &Scope) -> Self {
        Self {
            sender,
            scope: scope.clone(),
            found: Vec::new(),
            under_way: FuturesUnordered::new(),
        }
    }

    /// Adds one that is counted in `delivery` already.
    pub(super) fn add(&mut self, id: ConnectionId, record: Option<Record>, delivery: &Delivery) {
        if self.found.len() < MOST {
            self.found.push((id, record));
        }
        if self.found.len() >= BATCH && self.under_way.len() < BATCHES && is_plausible(delivery) {
            self.begin();
        }
    }

    /// Some were removed; none is under way, if that is `None`.
    pub(super) async fn next(&mut self) -> Option<()> {
        self.under_way.next().await
    }

    /// Removes the others, before the event ends.
    pub(super) async fn finish(mut self, delivery: &Delivery) {
        if delivery.gone == 0 {
            return;
        }
        if is_plausible(delivery) {
            info!(
                gone = delivery.gone,
                reached = delivery.audience(),
                "connections are gone"
            );
            self.begin();
        } else {
            warn!(
                gone = delivery.gone,
                reached = delivery.audience(),
                url = self.sender.url(),
                "most of an audience is gone: nobody is removed, because the endpoint may be wrong"
            );
        }
        let under_way = self.under_way;
        let work = async move { under_way.collect::<()>().await };
        self.sender.0.cleanup.run(work).await;
    }

    fn begin(&mut self) {
        let (sender, scope) = (self.sender.clone(), self.scope.clone());
        let found = std::mem::take(&mut self.found);
        let batch = driven(async move {
            let removals = found.into_iter().map(|(id, record)| {
                let (sender, scope) = (&sender, &scope);
                async move { sender.clean_up(&id, record, scope).await }
            });
            let removals = stream::iter(removals).buffer_unordered(AT_ONCE);
            removals.collect::<()>().await;
        });
        self.under_way.push(Box::pin(batch));
    }
}

/// Whether so many may be gone.
fn is_plausible(delivery: &Delivery) -> bool {
    let reached = delivery.audience();
    reached < MASS || delivery.gone * 2 <= reached
}
