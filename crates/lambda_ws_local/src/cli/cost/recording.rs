//! The averages of a recorded session.

use lambda_ws_local::emulator::{Failure, Recorded};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;
use std::path::Path;

/// The averages of a recorded session.
#[derive(Debug, Default)]
pub(super) struct Recording {
    /// When each connection began, and its last event, in ms since 1970.
    connections: HashMap<String, (f64, f64)>,
    messages: f64,
    bytes: f64,
    durations: Vec<f64>,
    history: bool,
}

/// The shortest connection, in minutes: a session of `invoke` or of a test takes milliseconds.
const SHORTEST: f64 = 0.01;

/// The time after which API Gateway closes a connection, in minutes.
const LONGEST: f64 = 120.0;

impl Recording {
    /// Reads the folder of `--record`.
    ///
    /// # Errors
    ///
    /// The folder cannot be read, or contains no event of a websocket.
    pub(super) fn read(folder: &Path) -> Result<Self, Failure> {
        let name = folder.display();
        let because = |error| {
            Failure::because(
                &format!("cannot read {name}: pass the folder of --record"),
                error,
            )
        };
        let mut recording = Self::default();
        for entry in std::fs::read_dir(folder).map_err(because)? {
            let path = entry.map_err(because)?.path();
            let is_json = path
                .extension()
                .is_some_and(|extension| extension == "json");
            if !is_json || Recorded::is_response(&path) {
                continue;
            }
            let text = std::fs::read_to_string(&path).map_err(because)?;
            let event: Value = serde_json::from_str(&text).map_err(|error| {
                let path = path.display();
                let what = format!("{path} is not an event: pass the folder of --record");
                Failure::because(&what, error)
            })?;
            recording.add(&event);
            // The last event of a recording may have no response.
            if let Ok(recorded) = Recorded::read(&path) {
                recording.durations.push(recorded.duration_ms);
            }
        }
        match recording.connections.is_empty() {
            true => Err(Failure::new(format!(
                "{name} contains no event of a websocket: record a session with `lambda-ws-local --record {name}`"
            ))),
            false => Ok(recording),
        }
    }

    fn add(&mut self, event: &Value) {
        let context = &event["requestContext"];
        let (Some(id), Some(kind), Some(at)) = (
            context["connectionId"].as_str(),
            context["eventType"].as_str(),
            context["requestTimeEpoch"].as_f64(),
        ) else {
            return;
        };
        let began = context["connectedAt"].as_f64().unwrap_or(at);
        let times = self.connections.entry(id.to_owned()).or_insert((began, at));
        times.1 = times.1.max(at);
        let body = event["body"].as_str().unwrap_or_default();
        if kind != "MESSAGE" {
            return;
        }
        let json: Value = serde_json::from_str(body).unwrap_or_default();
        // The frames of lossless rooms are counted by the estimate itself.
        let action = json["action"].as_str().unwrap_or_default();
        if ["$subscribe", "$unsubscribe", "$ping"].contains(&action) {
            self.history = true;
            return;
        }
        self.messages += 1.0;
        self.bytes += body.len() as f64;
    }

    fn minutes(&self) -> f64 {
        let times = self.connections.values();
        let minutes = times.map(|(began, last)| (last - began) / 60_000.0);
        minutes.map(|minutes| minutes.max(SHORTEST)).sum()
    }

    /// Returns the length of a connection in minutes.
    pub(super) fn session(&self) -> Option<f64> {
        let average = self.minutes() / self.connections.len() as f64;
        Some(average.min(LONGEST))
    }

    /// Returns the messages of a client in a minute.
    pub(super) fn messages(&self) -> Option<f64> {
        Some(self.messages / self.minutes())
    }

    /// Returns the size of a message in bytes.
    pub(super) fn bytes(&self) -> Option<f64> {
        (self.messages > 0.0).then(|| (self.bytes / self.messages).max(1.0))
    }

    /// Returns the duration of an event in ms.
    pub(super) fn duration(&self) -> Option<f64> {
        let count = self.durations.len();
        let sum: f64 = self.durations.iter().sum();
        (count > 0).then(|| (sum / count as f64).max(0.01))
    }

    /// Returns whether the session uses lossless rooms.
    pub(super) fn has_history(&self) -> bool {
        self.history
    }
}

impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "from the recording: connections {}, minutes {:.1}, messages {}; its durations are those of this machine",
            self.connections.len(),
            self.minutes(),
            self.messages
        )
    }
}
