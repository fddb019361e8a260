//! Events and responses as files, which `invoke` replays.
//!
//! They hold what clients send: tokens and all. Nobody but the user can read them.

use super::failure::Failure;
use super::report::Reporter;
use bytes::Bytes;
use lambda_ws_local::gateway::{Integration, IntegrationError, Invocation};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// What a response's file ends with, in the place of the event's `.json`.
pub(super) const RESPONSE: &str = "response.json";

/// How many events and responses may wait for the disk; what comes on top is left out and counted.
const WAITING: usize = 1024;

/// How long the end waits for the disk.
const END: Duration = Duration::from_secs(5);

/// A response as it is recorded.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Recorded {
    pub(super) request_id: String,
    /// The function's logical id.
    pub(super) function: String,
    pub(super) route: String,
    pub(super) duration_ms: f64,
    /// What the function returned; text if that is no JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) response: Option<Value>,
    /// Why there is no response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

/// A number of bytes, as the command line takes it: `200MB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size(u64);

/// The units of sizes, the largest first.
const UNITS: [(&str, u64); 3] = [("GB", 1 << 30), ("MB", 1 << 20), ("KB", 1 << 10)];

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let upper = text.to_ascii_uppercase();
        let units = UNITS.iter().copied().chain([("", 1)]);
        let mut read = units.filter_map(|(unit, bytes)| {
            let number: u64 = upper.strip_suffix(unit)?.trim_end().parse().ok()?;
            number.checked_mul(bytes)
        });
        let size = read.next().map(Self);
        size.ok_or_else(|| "expected a whole number of KB, MB or GB, such as 200MB".to_owned())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut units = UNITS.iter().copied();
        let unit = units.find(|(_, bytes)| self.0 != 0 && self.0.is_multiple_of(*bytes));
        let (unit, bytes) = unit.unwrap_or(("bytes", 1));
        write!(f, "{} {unit}", self.0 / bytes)
    }
}

/// Writes events and responses on a thread of its own.
pub(super) struct Recorder {
    entries: SyncSender<Entry>,
    shared: Arc<Shared>,
    /// The next number, and the last one.
    numbers: Mutex<(u64, u64)>,
    limit: u64,
    reporter: Reporter,
    written: Mutex<Option<oneshot::Receiver<()>>>,
}

#[derive(Default)]
struct Shared {
    stopped: AtomicBool,
    left_out: AtomicU64,
}

enum Entry {
    Event(u64, Bytes),
    Response(u64, Outcome),
    End,
}

/// How an event ended.
struct Outcome {
    request_id: String,
    function: Arc<str>,
    duration: Duration,
    result: Result<Bytes, String>,
}

impl Recorder {
    /// A recorder into a folder, which is made if it is not there. Numbers go on after those of an earlier one.
    pub(super) fn start(
        folder: &Path,
        limit: u64,
        size_limit: Size,
        reporter: &Reporter,
    ) -> Result<Arc<Recorder>, Failure> {
        let what = format!(
            "cannot record into {}: choose another folder",
            folder.display()
        );
        let mut make = std::fs::DirBuilder::new();
        let made = make.recursive(true).mode(0o700).create(folder);
        let last = made.and_then(|()| last_number(folder));
        let last = last.map_err(|error| Failure::because(&what, error))?;
        let end = last.saturating_add(limit);
        let (entries, received) = sync_channel(WAITING);
        let (done, written) = oneshot::channel();
        let shared = Arc::<Shared>::default();
        let writer = Writer {
            folder: folder.to_owned(),
            width: end.to_string().len().max(4),
            begun: HashMap::new(),
            room: size_limit.0,
            size_limit,
            shared: shared.clone(),
            reporter: reporter.clone(),
        };
        std::thread::spawn(move || {
            writer.write(received);
            // Nobody may be left to be told.
            let _ = done.send(());
        });
        Ok(Arc::new(Recorder {
            entries,
            shared,
            numbers: Mutex::new((last, end)),
            limit,
            reporter: reporter.clone(),
            written: Mutex::new(Some(written)),
        }))
    }

