//! A function's process.

use super::launcher::Launcher;
use rustix::process::{Pid, Signal, kill_process};
use std::error::Error;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// A function's process, until it is dropped.
#[derive(Debug)]
pub(super) struct Function {
    child: Child,
    pub(super) began: Instant,
}

/// Where it runs, beside its program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) launcher: &'a Launcher,
    pub(super) api: SocketAddr,
    /// Variables beside Lambda's own.
    pub(super) variables: &'a [(&'a str, String)],
    /// What the command line begins with.
    pub(super) under: &'a [OsString],
}

impl Function {
    /// Starts one with nothing but the environment that Lambda gives it.
    pub(super) fn start(program: &[OsString], place: Place<'_>) -> Result<Self, Box<dyn Error>> {
        let line = [place.under, program].concat();
        let mut command = Command::new(&line[0]);
        command
            .args(&line[1..])
            .env_clear()
            .envs([
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
                ("AWS_REGION", "us-east-1"),
                ("AWS_LAMBDA_FUNCTION_NAME", "chat"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
                ("AWS_LAMBDA_RUNTIME_API", &place.api.to_string()),
                ("AWS_LAMBDA_LOG_LEVEL", "WARN"),
                ("PATH", "/usr/bin:/bin"),
            ])
            .envs(place.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let (child, began) = place.launcher.launch(command)?;
        Ok(Self { child, began })
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, and waits for that.
    pub(super) fn end(mut self) -> Result<(), Box<dyn Error>> {
        let id = Pid::from_raw(self.id().cast_signed());
        kill_process(id.ok_or("it has an id")?, Signal::TERM)?;
        self.child.wait()?;
        Ok(())
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        // Fails only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A program, and its arguments.
pub(super) fn program(path: &Path, args: &[&str]) -> Vec<OsString> {
    let args = args.iter().map(OsString::from);
    std::iter::once(path.as_os_str().to_owned())
        .chain(args)
        .collect()
}
