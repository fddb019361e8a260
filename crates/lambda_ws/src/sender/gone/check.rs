//! Confirms that a connection is gone.

use super::super::attempts::RequestKind;
use super::super::{EventOrigin, Sender};
use crate::ConnectionId;
use crate::backoff::{Backoff, Jitter};
use crate::error::SendError;
use crate::metrics::Metric;
use crate::payload::Payload;
use crate::presence::{PendingChange, PresenceState};
use crate::store::{Record, Scope, StoreError};
use lambda_ws_protocol::limits::INTEGRATION_TIMEOUT;
use std::sync::Once;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::warn;

/// How long after its `$connect` began API Gateway may return 410 for a connection that is not open yet.
const YOUNG: Duration = Duration::from_secs(5);

/// How long after its `$connect` began a connection may still be opening: API Gateway times out after 29 s. A 410
/// proves nothing until then. Two clients that connect at the same time may each wait for the other's announcement.
const OPENING: Duration = INTEGRATION_TIMEOUT.saturating_add(Duration::from_secs(1));

/// The pauses before retries of a post to a young connection: 50 to 200 ms.
const YOUNG_PAUSES: Backoff = Backoff::new(50, 2, 200, 3, Jitter::None);

/// The pauses where the connection will open soon: for its welcome message, and for its close. A `$connect` that
/// takes longer checks at its end whether it was closed. 50 to 1600 ms.
const OPENING_PAUSES: Backoff = Backoff::new(50, 2, 1600, 6, Jitter::None);

/// The pause before a 410 is confirmed: API Gateway sometimes returns one for a live connection.
const CONFIRMATION: Backoff = Backoff::new(CONFIRMATION_MS, 1, CONFIRMATION_MS, 1, Jitter::None);
const CONFIRMATION_MS: u32 = 250;

/// The minimum time from a 410 to the 410 that proves it.
pub(super) const PROOF: Duration = Duration::from_millis(CONFIRMATION_MS as u64);

/// The minimum time from a 410 to the second attempt, if an event has nothing else to wait for.
const SECOND_ATTEMPT: Duration = Duration::from_millis(60);

pub(in crate::sender) enum GoneCheck {
    /// The connection is alive. The message was sent, or the connection was closed.
    Alive,
    /// The connection is gone. Contains its record, if it has one.
    Gone(Option<Record>),
    /// All its responses were 410, but within less than [`PROOF`]. The event does not wait for the last one.
    Suspected(Suspect),
    Unknown(SendError),
}

/// A connection that is probably gone.
#[derive(Debug)]
pub(in crate::sender) struct Suspect {
    pub(super) record: Record,
    /// The time of its first 410.
    pub(super) since: Instant,
    /// The message that is posted if the connection is alive. Without one, it is closed.
    pub(super) message: Option<Payload>,
}

/// Whether the sender has nothing left to do, except for gone checks.
pub(in crate::sender) type Idle = watch::Receiver<bool>;

impl Sender {
    /// Confirms a 410 by the connection's record, by retrying the request, and by GetConnection. The request posts
    /// `message`, or closes the connection without one.
    ///
    /// While `idle` is true, an event does not wait for the end of [`PROOF`]. The connection is then suspected. Without
    /// `idle` the whole proof is awaited.
    pub(in crate::sender) async fn check_gone(
        &self,
        id: &ConnectionId,
        message: Option<&Payload>,
        idle: Option<Idle>,
    ) -> GoneCheck {
        let since = Instant::now();
        let record = match self.store().record(id, self.now()).await {
            Ok(Some(record)) if !record.gone => record,
            // Every live connection is registered, so this one was removed or marked as gone.
            Ok(record) => return self.confirmed(id, record),
            Err(error) => return GoneCheck::Unknown(error.into()),
        };
        if let Some(error) = self.other_stage(&record) {
            return GoneCheck::Unknown(error);
        }
        let age = self.now() - record.at;
        let is_young = age < YOUNG;
        let is_closed = message.is_none() && age < OPENING;
        if is_closed && let Err(error) = self.mark_gone(&record).await {
            return GoneCheck::Unknown(error.into());
        }
        let pauses = match is_young {
            _ if is_closed => OPENING_PAUSES,
            true if matches!(self.0.origin, EventOrigin::Opened(_)) => OPENING_PAUSES,
            true => YOUNG_PAUSES,
            false => CONFIRMATION,
        };
        let mut idle = idle.filter(|_| !is_young && !is_closed && self.may_defer_proofs());
        for pause in pauses {
            match &mut idle {
                Some(idle) => self.pause_while_busy(id, since, idle).await,
                None => self.pause(pause, id).await,
            }
            match self.request(id, message).await {
                Ok(()) => {
                    // A young connection was not open yet.
                    if !is_young {
                        self.count(Metric::GoneFalse);
                    }
                    return GoneCheck::Alive;
                }
                Err(SendError::Gone) => {}
                Err(error) => return GoneCheck::Unknown(error),
            }
        }
        if is_closed {
            // If its `$connect` still runs, it finds the mark and rejects the handshake.
            return GoneCheck::Alive;
        }
        let is_early = idle.is_some() && since.elapsed() < PROOF;
        // False 410s may repeat. GetConnection also returns 410 for a gone connection.
        match self.inspect(id).await {
            Err(SendError::Gone) if is_early => {
                return GoneCheck::Suspected(Suspect {
                    record,
                    since,
                    message: message.cloned(),
                });
            }
            Err(SendError::Gone) => {
                self.count(Metric::GoneConfirmed);
                return self.confirmed(id, Some(record));
            }
            Err(error) => return GoneCheck::Unknown(error),
            Ok(_) => {}
        }
        if is_early {
            // False 410s may last for a while.
            self.pause(PROOF.saturating_sub(since.elapsed()), id).await;
        }
        match self.request(id, message).await {
            Ok(()) => {
                self.count(Metric::GoneFalse);
                GoneCheck::Alive
            }
            Err(SendError::Gone) => GoneCheck::Unknown(SendError::Unavailable(
                "API Gateway returns 410 for a connection that GetConnection finds".into(),
            )),
            Err(error) => GoneCheck::Unknown(error),
        }
    }

