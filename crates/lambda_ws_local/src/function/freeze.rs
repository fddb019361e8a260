//! The freezer of an environment: what Lambda does to a process that waits for an event.

use super::log::Log;
use super::meter::Output;
use super::process::Group;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// How long a process may wait for an event until it is stopped, if nothing else is chosen: 5 ms. Lambda stops it at once;
/// here that would cost a signal for each of many events that follow each other.
pub const FREEZE_AFTER: Duration = Duration::from_millis(5);

/// How long a process that goes on is watched before it gets its event. What it writes meanwhile was begun before.
const LOOK: Duration = Duration::from_millis(1);

/// How many times it is watched: who leaves work behind does so soon.
const LOOKS: u32 = 50;

const HINT: &str =
    "work after the response was frozen: await it before returning (Lambda does the same)";

/// When processes are stopped; `None` for never. It changes while they run.
pub(crate) type Switch = watch::Sender<Option<Duration>>;

/// Stops the processes of one environment between events.
pub(crate) struct Freezer {
    switch: watch::Receiver<Option<Duration>>,
    group: Arc<Group>,
    output: Output,
    log: Arc<Log>,
    looks: AtomicU32,
}

impl Freezer {
    pub(crate) fn new(
        switch: &Switch,
        group: Arc<Group>,
        output: Output,
        log: Arc<Log>,
    ) -> Freezer {
        Freezer {
            switch: switch.subscribe(),
            group,
            output,
            log,
            looks: AtomicU32::new(LOOKS),
        }
    }

    /// Waits for `event` and stops the processes meanwhile; when it resolves, or is dropped, they run.
    ///
    /// What they write between their question for the event and its arrival is work that they have left behind: the log
    /// says so, once.
    pub(crate) async fn wait<E>(&self, event: impl Future<Output = E>) -> E {
        tokio::pin!(event);
        let mut switch = self.switch.clone();
        loop {
            let after = *switch.borrow_and_update();
            let Some(after) = after else {
                tokio::select! {
                    biased;
                    event = &mut event => return event,
                    () = changed(&mut switch) => continue,
                }
            };
            // All that was written before the question is in the pipes already.
            let written = self.output.written();
            tokio::select! {
                biased;
                event = &mut event => return event,
                () = changed(&mut switch) => continue,
                () = sleep(after) => {}
            }
            let frozen = Frozen::new(&self.group);
            tokio::select! {
                biased;
                arrived = &mut event => {
                    drop(frozen);
                    self.look(written).await;
                    return arrived;
                }
                () = changed(&mut switch) => {}
            }
        }
    }

    /// Looks for work that was left behind.
    async fn look(&self, written: u64) {
        let left = self.looks.load(Ordering::Relaxed);
        if left == 0 {
            return;
        }
        self.looks.store(left - 1, Ordering::Relaxed);
        if self.output.written() == written {
            sleep(LOOK).await;
        }
        if self.output.written() > written {
            self.looks.store(0, Ordering::Relaxed);
            self.log.platform(HINT.to_owned());
        }
    }
}

/// Waits until the switch is turned.
async fn changed(switch: &mut watch::Receiver<Option<Duration>>) {
    if switch.changed().await.is_err() {
        // The function is gone.
        std::future::pending::<()>().await;
    }
}

/// Processes that are stopped until this is dropped.
struct Frozen<'a>(&'a Group);

impl Frozen<'_> {
    fn new(group: &Group) -> Frozen<'_> {
        group.stop();
        Frozen(group)
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.0.go_on();
    }
}
