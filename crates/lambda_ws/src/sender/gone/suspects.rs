//! Connections that are probably gone. They are proven gone, and removed, after the event that found them. One that is
//! alive receives the message then, and those that found it gone meanwhile.

use super::super::Sender;
use super::check::{GoneCheck, PROOF, Suspect};
use super::memory::GoneMemory;
use crate::ConnectionId;
use crate::error::SendError;
use crate::metrics::Metric;
use crate::store::Scope;
use futures_util::stream::{self, StreamExt};
use std::sync::Arc;
use tracing::warn;

/// The number of concurrent checks of one broadcast.
const AT_ONCE: usize = 25;

/// Removes a connection from the set of suspects when it is dropped.
struct Guard {
    memory: Arc<GoneMemory>,
    id: ConnectionId,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.memory.clear(&self.id);
    }
}

impl Sender {
    /// Proves after the event that suspects are gone, and removes them. `scope` is the group that contained them.
    ///
    /// If Lambda freezes the process, it continues with its next event. If it ends the process, the next message to
    /// the connection finds it again.
    pub(in crate::sender) fn prove_later(&self, suspects: Vec<Suspect>, scope: &Scope) {
        let memory = &self.0.gone;
        let suspects: Vec<_> = suspects
            .into_iter()
            .filter_map(|mut suspect| {
                let (memory, id) = (memory.clone(), suspect.record.id.clone());
                // If another event is checking it, that one posts this message too.
                let is_new = memory.suspect(&id, suspect.message.take());
                is_new.then(|| (suspect, Guard { memory, id }))
            })
            .collect();
        if suspects.is_empty() {
            return;
        }
        let (sender, scope) = (self.clone(), scope.clone());
        self.0.effects.outlive(async move {
            let proofs = suspects.into_iter().map(|(suspect, guard)| {
                let (sender, scope) = (&sender, &scope);
                async move {
                    let proven = sender.prove(suspect, scope).await;
                    drop(guard);
                    proven
                }
            });
            let proofs = stream::iter(proofs).buffer_unordered(AT_ONCE);
            let failures = proofs.filter_map(async |proven| proven.err());
            let failures: Vec<_> = failures.collect().await;
            // One line, because an outage fails for all of them.
            if let Some(first) = failures.first() {
                warn!(
                    connections = failures.len(),
                    error = first as &dyn std::error::Error,
                    "connections that seemed to be gone may be alive, and did not receive a message"
                );
            }
        });
    }

    /// Removes a suspect, or sends it its messages if it is alive.
    async fn prove(&self, suspect: Suspect, scope: &Scope) -> Result<(), SendError> {
        let Suspect { record, since, .. } = suspect;
        let id = record.id.clone();
        let left = PROOF.saturating_sub(since.elapsed());
        self.pause(left, &id).await;
        match self.inspect(&id).await {
            Ok(_) => {}
            Err(SendError::Gone) => {
                self.count(Metric::GoneConfirmed);
                if let GoneCheck::Gone(record) = self.confirmed(&id, Some(record)) {
                    self.clean_up(&id, record, scope).await;
                }
                return Ok(());
            }
            // The next message to it checks it again.
            Err(error) => return Err(error),
        }
        self.count(Metric::GoneFalse);
        while let Some(message) = self.0.gone.next_request(&id) {
            self.request(&id, message.as_ref()).await?;
        }
        Ok(())
    }
}
