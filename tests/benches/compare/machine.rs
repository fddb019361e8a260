//! The machine of a measurement.

use std::fs::read_to_string;
use time::OffsetDateTime;

/// Returns the machine: processor, cores, memory and kernel.
pub(super) fn machine() -> String {
    let field = |file: &str, name: &str| {
        let text = read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name));
        let value = line.and_then(|line| line.split_once(':'));
        value.map_or("unknown".to_owned(), |(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = field("/proc/meminfo", "MemTotal");
    let memory = memory
        .split(' ')
        .next()
        .and_then(|kb| kb.parse::<f64>().ok());
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{}, {cores} cores, {:.0} GB of memory, Linux {}",
        field("/proc/cpuinfo", "model name"),
        memory.unwrap_or_default() * 1024.0 / 1e9,
        kernel.trim(),
    )
}

/// Returns the date.
pub(super) fn today() -> String {
    OffsetDateTime::now_utc().date().to_string()
}
