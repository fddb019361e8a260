//! What a process or a thread has used.

use std::fs::read_to_string;
use std::time::Duration;

/// What a process or a thread has used.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meter {
    /// A process, by its id.
    Process(u32),
    /// A thread of this process, by its id.
    Thread(u32),
}

impl Meter {
    /// This thread.
    pub(super) fn own_thread() -> Self {
        let link = std::fs::read_link("/proc/thread-self").expect("Linux has /proc");
        let id = link
            .file_name()
            .and_then(|name| name.to_str()?.parse().ok());
        Self::Thread(id.expect("the link ends with the thread's id"))
    }

    /// Its processor time, in steps of 10 ms.
    pub(super) fn time(self) -> Duration {
        let stat = match self {
            Self::Process(id) => read_to_string(format!("/proc/{id}/stat")),
            Self::Thread(id) => read_to_string(format!("/proc/self/task/{id}/stat")),
        };
        let stat = stat.unwrap_or_default();
        // The name, in brackets, may have spaces; user and system time are the 12th and 13th after.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let times = rest.split_whitespace().skip(11).take(2);
        let ticks: u64 = times.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        // 100 ticks a second, on every Linux there is.
        Duration::from_millis(ticks * 10)
    }

    /// The memory it occupies, in bytes; 0 of a thread, which has none of its own.
    pub(super) fn memory(self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most memory it has ever occupied, in bytes; 0 of a thread.
    pub(super) fn peak(self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(self, name: &str) -> u64 {
        let Self::Process(id) = self else { return 0 };
        let status = read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        kb.unwrap_or_default() * 1024
    }
}

/// The machine's load average of the last minute.
pub(super) fn load() -> String {
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
}
