//! Events and responses as files, which `invoke` replays.
//!
//! The files contain everything that clients send, also tokens. Only the user can read them.

mod size;
#[cfg(test)]
mod tests;
mod writer;

pub(super) use size::Size;
pub use writer::{Recorded, json_or_text};

use super::failure::Failure;
use super::report::Reporter;
use crate::gateway::{Integration, IntegrationError, Invocation};
use crate::lock::lock;
use bytes::Bytes;
use std::collections::HashMap;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use writer::{Entry, Outcome, Progress, Writer, last_number};

/// The maximum number of events and responses that wait for the disk. More are dropped and counted.
const WAITING: usize = 1024;

/// How long shutdown waits for the disk.
const END: Duration = Duration::from_secs(5);

/// Writes events and responses on a separate thread.
pub(super) struct Recorder {
    entries: SyncSender<Entry>,
    progress: Arc<Progress>,
    /// The next number, and the last one.
    numbers: Mutex<(u64, u64)>,
    limit: u64,
    reporter: Reporter,
    written: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Recorder {
    /// Starts a recorder into a folder, which is created if necessary. Numbers continue after those of an earlier
    /// recording.
    pub(super) fn start(
        folder: &Path,
        limit: u64,
        size_limit: Size,
        reporter: &Reporter,
    ) -> Result<Arc<Recorder>, Failure> {
        let what = format!(
            "cannot record into {}: choose another folder",
            folder.display()
        );
        let mut make = std::fs::DirBuilder::new();
        let made = make.recursive(true).mode(0o700).create(folder);
        let last = made.and_then(|()| last_number(folder));
        let last = last.map_err(|error| Failure::because(&what, error))?;
        let end = last.saturating_add(limit);
        let (entries, received) = sync_channel(WAITING);
        let (done, written) = oneshot::channel();
        let progress = Arc::<Progress>::default();
        let writer = Writer {
            folder: folder.to_owned(),
            width: end.to_string().len().max(4),
            begun: HashMap::new(),
            room: size_limit.0,
            size_limit,
            progress: progress.clone(),
            reporter: reporter.clone(),
        };
        std::thread::spawn(move || {
            writer.write(received);
            // The receiver may have stopped waiting.
            let _ = done.send(());
        });
        Ok(Arc::new(Recorder {
            entries,
            progress,
            numbers: Mutex::new((last, end)),
            limit,
            reporter: reporter.clone(),
            written: Mutex::new(Some(written)),
        }))
    }

    /// Wraps an integration, so that it is recorded.
    pub(super) fn around<I>(self: &Arc<Self>, function: &str, inner: I) -> RecordedIntegration<I> {
        RecordedIntegration {
            recorder: self.clone(),
            function: function.into(),
            inner,
        }
    }

    pub(super) async fn finish(&self) {
        let written = lock(&self.written).take();
        let entries = self.entries.clone();
        // A send into a full channel blocks, so it needs another thread.
        std::thread::spawn(move || drop(entries.send(Entry::End)));
        if let Some(written) = written
            && tokio::time::timeout(END, written).await.is_err()
        {
            let end = END.as_secs();
            let slow = format!(
                "the last events are not recorded: the disk did not write them within {end} s"
            );
            self.reporter.line(slow);
        }
    }

    /// Records an event, and returns its number, if it has one.
    fn begin(&self, event: &Bytes) -> Option<u64> {
        if self.progress.stopped.load(Ordering::Relaxed) {
            return None;
        }
        let number = {
            let mut numbers = lock(&self.numbers);
            if numbers.0 == numbers.1 {
                if !self.progress.stopped.swap(true, Ordering::Relaxed) {
                    let limit = self.limit;
                    let full = format!(
                        "recording ends after {limit} events: raise --record-limit to record more"
                    );
                    self.reporter.line(full);
                }
                return None;
            }
            numbers.0 += 1;
            numbers.0
        };
        self.enqueue(Entry::Event(number, event.clone()))
            .then_some(number)
    }

    /// Queues an entry for the writer. Returns false if the queue is full.
    fn enqueue(&self, entry: Entry) -> bool {
        match self.entries.try_send(entry) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.progress.left_out.fetch_add(1, Ordering::Relaxed);
                false
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }
}

/// An integration whose events and responses are recorded.
pub(super) struct RecordedIntegration<I> {
    recorder: Arc<Recorder>,
    function: Arc<str>,
    inner: I,
}

impl<I: Integration> Integration for RecordedIntegration<I> {
    fn invoke(&self, event: Bytes, request_id: &str) -> Invocation {
        let number = self.recorder.begin(&event);
        let invocation = self.inner.invoke(event, request_id);
        let Some(number) = number else {
            return invocation;
        };
        let (recorder, function) = (self.recorder.clone(), self.function.clone());
        let request_id = request_id.to_owned();
        let begun = Instant::now();
        Box::pin(async move {
            let result = invocation.await;
            let outcome = Outcome {
                request_id,
                function,
                duration: begun.elapsed(),
                result: match &result {
                    Ok(response) => Ok(response.clone()),
                    Err(IntegrationError::Function(why)) => Err(why.clone()),
                    Err(error) => Err(error.to_string()),
                },
            };
            recorder.enqueue(Entry::Response(number, outcome));
            result
        })
    }
}