    /// Returns whether a connection can be proven gone after the event. Departures are announced in the event that
    /// finds them, so presences need the proof before its end.
    fn may_defer_proofs(&self) -> bool {
        let keeps_presences = self.presences().is_some_and(PresenceState::is_enabled);
        self.0.effects.is_of_event() && !keeps_presences
    }

    /// Waits for the second attempt: until [`PROOF`] ends, or as soon as nothing else is left to do.
    async fn pause_while_busy(&self, id: &ConnectionId, since: Instant, idle: &mut Idle) {
        let left = |of: Duration| of.saturating_sub(since.elapsed());
        self.pause(left(SECOND_ATTEMPT), id).await;
        tokio::select! {
            biased;
            _ = idle.wait_for(|idle| *idle) => {}
            () = self.pause(left(PROOF), id) => {}
        }
    }

    /// Returns the error for a connection of another stage, which this sender cannot reach. API Gateway returns 410
    /// for it here, and retries do not help.
    fn other_stage(&self, record: &Record) -> Option<SendError> {
        static WARNED: Once = Once::new();

        // A job that registered the connection may not have known its stage.
        let is_other = |own: &String| !record.api.is_empty() && *own != record.api;
        let own = self.api().filter(is_other)?;
        WARNED.call_once(|| {
            warn!(
                own,
                other = record.api,
                "two stages share a connections table, and each message tries the members of both; fix: set a separate \
                 CONNECTIONS_TABLE for each stage"
            );
        });
        let api = record.api.clone();
        Some(SendError::OtherStage { api })
    }

    /// Returns the confirmed result for a connection. The process remembers it, unless the `$connect` may be running.
    pub(super) fn confirmed(&self, id: &ConnectionId, record: Option<Record>) -> GoneCheck {
        let is_opening = |record: &Record| !record.gone && self.now() - record.at < OPENING;
        if !record.as_ref().is_some_and(is_opening) {
            self.0.gone.remember(id, self.now());
        }
        GoneCheck::Gone(record)
    }

    /// Posts a message, or closes the connection without one, with retries.
    pub(super) async fn request(
        &self,
        id: &ConnectionId,
        message: Option<&Payload>,
    ) -> Result<(), SendError> {
        match message {
            Some(message) => self.post(id, message).await,
            None => {
                let close = || self.0.transport.close(id);
                self.persist(id, RequestKind::Other, close).await
            }
        }
    }

    /// Removes a gone connection from the store. `scope` is the group that contained it.
    pub(in crate::sender) async fn clean_up(
        &self,
        id: &ConnectionId,
        record: Option<Record>,
        scope: &Scope,
    ) {
        if let Err(error) = self.try_clean_up(id, record, scope).await {
            let error = &error as &dyn std::error::Error;
            warn!(connection = %id, error, "a gone connection could not be removed; the next message retries it");
        }
    }

    pub(super) fn count(&self, metric: Metric) {
        if let Some(metrics) = self.metrics() {
            metrics.count(metric);
        }
    }

    async fn try_clean_up(
        &self,
        id: &ConnectionId,
        record: Option<Record>,
        scope: &Scope,
    ) -> Result<(), StoreError> {
        match record {
            // A 410 of one API does not apply to connections of another.
            Some(record) if self.api().as_ref() != Some(&record.api) => Ok(()),
            // It may still be opening. The next message confirms it again.
            Some(record) if !record.gone && self.now() - record.at < OPENING => Ok(()),
            Some(record) if !record.gone => self.mark_gone(&record).await,
            // Without a record, or after an interrupted removal, only this member is known.
            _ => match scope {
                Scope::Everyone => Ok(()),
                scope => self.store().forget(scope, id).await,
            },
        }
    }

    async fn mark_gone(&self, record: &Record) -> Result<(), StoreError> {
        let departure = PendingChange::departure(record);
        self.depart(departure.as_slice()).await;
        if self.store().mark_gone(&record.id, record.at).await? {
            self.count(Metric::Removed);
        }
        Ok(())
    }
}
