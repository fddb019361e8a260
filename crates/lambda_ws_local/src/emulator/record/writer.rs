//! The files of a recording.

use super::size::Size;
use crate::emulator::failure::Failure;
use crate::emulator::report::Reporter;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

/// The suffix of a response's file, instead of the event's `.json`.
pub(super) const RESPONSE: &str = "response.json";

/// A recorded response.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Recorded {
    /// The request id of the event.
    pub request_id: String,
    /// The function's logical id.
    pub function: String,
    /// The route key, or empty.
    pub route: String,
    /// How long the function took, in milliseconds.
    pub duration_ms: f64,
    /// The function's response, as text if it is not JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<Value>,
    /// The error, if there is no response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl Recorded {
    /// Whether a file is a recorded response, by its name.
    pub fn is_response(path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(&format!(".{RESPONSE}"))
    }

    /// Reads the recorded response of an event file.
    ///
    /// # Errors
    ///
    /// The file does not exist, or does not contain a response.
    pub fn read(event: &Path) -> Result<Recorded, Failure> {
        let path = event.with_extension(RESPONSE);
        let name = path.display();
        let text = std::fs::read_to_string(&path).map_err(|error| {
            let what = format!("cannot read {name}: record it with --record, or remove --compare");
            Failure::because(&what, error)
        })?;
        serde_json::from_str(&text)
            .map_err(|error| Failure::because(&format!("{name} is not a recorded response"), error))
    }
}

/// The state that the recorder and its writer share.
#[derive(Default)]
pub(super) struct Progress {
    pub(super) stopped: AtomicBool,
    pub(super) left_out: AtomicU64,
}

pub(super) enum Entry {
    Event(u64, Bytes),
    Response(u64, Outcome),
    End,
}

pub(super) struct Outcome {
    pub(super) request_id: String,
    pub(super) function: Arc<str>,
    pub(super) duration: Duration,
    pub(super) result: Result<Bytes, String>,
}

/// The writer of a recording, on a separate thread.
pub(super) struct Writer {
    pub(super) folder: PathBuf,
    /// The number of digits, so that names sort by time.
    pub(super) width: usize,
    /// The name and route of events without a response yet.
    pub(super) begun: HashMap<u64, (String, String)>,
    /// The remaining bytes.
    pub(super) room: u64,
    pub(super) size_limit: Size,
    pub(super) progress: Arc<Progress>,
    pub(super) reporter: Reporter,
}

impl Writer {
    pub(super) fn write(mut self, entries: Receiver<Entry>) {
        for entry in entries {
            let written = match entry {
                Entry::Event(number, event) => self.event(number, &event),
                Entry::Response(number, outcome) => self.response(number, outcome),
                Entry::End => break,
            };
            if let Err((path, error)) = written {
                // Half a file is useless.
                let _ = std::fs::remove_file(&path);
                let path = path.display();
                let failed = format!(
                    "recording has ended: cannot write {path}: {error}; free disk space, or record \
                     into another folder"
                );
                self.progress.stopped.store(true, Ordering::Relaxed);
                self.reporter.line(failed);
                return;
            }
            self.count();
        }
        self.count();
    }

    fn count(&self) {
        match self.progress.left_out.swap(0, Ordering::Relaxed) {
            0 => {}
            n => {
                let slow =
                    format!("{n} events or responses were not recorded: the disk is too slow");
                self.reporter.line(slow);
            }
        }
    }

    fn event(&mut self, number: u64, event: &[u8]) -> Result<(), (PathBuf, std::io::Error)> {
        let json = serde_json::from_slice::<Value>(event).unwrap_or_default();
        let route = json["requestContext"]["routeKey"].as_str();
        let route = route.unwrap_or_default().to_owned();
        let name = format!("{number:0width$}-{}", label(&route), width = self.width);
        let text = match json {
            // Events are JSON. An event that is not is written unchanged.
            Value::Null => event.to_vec(),
            json => pretty(&json),
        };
        let path = self.folder.join(format!("{name}.json"));
        if self.fits(&text) {
            create(&path, &text).map_err(|error| (path, error))?;
            self.begun.insert(number, (name, route));
        }
        Ok(())
    }

    /// Reserves the bytes of a file. Without enough bytes the recording ends, and only responses that still fit are
    /// written.
    fn fits(&mut self, text: &[u8]) -> bool {
        let rest = self.room.checked_sub(text.len() as u64);
        if let Some(rest) = rest {
            self.room = rest;
        } else if !self.progress.stopped.swap(true, Ordering::Relaxed) {
            let limit = self.size_limit;
            let full = format!("recording ends at {limit}: raise --record-size to record more");
            self.reporter.line(full);
        }
        rest.is_some()
    }

    fn response(&mut self, number: u64, outcome: Outcome) -> Result<(), (PathBuf, std::io::Error)> {
        let Some((name, route)) = self.begun.remove(&number) else {
            return Ok(());
        };
        let (response, error) = match outcome.result {
            Ok(response) => (Some(json_or_text(&response)), None),
            Err(error) => (None, Some(error)),
        };
        let recorded = Recorded {
            request_id: outcome.request_id,
            function: outcome.function.to_string(),
            route,
            duration_ms: (outcome.duration.as_secs_f64() * 10_000.0).round() / 10.0,
            response,
            error,
        };
        let text = pretty(&recorded);
        if !self.fits(&text) {
            // Without its event file, `--compare` cannot use the response.
            let event = self.folder.join(format!("{name}.json"));
            return std::fs::remove_file(&event).map_err(|error| (event, error));
        }
        let path = self.folder.join(format!("{name}.{RESPONSE}"));
        create(&path, &text).map_err(|error| (path, error))
    }
}

/// Returns a function's response as JSON, or as text if it is not JSON.
pub fn json_or_text(response: &[u8]) -> Value {
    let text = || String::from_utf8_lossy(response).into();
    serde_json::from_slice(response).unwrap_or_else(|_| text())
}

fn pretty(json: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(json)
        .expect("strings, finite numbers and string keys are always JSON");
    text.push(b'\n');
    text
}

/// Creates a file that only the user can read, because events contain tokens.
fn create(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file?.write_all(text)
}

/// Returns a route key as a part of a file name.
fn label(route: &str) -> String {
    let plain = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' => c,
        _ => '-',
    };
    let label: String = route
        .trim_start_matches('$')
        .chars()
        .take(40)
        .map(plain)
        .collect();
    match label.is_empty() {
        true => "event".to_owned(),
        false => label,
    }
}

/// Returns the largest number in a folder, or 0.
pub(super) fn last_number(folder: &Path) -> std::io::Result<u64> {
    let mut last = 0;
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.split_once('-'));
        let number = number.and_then(|(number, _)| number.parse().ok());
        last = last.max(number.unwrap_or(0));
    }
    Ok(last)
}
