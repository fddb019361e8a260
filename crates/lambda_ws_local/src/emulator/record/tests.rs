use super::writer::RESPONSE;
use super::*;
use serde_json::Value;
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
    let expected = [
        "0001-connect.json".to_owned(),
        "0001-connect.response.json".to_owned(),
        "0002-a-b--.json".to_owned(),
        "0002-a-b--.response.json".to_owned(),
        format!("{failed}.json"),
        format!("{failed}.response.json"),
    ];
    assert_eq!(names(&folder), expected);
    let read = |name: &str| std::fs::read(folder.join(name)).expect("a file");
    let written: Value = serde_json::from_slice(&read("0001-connect.json")).expect("JSON");
    assert_eq!(written.to_string(), event("$connect"));
    let recorded = |name: &str| serde_json::from_slice::<Recorded>(&read(name)).expect("JSON");
    let ok = recorded("0001-connect.response.json");
    let found = (&*ok.request_id, &*ok.function, &*ok.route, ok.response);
    assert_eq!(found, ("r-1", "Chat", "$connect", Some(written)));
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
        let expected = ["0001-a.json", "0001-a.response.json"];
        assert_eq!(names(folder.path()), expected);
        assert!(size(folder.path()) <= limit);
    }
    let folder = tempfile::tempdir().expect("a folder");
    record_up_to(folder.path(), 10, Size(0), &["a"]).await;
    assert_eq!(names(folder.path()), [""; 0]);
}

#[tokio::test]
async fn a_folder_that_is_gone_ends_the_recording_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let gone = folder.path().join("gone");
    let reporter = Reporter::new(|_| {});
    let recorder = Recorder::start(&gone, 10, LARGE, &reporter).expect("a recorder");
    std::fs::remove_dir(&gone).expect("a folder");
    let integration = recorder.around("Chat", Echo);
    while !recorder.progress.stopped.load(Ordering::Relaxed) {
        let answered = integration.invoke(event("a").into(), "r").await;
        answered.expect("it is served");
        tokio::task::yield_now().await;
        recorder.numbers.lock().expect("no panic").0 = 0;
    }
    let result = integration.invoke(event("a").into(), "r").await;
    result.expect("it is served");
    recorder.finish().await;
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_an_error_at_the_start() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    let reporter = Reporter::new(|_| {});
    assert!(Recorder::start(&file.path().join("x"), 1, LARGE, &reporter).is_err());
}

#[test]
fn the_name_of_a_file_distinguishes_a_response_from_an_event() {
    assert!(Recorded::is_response(Path::new(
        "x/0001-connect.response.json"
    )));
    assert!(!Recorded::is_response(Path::new("x/0001-connect.json")));
    assert!(!Recorded::is_response(Path::new("response.json")));
}
