//! The environment of the processes of a function.

use super::*;
use crate::ConnectionId;
use crate::clock::Clock;
use crate::payload::Payload;
use crate::task::Tasks;
use crate::transport::{Inspection, Transport};
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;
use tokio::time::Instant;

pub(super) const SECOND: Duration = Duration::from_secs(1);
pub(super) const BEGINNING: Timestamp = Timestamp::from_secs(1_767_607_440);

/// The store, clients, queue and clock that the processes of a function share.
#[derive(Clone)]
pub(super) struct World {
    pub(super) store: Memory,
    /// The names of the store's operations that were called.
    pub(super) calls: Arc<Mutex<Vec<&'static str>>>,
    /// The number of messages that each client received.
    pub(super) got: Arc<Mutex<BTreeMap<ConnectionId, usize>>>,
    /// The duration of a post.
    pub(super) post_time: Duration,
    pub(super) gone: Arc<Mutex<HashSet<ConnectionId>>>,
    pub(super) queue: Arc<Mutex<Vec<String>>>,
    /// Rejects all tasks.
    pub(super) closed: bool,
    pub(super) began: Instant,
    pub(super) log: Arc<Mutex<Vec<String>>>,
}

impl Transport for World {
    async fn post(&self, id: &ConnectionId, _: &Payload) -> Result<(), SendError> {
        if !self.post_time.is_zero() {
            tokio::time::sleep(self.post_time).await;
        }
        self.inspect(id).await?;
        *self.got.lock().unwrap().entry(id.clone()).or_default() += 1;
        Ok(())
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), SendError> {
        self.inspect(id).await.map(drop)
    }

    async fn inspect(&self, id: &ConnectionId) -> Result<Inspection, SendError> {
        match self.gone.lock().unwrap().contains(id) {
            true => Err(SendError::Gone),
            false => Ok(Inspection::default()),
        }
    }

    fn url(&self) -> &str {
        "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/dev"
    }
}

impl Tasks for World {
    fn queue(&self, event: String) -> BoxFuture<'_, Result<(), BoxError>> {
        let queued = match self.closed {
            true => Err("the queue is closed".into()),
            false => {
                self.queue.lock().unwrap().push(event);
                Ok(())
            }
        };
        Box::pin(std::future::ready(queued))
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        BEGINNING + self.began.elapsed()
    }
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            store: Memory::new(),
            calls: Arc::default(),
            got: Arc::default(),
            post_time: Duration::ZERO,
            gone: Arc::default(),
            queue: Arc::default(),
            closed: false,
            began: Instant::now(),
            log: Arc::default(),
        }
    }

    pub(super) fn backend(&self) -> Backend {
        let calls = self.calls.clone();
        let store = InterceptedStore {
            store: self.store.clone(),
            before: move |name: &'static str| -> BoxFuture<'static, Result<(), StoreError>> {
                calls.lock().unwrap().push(name);
                Box::pin(std::future::ready(Ok(())))
            },
        };
        let transports = Transports::one(Arc::new(self.clone()));
        Backend::new(Arc::new(store), transports).with_clock(self.clone())
    }

    /// Invokes a process with this timeout.
    pub(super) async fn invoke(
        &self,
        process: &Dispatcher,
        event: &str,
        seconds: u32,
    ) -> Result<Value, BoxError> {
        let invocation = InvocationContext {
            deadline: Some(Instant::now() + SECOND * seconds),
            ..InvocationContext::default()
        };
        let reply = process.call(event, invocation).await?;
        Ok(serde_json::to_value(reply)?)
    }

    pub(super) fn queued(&self) -> Vec<String> {
        std::mem::take(&mut self.queue.lock().unwrap())
    }

    pub(super) fn requests(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for name in std::mem::take(&mut *self.calls.lock().unwrap()) {
            *counts.entry(name).or_default() += 1;
        }
        counts
    }

    /// The number of clients that received this many messages.
    pub(super) fn counts(&self) -> BTreeMap<usize, usize> {
        let mut counts = BTreeMap::new();
        for count in self.got.lock().unwrap().values() {
            *counts.entry(*count).or_default() += 1;
        }
        counts
    }
}
