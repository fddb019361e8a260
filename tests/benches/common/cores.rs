//! Which processors the servers and the clients run on.

use std::ffi::OsString;
use std::fmt;
use std::process::{Command, Stdio};

/// Which processors the servers and the clients run on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cores {
    /// Servers and functions on the first, clients on the second.
    Apart,
    /// All on any.
    Free,
}

impl Cores {
    /// Whether they can be chosen here.
    pub(super) fn can_be_chosen() -> bool {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let mut taskset = Command::new("taskset");
        let found = taskset.arg("--version").stdout(Stdio::null()).status();
        count > 1 && found.is_ok_and(|status| status.success())
    }

    /// What a server's command line begins with.
    pub(super) fn command(self) -> Vec<OsString> {
        if !Self::can_be_chosen() {
            return Vec::new();
        }
        ["taskset", "-c", self.servers()].map(Into::into).to_vec()
    }

    /// Moves a thread of a server.
    pub(super) fn place_server(self, thread: u32) {
        place(thread, self.servers());
    }

    /// Moves the clients: this process's first thread.
    pub(super) fn place_clients(self) {
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

/// All of them, and those that are not there are left out.
const EVERYWHERE: &str = "0-1023";

fn place(thread: u32, cores: &str) {
    let thread = thread.to_string();
    let mut taskset = Command::new("taskset");
    let taskset = taskset.args(["-cp", cores, &thread]).stdout(Stdio::null());
    // Without taskset nothing is placed, and the table's title says so.
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
