//! A program in its own process group, which does not outlive this process.

use crate::lock::lock;
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

/// Becomes the program after a line that reports its watcher. Without the line it ends, because its parent is gone.
const START: &str = "read -r _ || exit 1
exec \"$@\" </dev/null";

/// Kills the program's process group when its pipe is closed at the other end. A word before that means that the group
/// has already ended. It also kills processes that left the group (`setsid`, daemons): on Linux it finds them by a
/// variable that all processes of the program inherit. It does not find a process that also clears its environment.
///
/// Only this process holds the other end, so the kernel closes it even after a `kill -9`. A parent-death signal
/// (`setpriv --pdeathsig`) is not enough: it depends on the thread that forked, exists on Linux only, and does not
/// reach children of the program or of `cargo run`. The watcher has its own group, so that it is not stopped with the
/// program. It ignores the signals that end a terminal's programs.
const WATCH: &str = "trap '' HUP INT TERM
read -r gone || kill -s KILL -- \"-$1\"
[ -n \"$2\" ] || exit
# A process may start another between the search and its end.
for round in 1 2 3; do
  found=
  for file in $(grep -lsF -- \"$2\" /proc/[0-9]*/environ); do
    id=${file#/proc/}
    kill -s KILL \"${id%/environ}\" && found=1
  done
  [ \"$found\" ] || exit
done";

/// A program and its arguments.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// A path, or a name to look up in the `PATH` of the function's environment.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// The working directory, which a relative path of the program starts from. The current directory by default.
    pub current_dir: Option<PathBuf>,
}

pub(crate) struct Process {
    child: Child,
    group: Arc<Group>,
    /// Closing it makes the watcher kill the group.
    watchdog_pipe: Option<ChildStdin>,
}

impl Process {
    /// Starts the program with exactly this environment. The value of the variable `marker` must be unique to this
    /// program.
    pub(crate) fn start(
        program: &Program,
        environment: &BTreeMap<String, String>,
        marker: &str,
    ) -> io::Result<(Process, ChildStdout, ChildStderr)> {
        let path = environment.get("PATH").map(String::as_str);
        let mut command = shell(START);
        command.arg(locate(program, path)?).args(&program.args);
        if let Some(directory) = &program.current_dir {
            command.current_dir(directory);
        }
        let mut child = command
            .envs(environment)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let id = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(id), (Some(stdin), Some(stdout), Some(stderr))) = (id, pipes) else {
            return Err(io::Error::other("the process has no id or no pipes"));
        };
        // Started before the program, so that it is never unwatched.
        let marker = environment
            .get(marker)
            .map(|value| format!("{marker}={value}"));
        let mut watcher = shell(WATCH)
            .arg(id.to_string())
            .args(marker)
            // It continues after this process has dropped it.
            .kill_on_drop(false)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let watchdog_pipe = watcher.stdin.take();
        // One byte fits into the empty pipe. A process that does not read it has ended, which `wait` returns.
        let _ = File::from(stdin.into_owned_fd()?).write_all(b"\n");
        let process = Process {
            child,
            group: Arc::new(Group(Mutex::new(Some(id)))),
            watchdog_pipe,
        };
        Ok((process, stdout, stderr))
    }

    /// Returns the processes that [`kill`](Process::kill) ends.
    pub(crate) fn group(&self) -> Arc<Group> {
        self.group.clone()
    }

    /// Waits until the program has ended. Its children may still run, so call [`kill`](Process::kill). Cancel-safe.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Kills the rest of the process group without a warning, as Lambda does, also stopped processes.
    ///
    /// Call it at once after [`wait`](Process::wait). From then on the group's id is free. It is still unused only
    /// because the kernel assigns ids in sequence.
    pub(crate) fn kill(&mut self) {
        self.group.end();
        // The watcher must not kill a later group with the same id.
        if let Some(watchdog_pipe) = self.watchdog_pipe.take()
            && let Ok(watchdog_pipe) = watchdog_pipe.into_owned_fd()
        {
            let _ = File::from(watchdog_pipe).write_all(b"gone\n");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The processes of a program, by the id of their group.
pub(crate) struct Group(Mutex<Option<Pid>>);

impl Group {
    pub(crate) fn stop(&self) {
        self.signal(Signal::STOP);
    }

    pub(crate) fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// Asks them to end, also if they are stopped.
    pub(crate) fn terminate(&self) {
        self.signal(Signal::TERM);
        self.resume();
    }

    fn end(&self) {
        if let Some(group) = self.lock().take() {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = *self.lock() {
            // The only possible failure is an empty group.
            let _ = kill_process_group(group, signal);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Pid>> {
        lock(&self.0)
    }
}

/// Returns a shell in its own process group, without an environment.
fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", script, "lambda-ws-local"])
        .env_clear()
        .stdin(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// Returns the file to execute, so that a missing program is an error here and not a message of the shell.
fn locate(program: &Program, path: Option<&str>) -> io::Result<PathBuf> {
    let name = Path::new(&program.program);
    if name.as_os_str().is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the name of the program is empty",
        ));
    }
    let directory = match &program.current_dir {
        Some(directory) => std::path::absolute(directory)?,
        None => std::env::current_dir()?,
    };
    if !directory.is_dir() {
        let message = format!("the directory {} does not exist", directory.display());
        return Err(io::Error::new(io::ErrorKind::NotADirectory, message));
    }
    if name.components().count() > 1
        || name.is_absolute()
        || program.program.as_encoded_bytes().contains(&b'/')
    {
        let file = directory.join(name);
        return match executable(&file) {
            Ok(true) => Ok(file),
            Ok(false) => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the file is not executable",
            )),
            Err(error) => Err(error),
        };
    }
    std::env::split_paths(path.unwrap_or_default())
        .map(|folder| directory.join(folder).join(name))
        .find(|file| matches!(executable(file), Ok(true)))
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the program is not in PATH"))
}

fn executable(file: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata()?;
    Ok(metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
