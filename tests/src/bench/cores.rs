//! The processor cores of servers and clients.

use std::ffi::OsString;
use std::fmt;
use std::process::{Command, Stdio};

/// The processor cores of servers and clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cores {
    /// Servers and functions on the first core, clients on the second.
    Apart,
    /// All on any core.
    Free,
}

impl Cores {
    /// Returns whether this machine can choose cores.
    pub fn can_be_chosen() -> bool {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let mut taskset = Command::new("taskset");
        let found = taskset.arg("--version").stdout(Stdio::null()).status();
        count > 1 && found.is_ok_and(|status| status.success())
    }

    /// Returns the beginning of a server's command line.
    pub fn command(self) -> Vec<OsString> {
        if !Self::can_be_chosen() {
            return Vec::new();
        }
        ["taskset", "-c", self.servers()].map(Into::into).to_vec()
    }

    /// Moves a thread of a server.
    pub fn place_server(self, thread: u32) {
        place(thread, self.servers());
    }

    /// Moves the clients, which run in the first thread of this process.
    pub fn place_clients(self) {
        place(
            std::process::id(),
            match self {
                Self::Apart => "1",
                Self::Free => EVERYWHERE,
            },
        );
    }

    fn servers(self) -> &'static str {
        match self {
            Self::Apart => "0",
            Self::Free => EVERYWHERE,
        }
    }
}

/// All cores. `taskset` ignores those that do not exist.
const EVERYWHERE: &str = "0-1023";

fn place(thread: u32, cores: &str) {
    let thread = thread.to_string();
    let mut taskset = Command::new("taskset");
    let taskset = taskset.args(["-cp", cores, &thread]).stdout(Stdio::null());
    // Without taskset the title of the table reports it.
    let _ = taskset.status();
}

impl fmt::Display for Cores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Apart => "servers and functions on one core, clients on another",
            Self::Free => "servers, functions and clients on any core",
        })
    }
}
