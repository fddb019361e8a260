//! Removes the gone connections of a broadcast.

use super::super::{Delivery, Sender};
use super::check::Suspect;
use crate::ConnectionId;
use crate::store::{Record, Scope};
use crate::sync::spawned;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, FuturesUnordered, StreamExt};
use tracing::{info, warn};

/// The number of connections in a batch, and of concurrent removals.
const BATCH: usize = 100;
const AT_ONCE: usize = 25;

const BATCHES: usize = 2;

/// The maximum number of connections in the queue. The next message finds the others.
const MOST: usize = 10_000;

/// Logged when the endpoint may be wrong, and no connection is removed.
pub(crate) const ALL_GONE: &str =
    "all recipients are gone, so the endpoint may be wrong: no connection is removed";

/// In a smaller group all connections may be gone.
const SMALL: usize = 20;

/// Removes gone connections from the store while other messages are sent. A wrong endpoint returns 410 for every
/// connection, so no connection is removed until the endpoint is proven.
pub(in crate::sender) struct Removal<'a> {
    sender: &'a Sender,
    scope: Scope,
    found: Vec<(ConnectionId, Option<Record>)>,
    suspects: Vec<Suspect>,
    under_way: FuturesUnordered<BoxFuture<'static, ()>>,
}

impl<'a> Removal<'a> {
    pub(in crate::sender) fn new(sender: &'a Sender, scope: &Scope) -> Self {
        Self {
            sender,
            scope: scope.clone(),
            found: Vec::new(),
            suspects: Vec::new(),
            under_way: FuturesUnordered::new(),
        }
    }

    /// Adds a connection that `delivery` already counts.
    pub(in crate::sender) fn add(
        &mut self,
        id: ConnectionId,
        mut record: Option<Record>,
        delivery: &Delivery,
    ) {
        if self.found.len() < MOST {
            // Sessions may be large and are not needed.
            if let Some(record) = &mut record {
                record.session = None;
            }
            self.found.push((id, record));
        }
        if self.found.len() >= BATCH
            && self.under_way.len() < BATCHES
            && (delivery.sent > 0 || self.sender.is_endpoint_proven())
        {
            self.begin();
        }
    }

    /// Adds a suspect, which is removed once it is proven gone.
    pub(in crate::sender) fn suspect(&mut self, mut suspect: Suspect) {
        if self.suspects.len() < MOST {
            suspect.record.session = None;
            self.suspects.push(suspect);
        }
    }

    /// Waits until a batch is removed. Returns `None` if none is being removed.
    pub(in crate::sender) async fn next(&mut self) -> Option<()> {
        self.under_way.next().await
    }

    /// Removes the others before the event ends. `reached` is a connection that received the message.
    pub(in crate::sender) async fn finish(
        mut self,
        delivery: &Delivery,
        reached: Option<&ConnectionId>,
    ) {
        if self.found.is_empty() && self.suspects.is_empty() && self.under_way.is_empty() {
            return;
        }
        if self.sender.api().is_none() {
            self.sender.learn_api(reached).await;
        }
        let is_plausible = delivery.sent > 0 || delivery.audience() < SMALL;
        if is_plausible || self.sender.prove_endpoint().await {
            info!(
                gone = delivery.gone,
                reached = delivery.audience(),
                "gone connections are removed"
            );
            self.begin();
            let suspects = std::mem::take(&mut self.suspects);
            self.sender.prove_later(suspects, &self.scope);
        } else {
            warn!(
                gone = delivery.gone,
                reached = delivery.audience(),
                url = self.sender.url(),
                "{ALL_GONE}"
            );
        }
        let under_way = self.under_way;
        if under_way.is_empty() {
            return;
        }
        let work = async move { under_way.collect::<()>().await };
        self.sender.0.effects.run(work).await;
    }

    fn begin(&mut self) {
        if self.found.is_empty() {
            return;
        }
        let (sender, scope) = (self.sender.clone(), self.scope.clone());
        let found = std::mem::take(&mut self.found);
        let batch = spawned(async move {
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
