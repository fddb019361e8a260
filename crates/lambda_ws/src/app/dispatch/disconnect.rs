//! `$disconnect`.

use super::Dispatcher;
use crate::app::backend::EventScope;
use crate::app::lambda_response::LambdaResponse;
use crate::connection::RecordCache;
use crate::context::Context;
use crate::event::{Disconnect, EventData};
use crate::presence::PendingChange;
use crate::response::Response;
use crate::sender::{EventOrigin, Sender};
use crate::{ConnectionId, Timestamp};
use http::StatusCode;
use tracing::error;

impl Dispatcher {
    pub(super) async fn disconnect(
        &self,
        context: Context,
        data: Disconnect,
        scope: &EventScope,
    ) -> LambdaResponse {
        if let Some(metrics) = &scope.metrics {
            metrics.disconnect(data.code);
        }
        let sender = self
            .backend
            .sender_for(&context, scope, EventOrigin::Outside);
        let (id, at) = (context.connection_id(), context.connected_at());
        self.backend.gone.remember(id, self.backend.clock().now());
        if self.backend.presences().is_enabled() {
            self.store_departure(id, at, &sender).await;
        }
        let record = match self.backend.store.remove(id, at).await {
            Ok(record) => record,
            Err(error) => {
                // The next message to the connection gets a 410, and the record expires.
                error!(
                    error = &error as &dyn std::error::Error,
                    "the connection could not be removed"
                );
                return LambdaResponse::new(&Response::new(StatusCode::SERVICE_UNAVAILABLE), None);
            }
        };
        let data = EventData::Disconnect(data);
        let handled = self.handle(context, data, sender, RecordCache::removed(record));
        let response = handled.await;
        LambdaResponse::new(&response, None)
    }

    /// Stores the departure of a connection before the connection is removed. So a process that ends in between loses
    /// no departure, and a connection that is not removed keeps its user present.
    async fn store_departure(&self, id: &ConnectionId, at: Timestamp, sender: &Sender) {
        match self.backend.store.record(id, sender.now()).await {
            Ok(record) => {
                let record = record.filter(|record| record.at == at && !record.gone);
                let departure = record.as_ref().and_then(PendingChange::departure);
                sender.depart(departure.as_slice()).await;
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                error!(error, "the departure of a user could not be stored");
            }
        }
    }
}