    /// An integration that is recorded.
    pub(super) fn around<I>(self: &Arc<Self>, function: &str, inner: I) -> RecordedIntegration<I> {
        RecordedIntegration {
            recorder: self.clone(),
            function: function.into(),
            inner,
        }
    }

    /// Waits until everything is written.
    pub(super) async fn finish(&self) {
        let written = self.written.lock();
        let written = written.unwrap_or_else(PoisonError::into_inner).take();
        let entries = self.entries.clone();
        // A full channel makes the send wait for the disk, and this thread must not.
        std::thread::spawn(move || drop(entries.send(Entry::End)));
        if let Some(written) = written
            && tokio::time::timeout(END, written).await.is_err()
        {
            let end = END.as_secs();
            let slow = format!("the last events are not recorded: the disk took more than {end} s");
            self.reporter.line(slow);
        }
    }

    /// Records an event; its number, if it has one.
    fn begin(&self, event: &Bytes) -> Option<u64> {
        if self.shared.stopped.load(Ordering::Relaxed) {
            return None;
        }
        let number = {
            let numbers = self.numbers.lock();
            let mut numbers = numbers.unwrap_or_else(PoisonError::into_inner);
            if numbers.0 == numbers.1 {
                if !self.shared.stopped.swap(true, Ordering::Relaxed) {
                    let limit = self.limit;
                    let full = format!(
                        "recording ends after {limit} events: raise --record-limit for more"
                    );
                    self.reporter.line(full);
                }
                return None;
            }
            numbers.0 += 1;
            numbers.0
        };
        self.hand_on(Entry::Event(number, event.clone()))
            .then_some(number)
    }

    /// Gives an entry to the writer; false if there is no room.
    fn hand_on(&self, entry: Entry) -> bool {
        match self.entries.try_send(entry) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.shared.left_out.fetch_add(1, Ordering::Relaxed);
                false
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }
}

/// An integration whose events and responses are recorded.
pub(super) struct RecordedIntegration<I> {
    recorder: Arc<Recorder>,
    function: Arc<str>,
    inner: I,
}

impl<I: Integration> Integration for RecordedIntegration<I> {
    fn invoke(&self, event: Bytes, request_id: &str) -> Invocation {
        let number = self.recorder.begin(&event);
        let invocation = self.inner.invoke(event, request_id);
        let Some(number) = number else {
            return invocation;
        };
        let (recorder, function) = (self.recorder.clone(), self.function.clone());
        let request_id = request_id.to_owned();
        let begun = Instant::now();
        Box::pin(async move {
            let result = invocation.await;
            let outcome = Outcome {
                request_id,
                function,
                duration: begun.elapsed(),
                result: match &result {
                    Ok(response) => Ok(response.clone()),
                    Err(IntegrationError::Function(why)) => Err(why.clone()),
                    Err(error) => Err(error.to_string()),
                },
            };
            recorder.hand_on(Entry::Response(number, outcome));
            result
        })
    }
}

/// The thread's part.
struct Writer {
    folder: PathBuf,
    /// The digits of a number, so that names sort by time.
    width: usize,
    /// Events without a response yet: name and route.
    begun: HashMap<u64, (String, String)>,
    /// How many bytes may still be written.
    room: u64,
    size_limit: Size,
    shared: Arc<Shared>,
    reporter: Reporter,
}

impl Writer {
    fn write(mut self, entries: Receiver<Entry>) {
        for entry in entries {
            let written = match entry {
                Entry::Event(number, event) => self.event(number, &event),
                Entry::Response(number, outcome) => self.response(number, outcome),
                Entry::End => break,
            };
            if let Err((path, error)) = written {
                // Half a file helps nobody.
                let _ = std::fs::remove_file(&path);
                let path = path.display();
                let failed = format!(
                    "recording has ended, serving goes on: cannot write {path}: {error}: make room on the disk, or record \
                     into another folder"
                );
                self.shared.stopped.store(true, Ordering::Relaxed);
                self.reporter.line(failed);
                return;
            }
            self.count();
        }
        self.count();
    }

