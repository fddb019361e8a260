//! The resources that a gateway holds before, during and after a torture.

use crate::deadline::until;
use crate::gateway::Gateway;
use crate::meter::Meter;
use std::fmt;

/// What a process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Resident memory, in KB.
    pub memory: u64,
    /// Open files.
    pub files: usize,
    /// Threads.
    pub threads: u64,
}

/// What the gateway held before, at most, and after.
#[derive(Debug, Clone)]
pub struct Report {
    /// How much was done of what was wanted.
    pub done: Vec<String>,
    /// After a few connections of every kind.
    pub before: Held,
    /// With the slow clients connected.
    pub slow: Held,
    /// When all had gone.
    pub after: Held,
    /// What the gateway wrote to its standard error.
    pub errors: Vec<String>,
}

/// How much memory may be left, in KB: what allocators keep for the next time.
const MEMORY: u64 = 24 * 1024;

impl Report {
    /// What is left that should not be: nothing, if all is well.
    pub fn leaks(&self) -> Vec<String> {
        let mut leaks = Vec::new();
        if self.after.memory > self.before.memory + MEMORY {
            leaks.push("memory does not return".to_owned());
        }
        if self.after.files > self.before.files {
            leaks.push("files stay open".to_owned());
        }
        if self.after.threads > self.before.threads {
            leaks.push("threads go on".to_owned());
        }
        let bad = |line: &&String| line.contains("panicked") || line.contains("task failed");
        leaks.extend(self.errors.iter().filter(bad).cloned());
        leaks
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.done {
            writeln!(f, "{line}")?;
        }
        for (when, held) in [
            ("before", self.before),
            ("slow", self.slow),
            ("after", self.after),
        ] {
            let Held {
                memory,
                files,
                threads,
            } = held;
            writeln!(f, "{when:<6} {memory} KB, {files} files, {threads} threads")?;
        }
        Ok(())
    }
}

impl Gateway {
    /// What it holds now.
    pub(super) fn held(&self) -> Held {
        let (id, meter) = (self.program.id(), Meter::Process(self.program.id()));
        let files = std::fs::read_dir(format!("/proc/{id}/fd")).expect("it runs");
        Held {
            memory: meter.memory() / 1024,
            files: files.count(),
            threads: meter.threads(),
        }
    }

    /// What it holds when no more than `files` are open.
    pub(super) async fn settled(&self, files: usize) -> Held {
        until("the end of all connections", async || {
            let held = self.held();
            (held.files <= files).then_some(held)
        })
        .await
    }
}
