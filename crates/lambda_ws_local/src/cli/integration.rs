//! Functions behind routes.

use bytes::Bytes;
use lambda_ws_local::function::{Function, InvokeError};
use lambda_ws_local::gateway::{Integration, IntegrationError, Invocation};
use std::sync::{Arc, OnceLock};

/// A function that is started after the gateway, because it is told the gateway's address.
#[derive(Clone, Default)]
pub(super) struct LateFunction(Arc<OnceLock<Function>>);

impl LateFunction {
    pub(super) fn started(&self, function: Function) {
        // Each is started once; a second would be dropped, and with it its processes.
        let _ = self.0.set(function);
    }

    pub(super) async fn stop(&self) {
        if let Some(function) = self.0.get() {
            function.stop().await;
        }
    }
}

impl Integration for LateFunction {
    fn invoke(&self, event: Bytes, _: &str) -> Invocation {
        let this = self.clone();
        Box::pin(async move {
            let Some(function) = this.0.get() else {
                let starting = "it is still being started".to_owned();
                return Err(IntegrationError::Unavailable(starting));
            };
            let request_id = lambda_ws_local::function::request_id();
            function
                .invoke(event, &request_id)
                .await
                .map_err(|error| match error {
                    InvokeError::Throttled => IntegrationError::Throttled,
                    error => IntegrationError::Function(error.to_string()),
                })
        })
    }
}
