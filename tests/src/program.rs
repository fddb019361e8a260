//! A program that a test has started.

use crate::deadline::{PATIENCE, within_time};
use crate::lines::Lines;
use crate::processes::signal;
use rustix::process::Signal;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, ChildStdin, Command};

/// How many lines of a program are shown if its test fails.
const SHOWN: usize = 50;

/// A program that a test has started; it ends with the test.
#[derive(Debug)]
pub struct Program {
    child: Child,
    /// Its identity as long as it runs.
    id: u32,
    stdin: Option<ChildStdin>,
    /// What it writes.
    pub stdout: Lines,
    /// What it complains about.
    pub stderr: Lines,
}

/// A program that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Everything it wrote.
    pub stdout: Vec<String>,
    /// Everything it complained about.
    pub stderr: Vec<String>,
}

impl Program {
    /// Starts a program in a folder.
    ///
    /// # Panics
    ///
    /// If there is no such program.
    pub fn start<A: AsRef<OsStr>>(
        program: &Path,
        folder: &Path,
        args: impl IntoIterator<Item = A>,
    ) -> Self {
        let mut command = Command::new(program);
        command.args(args).current_dir(folder);
        Self::spawn(command)
    }

    pub(crate) fn spawn(mut command: Command) -> Self {
        let child = command
            .env_remove("LAMBDA_WS_LOG")
            .env("NO_COLOR", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        Self {
            id: child.id().expect("it has not been waited for"),
            stdin: child.stdin.take(),
            stdout: Lines::of(child.stdout.take().expect("stdout is piped")),
            stderr: Lines::of(child.stderr.take().expect("stderr is piped")),
            child,
        }
    }

    /// Its process's id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Writes a line to its standard input.
    ///
    /// # Panics
    ///
    /// If it does not take any.
    pub async fn type_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("its input is open");
        let line = format!("{line}\n");
        stdin.write_all(line.as_bytes()).await.expect("it reads");
    }

    /// Ends its standard input.
    pub fn end_input(&mut self) {
        self.stdin = None;
    }

    /// Sends it a signal.
    pub fn signal(&self, number: Signal) {
        signal(self.id, number);
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// If it does not end within [`PATIENCE`].
    pub async fn ended(self) -> Ended {
        self.ended_within(PATIENCE).await
    }

    /// Waits for its end, for up to `patience`.
    ///
    /// # Panics
    ///
    /// If it does not end.
    pub async fn ended_within(mut self, patience: Duration) -> Ended {
        self.end_input();
        let end = async {
            let status = self.child.wait().await.expect("it is ours to wait for");
            Ended {
                code: status.code(),
                stdout: self.stdout.all().await,
                stderr: self.stderr.all().await,
            }
        };
        within_time(patience, "the end of a program", end).await
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for lines in [self.stdout.now(), self.stderr.now()] {
                let first = lines.len().saturating_sub(SHOWN);
                eprintln!("{}", lines[first..].join("\n"));
            }
        }
    }
}

impl Ended {
    /// Whether a line of its complaints contains `text`.
    pub fn complains(&self, text: &str) -> bool {
        self.stderr.iter().any(|line| line.contains(text))
    }

    /// The lines of its complaints that begin with `error:`.
    pub fn errors(&self) -> Vec<&str> {
        let errors = self.stderr.iter().map(String::as_str);
        errors.filter(|line| line.starts_with("error:")).collect()
    }
}
