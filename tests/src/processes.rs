//! The processes of a function, found by their environment.

use crate::deadline::until;
use crate::meter::Meter;
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The processes whose environment has a certain variable: those of a function, with everything they
/// have started, wherever it has gone.
#[derive(Debug, Clone)]
pub struct Processes {
    variable: String,
}

impl Processes {
    /// The processes whose environment has `NAME=VALUE`.
    pub fn with(variable: impl Into<String>) -> Self {
        Self {
            variable: variable.into(),
        }
    }

    /// Their ids, now.
    pub fn ids(&self) -> Vec<u32> {
        let Ok(all) = std::fs::read_dir("/proc") else {
            return Vec::new();
        };
        all.flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter(|id| self.has(*id))
            .collect()
    }

    /// The ids of those that run `program`.
    pub fn running(&self, program: &Path) -> Vec<u32> {
        let mut ids = self.ids();
        ids.retain(|id| file(*id, "exe").canonicalize().is_ok_and(|e| e == program));
        ids
    }

    /// Returns the one of those that run `program` that has used the most processor time since `before`, a former
    /// result of [`Processes::work`].
    pub fn busiest(&self, program: &Path, before: &[(u32, Duration)]) -> Option<u32> {
        let since = |(id, now): (u32, Duration)| {
            let old = before.iter().find(|(other, _)| *other == id);
            (
                id,
                now.saturating_sub(old.map_or(Duration::ZERO, |(_, work)| *work)),
            )
        };
        let all = self.work(program).into_iter().map(since);
        all.max_by_key(|(_, work)| *work).map(|(id, _)| id)
    }

    /// Returns the processor time of each that runs `program`.
    pub fn work(&self, program: &Path) -> Vec<(u32, Duration)> {
        let ids = self.running(program).into_iter();
        ids.map(|id| (id, Meter::Process(id).time())).collect()
    }

    /// Waits until all of them have ended.
    pub async fn ended(&self) {
        until("the end of the function's processes", async || {
            self.ids().is_empty().then_some(())
        })
        .await;
    }

    fn has(&self, id: u32) -> bool {
        // A process that has ended has none, and neither has one of another user.
        let environment = std::fs::read(file(id, "environ")).unwrap_or_default();
        let mut variables = environment.split(|byte| *byte == 0);
        variables.any(|variable| variable == self.variable.as_bytes())
    }
}

fn file(id: u32, name: &str) -> PathBuf {
    format!("/proc/{id}/{name}").into()
}

/// Sends a signal to a process, unless it has ended.
pub fn signal(id: u32, signal: Signal) {
    if let Some(id) = Pid::from_raw(id.cast_signed()) {
        let _ = kill_process(id, signal);
    }
}
