//! What a process has used.

use std::fs::{read_to_string, write};
use std::time::Duration;

/// What a process has used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Meter(u32);

impl Meter {
    /// A process, by its id.
    pub(super) fn of(id: u32) -> Self {
        Self(id)
    }

    /// This process.
    pub(super) fn own() -> Self {
        Self(std::process::id())
    }

    /// Its processor time, in steps of 10 ms; no time, if it has ended.
    pub(super) fn time(self) -> Duration {
        let stat = read_to_string(format!("/proc/{}/stat", self.0)).unwrap_or_default();
        // The name, in brackets, may have spaces; user and system time are the 12th and 13th after.
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let times = rest.split_whitespace().skip(11).take(2);
        let ticks: u64 = times.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        // 100 ticks a second, on every Linux there is.
        Duration::from_millis(ticks * 10)
    }

    /// The memory it occupies, in MB.
    pub(super) fn memory(self) -> f64 {
        self.status("VmRSS:")
    }

    /// The most it has occupied since [`Meter::forget_peak`], in MB.
    pub(super) fn peak(self) -> f64 {
        self.status("VmHWM:")
    }

    pub(super) fn forget_peak(self) {
        // Where that cannot be done, the peak is that of the process's life, which is no less.
        let _ = write(format!("/proc/{}/clear_refs", self.0), "5");
    }

    fn status(self, name: &str) -> f64 {
        let status = read_to_string(format!("/proc/{}/status", self.0)).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let kb = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kb.unwrap_or_default() / 1024.0
    }
}

/// The machine's load average of the last minute.
pub(super) fn load() -> String {
    let load = read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().unwrap_or_default().to_owned()
}
