//! Changes of files, reported once they come to rest.

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// How long no file may change before a change is reported, because editors and version control write several files. A
/// file that is written later is not lost: it starts another build.
const REST: Duration = Duration::from_millis(50);

/// The maximum delay of a report.
const LONGEST: Duration = Duration::from_secs(2);

/// The maximum number of waiting changes. Beyond it, everything counts as changed.
const WAITING: usize = 4096;

pub(super) struct Watch {
    watcher: RecommendedWatcher,
    changes: mpsc::Receiver<PathBuf>,
    /// Changes that were received and are not reported yet.
    kept: BTreeSet<PathBuf>,
    lost: Arc<AtomicBool>,
}

/// The changed files.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Changes {
    These(BTreeSet<PathBuf>),
    /// More changes than the channel can hold.
    Anything,
}

impl Watch {
    pub(super) fn start() -> notify::Result<Watch> {
        let (sender, changes) = mpsc::channel(WAITING);
        let lost = Arc::new(AtomicBool::new(false));
        let missing = lost.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let event = match event {
                Ok(event) if matches!(event.kind, EventKind::Access(_)) => return,
                Ok(event) => event,
                Err(_) => notify::Event::default().set_flag(notify::event::Flag::Rescan),
            };
            let rescan = event.need_rescan();
            if rescan {
                missing.store(true, Ordering::Relaxed);
            }
            // An empty path wakes the receiver.
            for path in event.paths.into_iter().chain(rescan.then(PathBuf::new)) {
                if sender.try_send(path).is_err() {
                    missing.store(true, Ordering::Relaxed);
                }
            }
        })?;
        Ok(Watch {
            watcher,
            changes,
            kept: BTreeSet::new(),
            lost,
        })
    }

    /// Watches these directories too, without subdirectories. Returns the first error, but watches all others.
    pub(super) fn add<'p>(
        &mut self,
        directories: impl IntoIterator<Item = &'p PathBuf>,
    ) -> notify::Result<()> {
        let mut paths = self.watcher.paths_mut();
        let mut failed = Ok(());
        for directory in directories {
            let added = paths.add(directory, RecursiveMode::NonRecursive);
            failed = failed.and(added);
        }
        paths.commit().and(failed)
    }

    /// Waits for relevant changes until they come to rest. Cancel-safe except for the latest change.
    pub(super) async fn changes(&mut self, matters: impl FnMut(&Path) -> bool) -> Changes {
        let kept = std::mem::take(&mut self.kept);
        let Some(paths) = at_rest(kept, &mut self.changes, &self.lost, matters).await else {
            // The watcher has ended, so no change will follow.
            return std::future::pending().await;
        };
        match self.lost.swap(false, Ordering::Relaxed) {
            true => Changes::Anything,
            false => Changes::These(paths),
        }
    }

    /// Drops the earlier changes of such files, because a build writes them too.
    pub(super) fn forget(&mut self, such: impl Fn(&Path) -> bool) {
        let received = std::iter::from_fn(|| self.changes.try_recv().ok());
        self.kept.extend(received.filter(|path| !such(path)));
    }
}

/// Waits until no file changes for a while, and returns the relevant paths. `kept` has already changed.
async fn at_rest(
    kept: BTreeSet<PathBuf>,
    changes: &mut mpsc::Receiver<PathBuf>,
    lost: &AtomicBool,
    mut matters: impl FnMut(&Path) -> bool,
) -> Option<BTreeSet<PathBuf>> {
    let mut matters = |path: &Path| matters(path) || lost.load(Ordering::Relaxed);
    let mut paths = kept;
    paths.retain(|path| matters(path));
    while paths.is_empty() {
        let path = changes.recv().await?;
        if matters(&path) {
            paths.insert(path);
        }
    }
    let begin = Instant::now();
    let mut end = begin + REST;
    while let Ok(Some(path)) = timeout_at(end, changes.recv()).await {
        if matters(&path) {
            paths.insert(path);
            end = (Instant::now() + REST).min(begin + LONGEST);
        }
    }
    Some(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::sleep;

    fn is_rust(path: &Path) -> bool {
        path.extension().is_some_and(|extension| extension == "rs")
    }

    #[tokio::test(start_paused = true)]
    async fn changes_are_told_together_when_they_have_come_to_rest() {
        let (sender, mut changes) = mpsc::channel(100);
        let begin = Instant::now();
        tokio::spawn(async move {
            // A log that is written all the time does not matter.
            let log = async {
                for _ in 0..100 {
                    sleep(REST / 4).await;
                    sender.send("log.txt".into()).await.expect("a reader");
                }
            };
            let edits = async {
                for name in ["a.rs", "b.rs", "a.rs"] {
                    sender.send(name.into()).await.expect("a reader");
                    sleep(REST / 2).await;
                }
                sleep(REST).await;
                sender.send("c.rs".into()).await.expect("a reader");
            };
            tokio::join!(log, edits);
        });
        let lost = AtomicBool::new(false);
        let paths = at_rest(BTreeSet::new(), &mut changes, &lost, is_rust).await;
        assert_eq!(paths, Some(["a.rs", "b.rs"].map(PathBuf::from).into()));
        assert_eq!(begin.elapsed(), REST * 2);
        let paths = at_rest(BTreeSet::new(), &mut changes, &lost, is_rust).await;
        assert_eq!(paths, Some(["c.rs"].map(PathBuf::from).into()));
        let found = at_rest(BTreeSet::new(), &mut changes, &lost, is_rust).await;
        assert_eq!(found, None);
    }

    #[tokio::test(start_paused = true)]
    async fn changes_that_do_not_rest_are_told_some_time() {
        let (sender, mut changes) = mpsc::channel(100);
        let begin = Instant::now();
        tokio::spawn(async move {
            while sender.send("a.rs".into()).await.is_ok() {
                sleep(REST / 2).await;
            }
        });
        let paths = at_rest(
            BTreeSet::new(),
            &mut changes,
            &AtomicBool::new(false),
            is_rust,
        )
        .await;
        assert!(paths.is_some());
        assert_eq!(begin.elapsed(), LONGEST);
    }

    #[tokio::test]
    async fn a_file_that_is_written_is_told_and_one_that_is_read_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().canonicalize().expect("a folder");
        let (read, written) = (folder.join("read.rs"), folder.join("written.rs"));
        std::fs::write(&read, "").expect("a file");
        let mut watch = Watch::start().expect("a watcher");
        watch.add([&folder]).expect("a folder");
        assert!(watch.add([&folder.join("nosuch")]).is_err());
        std::fs::read(&read).expect("a file");
        std::fs::write(&written, "").expect("a file");
        let changes = watch.changes(is_rust).await;
        assert_eq!(changes, Changes::These([written].into()));
    }
}
