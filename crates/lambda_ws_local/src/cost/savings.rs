//! Cheaper workloads with the same purpose.

use super::estimate::estimate;
use super::prices::Prices;
use super::workload::{Architecture, Workload};

/// A change that makes a workload cheaper.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Saving {
    /// The change.
    pub change: String,
    /// The dollars that it saves in a month.
    pub dollars: f64,
}

/// API Gateway bills one message for up to this size.
const UNIT: f64 = 32.0 * 1024.0;

/// The bytes of an event in the log without the lines of Lambda itself.
const QUIET_LOG: f64 = 100.0;

/// The smallest amount that is worth a line, in dollars.
const LEAST: f64 = 0.005;

/// Returns the changes that make a workload cheaper, the most effective one first. Each amount is that of one change
/// alone.
pub fn savings(workload: &Workload, prices: &Prices) -> Vec<Saving> {
    let now = estimate(workload, prices).total();
    let mut savings: Vec<_> = changes(workload)
        .into_iter()
        .map(|(change, cheaper)| Saving {
            change,
            dollars: now - estimate(&cheaper, prices).total(),
        })
        .filter(|saving| saving.dollars >= LEAST)
        .collect();
    savings.sort_by(|a, b| b.dollars.total_cmp(&a.dollars));
    savings
}

fn changes(w: &Workload) -> Vec<(String, Workload)> {
    let mut changes = Vec::new();
    let mut add = |change: String, cheaper: Workload| changes.push((change, cheaper));
    // A batch delays a message by up to a second.
    let batch = (w.pushes / w.batch / 60.0).min(UNIT / w.bytes).floor();
    if batch >= 2.0 {
        let what = format!("batch {batch} messages that a backend publishes to a room in a second");
        let batch = w.batch * batch;
        add(what, Workload { batch, ..*w });
    }
    if w.bytes > UNIT {
        add(
            "keep messages within 32 KB".to_owned(),
            Workload { bytes: UNIT, ..*w },
        );
    }
    let broadcasts = w.messages * w.broadcasts > 0.0;
    if w.echo && broadcasts {
        add(
            "do not send a broadcast back to its sender (`except`)".to_owned(),
            Workload { echo: false, ..*w },
        );
    }
    if w.room >= 4.0 && broadcasts {
        let room = (w.room / 2.0).ceil();
        let what = format!("halve the rooms to {room} members");
        add(what, Workload { room, ..*w });
    }
    if w.history && (broadcasts || w.pushes > 0.0) {
        add(
            "send without history where a lost message does not matter (`send`)".to_owned(),
            Workload {
                history: false,
                ..*w
            },
        );
    }
    if w.architecture == Architecture::X86 {
        add(
            "run the function on arm64".to_owned(),
            Workload {
                architecture: Architecture::Arm64,
                ..*w
            },
        );
    }
    if w.memory > 128.0 {
        add(
            "give the function 128 MB, if its events do not take longer".to_owned(),
            Workload {
                memory: 128.0,
                ..*w
            },
        );
    }
    if w.log_bytes > QUIET_LOG {
        add(
            "log warnings only (`SystemLogLevel: WARN`)".to_owned(),
            Workload {
                log_bytes: QUIET_LOG,
                ..*w
            },
        );
    }
    if w.session < (w.hours * 60.0).min(120.0) {
        let session = (w.hours * 60.0).min(120.0);
        add(
            format!("keep connections open for {session} minutes"),
            Workload { session, ..*w },
        );
    }
    changes
}