    fn count(&self) {
        match self.shared.left_out.swap(0, Ordering::Relaxed) {
            0 => {}
            n => {
                let slow =
                    format!("{n} events or responses are not recorded: the disk is too slow");
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
            // Events are JSON. Should one not be, then this is what has to be seen.
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

    /// Takes the room for a file; without room the recording ends, and only responses that still fit are written.
    fn fits(&mut self, text: &[u8]) -> bool {
        let rest = self.room.checked_sub(text.len() as u64);
        if let Some(rest) = rest {
            self.room = rest;
        } else if !self.shared.stopped.swap(true, Ordering::Relaxed) {
            let limit = self.size_limit;
            let full = format!("recording ends at {limit}: raise --record-size for more");
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
            // `--compare` would ask for its response.
            let event = self.folder.join(format!("{name}.json"));
            return std::fs::remove_file(&event).map_err(|error| (event, error));
        }
        let path = self.folder.join(format!("{name}.{RESPONSE}"));
        create(&path, &text).map_err(|error| (path, error))
    }
}

/// What a function returned, to be shown or written.
pub(super) fn json_or_text(response: &[u8]) -> Value {
    let text = || String::from_utf8_lossy(response).into();
    serde_json::from_slice(response).unwrap_or_else(|_| text())
}

fn pretty(json: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(json)
        .expect("strings, finite numbers and string keys are always JSON");
    text.push(b'\n');
    text
}

/// A new file that nobody else can read: events carry tokens.
fn create(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(path);
    file?.write_all(text)
}

/// A route's name in a file's name.
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

/// The largest number in a folder, 0 if there is none.
fn last_number(folder: &Path) -> std::io::Result<u64> {
    let mut last = 0;
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.split_once('-'));
        let number = number.and_then(|(number, _)| number.parse().ok());
        last = last.max(number.unwrap_or(0));
    }
    Ok(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    struct Echo;

    impl Integration for Echo {
        fn invoke(&self, event: Bytes, _: &str) -> Invocation {
            Box::pin(async move {
                match event.len() {
                    0..100 => Ok(event),
                    _ => Err(IntegrationError::Function("it is too long".to_owned())),
                }
            })
        }
    }

    fn event(route: &str) -> String {
        format!(r#"{{"requestContext":{{"routeKey":"{route}"}}}}"#)
    }

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).expect("a folder");
        let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("a file").file_name();
        let mut names: Vec<_> = entries
            .map(|entry| name(entry).into_string().expect("UTF-8"))
            .collect();
        names.sort();
        names
    }

    const LARGE: Size = Size(1 << 20);

    async fn record(folder: &Path, limit: u64, routes: &[&str]) {
        record_up_to(folder, limit, LARGE, routes).await;
    }

    async fn record_up_to(folder: &Path, limit: u64, size: Size, routes: &[&str]) {
        let reporter = Reporter::new(|_| {});
        let recorder = Recorder::start(folder, limit, size, &reporter).expect("a recorder");
        let integration = recorder.around("Chat", Echo);
        for route in routes {
            // The function's answer does not depend on the recorder.
            let answered = integration.invoke(event(route).into(), "r-1").await;
            assert_eq!(answered.is_ok(), event(route).len() < 100);
        }
        recorder.finish().await;
    }

    #[tokio::test]
    async fn an_event_and_its_response_are_two_files_that_nobody_else_reads() {
        let folder = tempfile::tempdir().expect("a folder");
        let folder = folder.path().join("new/folder");
        let long = "x".repeat(100);
        record(&folder, 9_999, &["$connect", "a/b ü", &long]).await;
        let failed = format!("0003-{}", &long[..40]);
        assert_eq!(
            names(&folder),
            [
                "0001-connect.json".to_owned(),
                "0001-connect.response.json".to_owned(),
                "0002-a-b--.json".to_owned(),
                "0002-a-b--.response.json".to_owned(),
                format!("{failed}.json"),
                format!("{failed}.response.json"),
            ]
        );
        let read = |name: &str| std::fs::read(folder.join(name)).expect("a file");
        let written: Value = serde_json::from_slice(&read("0001-connect.json")).expect("JSON");
        assert_eq!(written.to_string(), event("$connect"));
        let recorded = |name: &str| serde_json::from_slice::<Recorded>(&read(name)).expect("JSON");
        let ok = recorded("0001-connect.response.json");
        assert_eq!(
            (&*ok.request_id, &*ok.function, &*ok.route, ok.response),
            ("r-1", "Chat", "$connect", Some(written))
        );
        let failed = recorded(&format!("{failed}.response.json"));
        assert_eq!(failed.error.as_deref(), Some("it is too long"));
        let mode = |path: &Path| path.metadata().expect("a file").permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        for name in names(&folder) {
            assert_eq!(mode(&folder.join(name)), 0o600);
        }
    }

    #[tokio::test]
    async fn a_second_recording_goes_on_after_the_first_and_each_has_its_limit() {
        let folder = tempfile::tempdir().expect("a folder");
        record(folder.path(), 2, &["a", "b", "c"]).await;
        record(folder.path(), 1, &["d", "e"]).await;
        let mut names = names(folder.path());
        names.retain(|name| !name.ends_with(RESPONSE));
        assert_eq!(names, ["0001-a.json", "0002-b.json", "0003-d.json"]);
    }

    #[tokio::test]
    async fn fault_l12_a_recording_ends_at_its_size_and_no_event_lacks_its_response() {
        let size = |folder: &Path| {
            let entries = std::fs::read_dir(folder).expect("a folder");
            let size = |entry: std::io::Result<std::fs::DirEntry>| {
                entry.expect("a file").metadata().expect("a size").len()
            };
            entries.map(size).sum::<u64>()
        };
        let folder = tempfile::tempdir().expect("a folder");
        record(folder.path(), 10, &["a"]).await;
        let one = size(folder.path());
        // The second event fits in each case, its response does not.
        for limit in [one * 2 - 1, one + one / 2] {
            let folder = tempfile::tempdir().expect("a folder");
            record_up_to(folder.path(), 10, Size(limit), &["a", "b", "c", "d"]).await;
            assert_eq!(
                names(folder.path()),
                ["0001-a.json", "0001-a.response.json"]
            );
            assert!(size(folder.path()) <= limit);
        }
        let folder = tempfile::tempdir().expect("a folder");
        record_up_to(folder.path(), 10, Size(0), &["a"]).await;
        assert_eq!(names(folder.path()), [""; 0]);
    }

    #[test]
    fn fault_l12_a_size_has_a_unit() {
        let size = |text: &str| text.parse::<Size>().ok().map(|size| size.0);
        assert_eq!(size("3"), Some(3));
        assert_eq!(size("3KB"), Some(3072));
        assert_eq!(size("200 mb"), Some(200 * 1024 * 1024));
        assert_eq!(size("1GB"), Some(1024 * 1024 * 1024));
        for bad in ["", "MB", "1.5MB", "-1", "1TB", "99999999999GB"] {
            assert_eq!(size(bad), None, "{bad}");
        }
        for text in ["3 bytes", "3 KB", "200 MB", "1 GB", "0 bytes"] {
            let given = text.trim_end_matches(" bytes");
            assert_eq!(given.parse::<Size>().expect("a size").to_string(), text);
        }
    }

    #[tokio::test]
    async fn a_folder_that_is_gone_ends_the_recording_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        let gone = folder.path().join("gone");
        let reporter = Reporter::new(|_| {});
        let recorder = Recorder::start(&gone, 10, LARGE, &reporter).expect("a recorder");
        std::fs::remove_dir(&gone).expect("a folder");
        let integration = recorder.around("Chat", Echo);
        while !recorder.shared.stopped.load(Ordering::Relaxed) {
            let answered = integration.invoke(event("a").into(), "r").await;
            answered.expect("it is served");
            tokio::task::yield_now().await;
            recorder.numbers.lock().expect("no panic").0 = 0;
        }
        integration
            .invoke(event("a").into(), "r")
            .await
            .expect("it is served");
        recorder.finish().await;
    }

    #[tokio::test]
    async fn a_folder_that_cannot_be_written_is_an_error_at_the_start() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        let reporter = Reporter::new(|_| {});
        assert!(Recorder::start(&file.path().join("x"), 1, LARGE, &reporter).is_err());
    }
}
