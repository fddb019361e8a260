//! A program in a process group of its own, which does not outlive this process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

/// Starts a watcher and then becomes the program.
///
/// The watcher is in the program's process group and kills the whole group as soon as its pipe is closed at the other end,
/// the only copy of which is in this process: that happens when this process lets go of it, and also, through the kernel,
/// when this process dies of a `kill -9`. It runs before the program does, so there is no moment without it. A parent-death
/// signal (`setpriv --pdeathsig`) would be bound to the thread that forked, known to Linux only, and would reach neither the
/// children of the program nor those of a `cargo run`; the watcher covers them all. It is forked twice so that the program has
/// no child that it does not know, and ignores the signals that a program may send to its own group.
const LEASH: &str = "exec 3<&0 </dev/null
( ( trap '' HUP INT TERM; read -r _ <&3; kill -9 0 ) >/dev/null 2>&1 & )
exec 3<&-
exec \"$@\"";

/// A program and how it is started.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// A path, or a name that is looked up in the `PATH` of the function's environment.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Where it runs; a relative path of the program starts here. The current directory by default.
    pub current_dir: Option<PathBuf>,
}

/// A running process group.
pub(crate) struct Process {
    child: Child,
    group: Option<Pid>,
    /// Closing it makes the watcher kill the group.
    _leash: Option<ChildStdin>,
}

impl Process {
    /// Starts the program with exactly this environment.
    pub(crate) fn start(
        program: &Program,
        environment: &BTreeMap<String, String>,
    ) -> io::Result<(Process, ChildStdout, ChildStderr)> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", LEASH, "lambda-ws-local"]);
        command
            .arg(locate(
                program,
                environment.get("PATH").map(String::as_str),
            )?)
            .args(&program.args);
        if let Some(directory) = &program.current_dir {
            command.current_dir(directory);
        }
        let mut child = command
            .env_clear()
            .envs(environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let leash = child.stdin.take();
        match (child.stdout.take(), child.stderr.take()) {
            (Some(stdout), Some(stderr)) => Ok((
                Process {
                    child,
                    group,
                    _leash: leash,
                },
                stdout,
                stderr,
            )),
            _ => Err(io::Error::other("the process has no output pipes")),
        }
    }

    /// Waits until the program has ended. Its children may still run: [`kill`](Process::kill) ends them. Cancel-safe.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Kills what is left of the process group, as Lambda does: without a warning.
    ///
    /// The watcher keeps the group's id in use until this moment, so it names no other group even if the program is gone.
    pub(crate) fn kill(&mut self) {
        if let Some(group) = self.group.take() {
            // The only possible failure is that nobody is left.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The file to execute, so that a missing program is an error here and not a message of the shell.
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
        let message = format!("there is no directory {}", directory.display());
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
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such program in PATH"))
}

fn executable(file: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = file.metadata()?;
    Ok(metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}
