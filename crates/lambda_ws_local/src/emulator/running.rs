//! An emulator that serves.

use super::functions::FunctionHandle;
use super::record::Recorder;
use super::reload::Reload;
use super::report::Reporter;
use crate::faults::Faults;
use crate::gateway::Gateway;
use crate::lambda::Lambda;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The number of connections whose closing takes noticeable time.
const MANY: usize = 200;

/// An emulator that serves. Dropping it kills the functions' processes.
pub struct Running {
    pub(super) urls: Urls,
    pub(super) faults: Faults,
    pub(super) functions: Vec<FunctionHandle>,
    pub(super) recorder: Option<Arc<Recorder>>,
    pub(super) reload: Option<Reload>,
    pub(super) lambda: Lambda,
    pub(super) reporter: Reporter,
    pub(super) gateway: Gateway,
    pub(super) stop: Option<oneshot::Sender<()>>,
    pub(super) ended: JoinHandle<()>,
}

/// The URLs of an emulator.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Urls {
    /// The URL for clients.
    pub websocket: String,
    /// The URL of the management API with its stage, which functions post to.
    pub management: String,
    /// The URL of DynamoDB.
    pub dynamodb: String,
    /// The URL of the console, unless it is off.
    pub console: Option<String>,
    /// The URL of the application's page, if it has one.
    pub web: Option<String>,
}

impl Running {
    /// The URLs of its servers.
    pub fn urls(&self) -> &Urls {
        &self.urls
    }

    /// The faults that it injects.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Reloads functions whose sources change, until the gateway ends.
    pub async fn ended(&mut self) {
        let reload = self.reload.take();
        let reload = async {
            match reload {
                Some(reload) => reload.run().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = reload => {}
            _ = &mut self.ended => {}
        }
    }

    /// Closes every connection, waits for the `$disconnect` events, and ends the functions' processes.
    pub async fn stop(&mut self) {
        let open = self.gateway.connections();
        if open >= MANY {
            self.reporter.note(format!(
                "closing {open} connections and handling their $disconnect events; press Ctrl-C again to stop at once"
            ));
        }
        drop(self.stop.take());
        if !self.ended.is_finished() {
            let _ = (&mut self.ended).await;
        }
        match self.lambda.stop() {
            0 => {}
            n => self
                .reporter
                .warning(format!("{n} waiting asynchronous events are lost")),
        }
        for function in &self.functions {
            function.stop().await;
        }
        if let Some(recorder) = &self.recorder {
            recorder.finish().await;
        }
    }
}
