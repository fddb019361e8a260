//! The resources that a process or a thread uses.

use std::fs::{read_to_string, write};
use std::time::Duration;

/// 1024 * 1024 bytes.
pub const MIB: f64 = 1024.0 * 1024.0;

/// A meter of the resources that a process or a thread uses.
#[derive(Debug, Clone, Copy)]
pub enum Meter {
    /// A process, by its id.
    Process(u32),
    /// A thread of this process, by its id.
    Thread(u32),
}

impl Meter {
    /// Returns the meter of this thread.
    pub fn own_thread() -> Self {
        let link = std::fs::read_link("/proc/thread-self").expect("Linux has /proc");
        let id = link
            .file_name()
            .and_then(|name| name.to_str()?.parse().ok());
        Self::Thread(id.expect("the link ends with the thread's id"))
    }

    /// Returns its processor time, in steps of 10 ms; zero if it has ended.
    pub fn time(self) -> Duration {
        let stat = match self {
            Self::Process(id) => read_to_string(format!("/proc/{id}/stat")),
            Self::Thread(id) => read_to_string(format!("/proc/self/task/{id}/stat")),
        };
        let stat = stat.unwrap_or_default();
        // The name, in brackets, may have spaces; user and system time are the 12th and 13th after.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let times = rest.split_whitespace().skip(11).take(2);
        let ticks: u64 = times.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        // Every Linux counts 100 ticks per second.
        Duration::from_millis(ticks * 10)
    }

    /// Returns its resident memory in bytes; 0 for a thread, which has no memory of its own.
    pub fn memory(self) -> u64 {
        self.status("VmRSS:") * 1024
    }

    /// Returns its peak of resident memory in bytes since [`Meter::forget_peak`]; 0 for a thread.
    pub fn peak(self) -> u64 {
        self.status("VmHWM:") * 1024
    }

    /// Starts a new peak of the memory of a process.
    pub fn forget_peak(self) {
        let Self::Process(id) = self else { return };
        // Where Linux denies that, the peak is that of the process's life, which is not lower.
        let _ = write(format!("/proc/{id}/clear_refs"), "5");
    }

    /// Returns the number of its threads; 0 for a thread.
    pub fn threads(self) -> u64 {
        self.status("Threads:")
    }

    fn status(self, name: &str) -> u64 {
        let Self::Process(id) = self else { return 0 };
        let status = read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        number.unwrap_or_default()
    }
}

/// Returns the machine's load average of the last minute.
pub fn load_average() -> String {
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
}
