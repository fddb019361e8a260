//! Whether a connection that is called gone is gone.

use super::Sender;
use crate::ConnectionId;
use crate::limits::INTEGRATION_TIMEOUT;
use crate::metrics::Metric;
use crate::payload::Payload;
use crate::presence::Departure;
use crate::send_error::SendError;
use crate::store::{Record, Scope, StoreError};
use std::time::Duration;
use tracing::warn;

/// How long after its `$connect` a connection may still be called gone though it is about to open.
const YOUNG: Duration = Duration::from_secs(5);

/// How long after it was asked for a connection may still be opening: API Gateway gives up on its
/// `$connect` after 29 s. When two clients connect at once, each handler may be announcing its client
/// to the other's, and neither opens before it is done: a 410 proves nothing then.
const OPENING: Duration = INTEGRATION_TIMEOUT.saturating_add(Duration::from_secs(1));

/// When a young connection is tried again.
const YOUNG_PAUSES: [Duration; 3] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
];

/// The same for who greets it: its `$connect` has returned, or is about to.
const GREETING_PAUSES: [Duration; 6] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
    Duration::from_millis(1600),
];

/// When a 410 is checked: API Gateway now and then gives one for a live connection.
const CONFIRMATION: Duration = Duration::from_millis(250);

/// What became of the doubt whether a connection lives.
pub(super) enum Doubt {
    /// It lives, and has the message now.
    Unfounded,
    /// It is gone. This is its record, if it has one.
    Confirmed(Option<Record>),
    /// That could not be found out.
    Unresolved(SendError),
}

impl Sender {
    /// Makes sure, after a 410, that a connection is gone: by sending the message again, and at last
    /// by looking at the connection.
    pub(super) async fn doubt(&self, id: &ConnectionId, payload: &Payload) -> Doubt {
        let record = match self.store().record(id, self.now()).await {
            Ok(record) => record,
            Err(error) => return Doubt::Unresolved(error.into()),
        };
        let young = record.as_ref().is_some_and(|r| self.now() - r.at < YOUNG);
        let pauses = match young {
            true if self.0.greets => &GREETING_PAUSES[..],
            true => &YOUNG_PAUSES[..],
            false => &[CONFIRMATION],
        };
        for pause in pauses {
            self.pause(*pause, id).await;
            match self.post(id, payload).await {
                Ok(()) => {
                    // A young one was not open yet.
                    if !young {
                        self.count(Metric::GoneFalse);
                    }
                    return Doubt::Unfounded;
                }
                Err(SendError::Gone) => {}
                Err(error) => return Doubt::Unresolved(error),
            }
        }
        // A false 410 may follow another. Who is gone cannot be inspected either.
        match self.inspect(id).await {
            Err(SendError::Gone) => {
                self.count(Metric::GoneConfirmed);
                Doubt::Confirmed(record)
            }
            Err(error) => Doubt::Unresolved(error),
            Ok(_) => match self.post(id, payload).await {
                Ok(()) => {
                    self.count(Metric::GoneFalse);
                    Doubt::Unfounded
                }
                Err(SendError::Gone) => Doubt::Unresolved(SendError::Unavailable(
                    "it calls the connection gone, and shows it".into(),
                )),
                Err(error) => Doubt::Unresolved(error),
            },
        }
    }

    /// Remembers that a connection is gone. `scope` is where it was found.
    pub(super) async fn clean_up(&self, id: &ConnectionId, record: Option<Record>, scope: &Scope) {
        if let Err(error) = self.try_clean_up(id, record, scope).await {
            // It will be found gone again.
            warn!(connection = %id, error = &error as &dyn std::error::Error, "a gone connection is not removed");
        }
    }

    fn count(&self, metric: Metric) {
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
            // Another API's connection is not gone because this API does not know it.
            Some(record) if self.0.api.as_deref() != Some(record.api.as_str()) => Ok(()),
            // It will be found gone again, if it is.
            Some(record) if self.now() - record.at < OPENING => Ok(()),
            Some(record) if !record.gone => {
                let is_first = self.store().mark_gone(id, record.at).await?;
                if is_first {
                    self.count(Metric::Removed);
                }
                // If it joined another room meanwhile, its `$disconnect` or the next leaver tells.
                let departure = Departure::of(&record).filter(|_| is_first);
                if let (Some(presences), Some(departure)) = (self.presences(), departure) {
                    presences.depart(departure);
                }
                Ok(())
            }
            // No record, or one whose members a removal left behind: only this one is known.
            _ => match scope {
                Scope::Everyone => Ok(()),
                scope => self.store().forget(scope, id).await,
            },
        }
    }
}
