//! The freezer of an environment, which stops a process that waits for an event, as Lambda does.

use super::log::Log;
use super::meter::Output;
use super::process::Group;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// The default time that a process may wait for an event before it is stopped: 5 ms. Lambda stops it at once. Here that
/// would cost a signal per event of a stream.
pub const FREEZE_AFTER: Duration = Duration::from_millis(5);

/// How long a continued process is watched before it gets its event. What it writes meanwhile was begun before.
const LOOK: Duration = Duration::from_millis(1);

/// How many times a process is watched. Unfinished work shows early.
const LOOKS: u32 = 50;

const HINT: &str =
    "work after the response was frozen: await it before returning (Lambda does the same)";

/// When processes are stopped, or `None` for never. It can change while they run.
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

    /// Waits for `event` and stops the processes meanwhile. They run again when it resolves or is dropped.
    ///
    /// Output between a process's request for the event and the event's arrival comes from unfinished work. The log
    /// warns about it once.
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
            // Everything written before the request is already in the pipes.
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

async fn changed(switch: &mut watch::Receiver<Option<Duration>>) {
    if switch.changed().await.is_err() {
        // The function was dropped.
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
        self.0.resume();
    }
}
