//! A function's process.

use super::launcher::Launcher;
use super::runtime_api::RuntimeApi;
use rustix::process::Signal;
use std::error::Error;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// A function's process, until it is dropped.
#[derive(Debug)]
pub(crate) struct Function {
    child: Child,
    pub(crate) began: Instant,
}

impl Function {
    /// Starts a function with the environment that Lambda gives it, and some variables more.
    pub(crate) fn start(
        program: &[OsString],
        launcher: &Launcher,
        api: &RuntimeApi,
        variables: &[(&str, String)],
    ) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(&program[0]);
        command
            .args(&program[1..])
            .env_clear()
            .envs([
                ("AWS_ACCESS_KEY_ID", "test"),
                ("AWS_SECRET_ACCESS_KEY", "test"),
                ("AWS_REGION", "us-east-1"),
                ("AWS_LAMBDA_FUNCTION_NAME", "chat"),
                ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
                ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
                ("AWS_LAMBDA_RUNTIME_API", &api.address.to_string()),
                ("AWS_LAMBDA_LOG_LEVEL", "WARN"),
                ("PATH", "/usr/bin:/bin"),
            ])
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let (child, began) = launcher.launch(command)?;
        Ok(Self { child, began })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, and waits for that.
    pub(crate) fn end(mut self) -> Result<(), Box<dyn Error>> {
        tests::signal(self.id(), Signal::TERM);
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
pub(crate) fn program(path: &Path, args: &[&str]) -> Vec<OsString> {
    let args = args.iter().map(OsString::from);
    std::iter::once(path.as_os_str().to_owned())
        .chain(args)
        .collect()
}
