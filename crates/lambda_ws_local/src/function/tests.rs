use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::process::Command;

use super::*;

/// Longer than anything takes on a busy machine.
const LONG: Duration = Duration::from_secs(30);

/// A function whose program is `examples/probe.rs`, with its log.
struct Probe {
    function: Function,
    lines: mpsc::Receiver<LogLine>,
}

fn probe(args: &[&str]) -> Config {
    let test = std::env::current_exe().expect("a path");
    let folder = test.ancestors().nth(2).expect("target/debug/deps/test");
    let program = folder.join("examples/probe").into_os_string();
    let args = args.iter().map(Into::into).collect();
    let config = Config::new(
        "probe",
        Program {
            program,
            args,
            current_dir: None,
        },
    );
    Config {
        timeout: LONG,
        init_timeout: LONG,
        ..config
    }
}

impl Probe {
    async fn start(config: Config) -> Probe {
        let (log, lines) = mpsc::channel(10_000);
        Probe {
            function: Function::start(config, log).await.expect("a function"),
            lines,
        }
    }

    async fn invoke(&self, commands: &str) -> Result<String, InvokeError> {
        let response = self
            .function
            .invoke(commands.to_owned().into(), &request_id())
            .await?;
        Ok(String::from_utf8(response.into()).expect("text"))
    }

    async fn answer(&self, commands: &str) -> String {
        self.invoke(commands).await.expect("a response")
    }

    async fn pid(&self) -> i32 {
        self.answer("pid").await.parse().expect("a number")
    }

    /// The next line of the log with this text.
    async fn line(&mut self, text: &str) -> LogLine {
        let search = async {
            loop {
                let line = self.lines.recv().await.expect("an open log");
                if line.text == text {
                    return line;
                }
            }
        };
        timeout(LONG, search)
            .await
            .unwrap_or_else(|_| panic!("no line {text:?}"))
    }
}

async fn start_error(config: Config) -> String {
    let (log, _lines) = mpsc::channel(100);
    let error = Function::start(config, log).await.expect_err("an error");
    match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Polls a condition that the system brings about.
async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < end, "it never came true that {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// The processes of a group that are not dead.
fn group(leader: i32) -> Vec<String> {
    let mut processes = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("procfs").flatten() {
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        // `pid (name) state parent group ..`, and the name may hold anything.
        let Some((head, tail)) = stat.rsplit_once(") ") else {
            continue;
        };
        let fields: Vec<&str> = tail.split(' ').collect();
        if fields[2].parse() == Ok(leader) && fields[0] != "Z" && fields[0] != "X" {
            processes.push(head.to_owned());
        }
    }
    processes
}

fn zombies() -> Vec<String> {
    let me = std::process::id().to_string();
    let mut zombies = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("procfs").flatten() {
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        let Some((head, tail)) = stat.rsplit_once(") ") else {
            continue;
        };
        let fields: Vec<&str> = tail.split(' ').collect();
        if fields[0] == "Z" && fields[1] == me {
            zombies.push(head.to_owned());
        }
    }
    zombies
}

fn file(folder: &TempDir, name: &str) -> (PathBuf, String) {
    let path = folder.path().join(name);
    let text = path.to_str().expect("text").to_owned();
    (path, text)
}

#[tokio::test]
async fn an_event_goes_in_and_a_response_comes_out() {
    let probe = Probe::start(probe(&[])).await;
    assert_eq!(probe.answer("echo hello").await, "hello");
    assert_eq!(probe.answer("echo again").await, "again");
    probe.function.stop().await;
}

#[tokio::test]
async fn an_event_has_lambdas_headers() {
    let probe = Probe::start(probe(&[])).await;
    let header = async |name: &str| probe.answer(&format!("header {name}")).await;
    assert_eq!(header("content-type").await, "application/json");
    assert_eq!(
        header("function-arn").await,
        "arn:aws:lambda:us-east-1:000000000000:function:probe"
    );
    let now = std::time::UNIX_EPOCH
        .elapsed()
        .expect("a clock")
        .as_millis();
    let left = header("deadline-ms")
        .await
        .parse::<u128>()
        .expect("ms")
        .saturating_sub(now);
    assert!(
        (1..=LONG.as_millis() + 20_000).contains(&left),
        "{left} ms are left"
    );
    let trace = header("trace-id").await;
    let parts: Vec<&str> = trace.split([';', '=', '-']).collect();
    assert_eq!(
        (parts[0], parts[1], parts[2].len(), parts[3].len()),
        ("Root", "1", 8, 24),
        "{trace}"
    );
    assert_eq!(
        (parts[4], parts[5].len(), parts[6], parts[7]),
        ("Parent", 16, "Sampled", "0"),
        "{trace}"
    );
    let response = probe
        .function
        .invoke("header request-id".into(), "r-1")
        .await
        .expect("a response");
    assert_eq!(response, "r-1");
}

#[tokio::test]
async fn a_request_id_that_cannot_stand_in_a_header_is_an_error() {
    let probe = Probe::start(probe(&[])).await;
    for id in ["", "two words", "a/b", "ü", "a\r\nHost: evil"] {
        let error = probe
            .function
            .invoke("echo".into(), id)
            .await
            .expect_err("an error");
        assert!(matches!(error, InvokeError::BadRequestId), "{id}: {error}");
    }
}

#[test]
fn request_ids_are_uuids_of_version_4() {
    let id = request_id();
    let lengths: Vec<usize> = id.split('-').map(str::len).collect();
    assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
    assert_eq!(&id[14..15], "4");
    assert!("89ab".contains(&id[19..20]), "{id}");
    assert_ne!(id, request_id());
}

#[tokio::test]
async fn the_environment_of_a_process_is_what_it_was_given() {
    let mut config = probe(&[]);
    config.environment.insert("COLOUR".into(), "blue".into());
    let probe = Probe::start(config).await;
    assert_eq!(probe.answer("env COLOUR").await, "blue");
    assert_eq!(probe.answer("env HOME").await, "");
    assert!(
        probe
            .answer("env AWS_LAMBDA_LOG_STREAM_NAME")
            .await
            .starts_with("local/[$LATEST]")
    );
}

#[tokio::test]
async fn an_error_report_is_an_error_and_the_process_goes_on() {
    let mut config = probe(&[]);
    // With more, another is started if the next event comes before the process has asked for it.
    config.concurrency = 1;
    let probe = Probe::start(config).await;
    let pid = probe.pid().await;
    let error = probe
        .invoke(r#"error {"errorType":"Oops","errorMessage":"broken","stackTrace":[]}"#)
        .await;
    assert_eq!(
        error.expect_err("an error").to_string(),
        "the function failed: Oops: broken"
    );
    let error = probe.invoke("error what is JSON?").await;
    assert_eq!(
        error.expect_err("an error").to_string(),
        "the function failed: Unhandled: what is JSON?"
    );
    assert_eq!(probe.pid().await, pid);
}

#[tokio::test]
async fn a_process_that_dies_with_an_event_in_hand_fails_that_event() {
    let mut probe = Probe::start(probe(&[])).await;
    let pid = probe.pid().await;
    let error = probe
        .function
        .invoke("print bye\nexit 3".into(), "r-1")
        .await
        .expect_err("an error");
    assert_eq!(
        error.to_string(),
        "the function's process ended before it answered (exit status: 3)"
    );
    let line = probe
        .line("Error: Runtime exited with error: exit status: 3")
        .await;
    assert_eq!(
        (line.environment, line.request_id.as_deref(), line.stream),
        (1, Some("r-1"), Stream::Platform)
    );
    let error = probe
        .invoke("abort")
        .await
        .expect_err("an error")
        .to_string();
    assert!(error.contains("signal: 6"), "{error}");
    assert_ne!(probe.pid().await, pid);
}

#[tokio::test]
async fn a_response_counts_even_if_the_process_ends_right_after_it() {
    let probe = Probe::start(probe(&[])).await;
    for _ in 0..20 {
        assert_eq!(probe.answer("answer-and-exit").await, "last words");
    }
}

#[tokio::test]
async fn an_idle_process_that_dies_is_replaced() {
    let mut probe = Probe::start(probe(&[])).await;
    let pid = probe.pid().await;
    kill_process(Pid::from_raw(pid).expect("a pid"), Signal::KILL).expect("a process");
    probe
        .line("Error: Runtime exited with error: signal: 9 (SIGKILL)")
        .await;
    assert_ne!(probe.pid().await, pid);
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_killed_and_replaced() {
    let config = Config {
        timeout: Duration::from_millis(300),
        ..probe(&[])
    };
    let mut probe = Probe::start(config).await;
    let pid = probe.pid().await;
    let begin = Instant::now();
    let error = probe.invoke("wait /nowhere").await.expect_err("an error");
    assert!(
        begin.elapsed() < LONG / 2,
        "the limit of the start holds no longer"
    );
    assert_eq!(error.to_string(), "task timed out after 0.30 seconds");
    probe.line("Task timed out after 0.30 seconds").await;
    eventually("the process is gone", || group(pid).is_empty()).await;
    assert_ne!(probe.pid().await, pid);
}

#[tokio::test]
async fn a_caller_that_goes_away_does_not_stop_the_event() {
    let folder = TempDir::new().expect("a folder");
    let (begun, begun_name) = file(&folder, "begun");
    let (ended, ended_name) = file(&folder, "ended");
    let (go, go_name) = file(&folder, "go");
    let probe = Probe::start(Config {
        concurrency: 1,
        ..probe(&[])
    })
    .await;
    {
        let commands = format!("touch {begun_name}\nwait {go_name}\ntouch {ended_name}\necho late");
        let call = probe.invoke(&commands);
        tokio::pin!(call);
        tokio::select! {
            _ = &mut call => panic!("it waits"),
            () = eventually("the event has begun", || begun.exists()) => {}
        }
    }
    std::fs::write(go, "").expect("a file");
    eventually("the event ends", || ended.exists()).await;
    assert_eq!(probe.answer("echo mine").await, "mine");
}

#[tokio::test]
async fn a_caller_that_goes_away_early_takes_its_event_along() {
    let folder = TempDir::new().expect("a folder");
    let (begun, begun_name) = file(&folder, "begun");
    let (never, never_name) = file(&folder, "never");
    let (go, go_name) = file(&folder, "go");
    let probe = Probe::start(Config {
        concurrency: 1,
        ..probe(&[])
    })
    .await;
    let commands = format!("touch {begun_name}\nwait {go_name}");
    let slow = probe.invoke(&commands);
    tokio::pin!(slow);
    tokio::select! {
        _ = &mut slow => panic!("it waits"),
        () = eventually("the event has begun", || begun.exists()) => {}
    }
    let commands = format!("touch {never_name}");
    tokio::select! {
        biased;
        _ = probe.invoke(&commands) => panic!("it waits"),
        () = std::future::ready(()) => {}
    }
    std::fs::write(go, "").expect("a file");
    slow.await.expect("a response");
    probe.answer("echo").await;
    assert!(!never.exists());
}

#[tokio::test]
async fn more_processes_work_under_load_and_no_more_than_allowed() {
    let folder = TempDir::new().expect("a folder");
    let (go, go_name) = file(&folder, "go");
    let probe = Probe::start(Config {
        concurrency: 3,
        ..probe(&[])
    })
    .await;
    let commands: Vec<String> = (0..9)
        .map(|n| format!("touch {}/{n}\nwait {go_name}\npid", folder.path().display()))
        .collect();
    let calls =
        futures_util::future::join_all(commands.iter().map(|commands| probe.invoke(commands)));
    tokio::pin!(calls);
    let begun = || {
        (0..9)
            .filter(|n| folder.path().join(n.to_string()).exists())
            .count()
    };
    tokio::select! {
        _ = &mut calls => panic!("they wait"),
        () = eventually("three events have begun", || begun() == 3) => {}
    }
    std::fs::write(go, "").expect("a file");
    let mut pids: Vec<String> = calls
        .await
        .into_iter()
        .map(|pid| pid.expect("a response"))
        .collect();
    pids.sort();
    pids.dedup();
    assert_eq!(pids.len(), 3);
    assert_eq!(begun(), 9);
}

#[tokio::test]
async fn an_event_that_waits_too_long_or_in_too_long_a_queue_is_throttled() {
    let folder = TempDir::new().expect("a folder");
    let (begun, begun_name) = file(&folder, "begun");
    let (go, go_name) = file(&folder, "go");
    let patience = Duration::from_millis(50);
    let probe = Probe::start(Config {
        concurrency: 1,
        queue: 1,
        patience,
        ..probe(&[])
    })
    .await;
    let commands = format!("touch {begun_name}\nwait {go_name}");
    let slow = probe.invoke(&commands);
    tokio::pin!(slow);
    tokio::select! {
        _ = &mut slow => panic!("it waits"),
        () = eventually("the event has begun", || begun.exists()) => {}
    }
    let (second, third) = tokio::join!(biased; probe.invoke("echo"), probe.invoke("echo"));
    assert!(matches!(second, Err(InvokeError::Throttled)), "{second:?}");
    assert!(matches!(third, Err(InvokeError::Throttled)), "{third:?}");
    std::fs::write(go, "").expect("a file");
    slow.await.expect("a response");
    assert_eq!(probe.answer("echo free").await, "free");
}

#[tokio::test]
async fn a_response_over_six_megabytes_is_an_error() {
    let probe = Probe::start(probe(&[])).await;
    assert_eq!(
        probe.answer(&format!("huge {RESPONSE_LIMIT}")).await.len(),
        RESPONSE_LIMIT
    );
    let error = probe
        .invoke(&format!("huge {}", RESPONSE_LIMIT + 1))
        .await
        .expect_err("an error");
    assert!(
        matches!(error, InvokeError::TooLarge { size } if size == RESPONSE_LIMIT + 1),
        "{error}"
    );
    assert_eq!(probe.answer("echo on").await, "on");
}

#[tokio::test]
async fn a_streamed_response_is_a_response() {
    let mut probe = Probe::start(probe(&[])).await;
    assert_eq!(probe.answer("stream one two").await, "one two");
    probe.line("streamed 202").await;
}

#[tokio::test]
async fn what_a_process_prints_carries_the_event() {
    let mut probe = Probe::start(probe(&[])).await;
    probe
        .function
        .invoke("print out\ncomplain err".into(), "r-7")
        .await
        .expect("a response");
    for _ in 0..2 {
        let line = probe.lines.recv().await.expect("a line");
        let expected = if line.stream == Stream::Stdout {
            "out"
        } else {
            "err"
        };
        assert_eq!(
            (line.environment, line.request_id.as_deref(), &*line.text),
            (1, Some("r-7"), expected)
        );
    }
}

#[tokio::test]
async fn the_runtime_api_answers_as_lambda_does() {
    let probe = Probe::start(probe(&[])).await;
    let request = async |what: &str| probe.answer(&format!("request {what}")).await;
    let invocation = "/2018-06-01/runtime/invocation";
    assert_eq!(
        request(&format!("POST {invocation}/unknown/response")).await,
        r#"400 {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}"#
    );
    assert!(
        request(&format!("POST {invocation}/unknown/error"))
            .await
            .starts_with("400 ")
    );
    assert!(
        request(&format!("GET {invocation}/next"))
            .await
            .starts_with("403 "),
        "it works on an event"
    );
    assert!(
        request("POST /2018-06-01/runtime/init/error")
            .await
            .starts_with("403 "),
        "it has started"
    );
    assert!(
        request("GET /2018-06-01/runtime/other")
            .await
            .starts_with("404 ")
    );
    assert!(request("GET /").await.starts_with("404 "));
    assert_eq!(request("GET /2018-06-01/ping").await, "200 pong");
}

#[tokio::test]
async fn the_runtime_api_answers_no_web_page() {
    let probe = Probe::start(probe(&[])).await;
    let request = async |what: &str| {
        probe
            .answer(&format!("request GET /2018-06-01/ping {what}"))
            .await
    };
    assert!(request("localhost:80").await.starts_with("200 "));
    assert!(request("evil.example").await.starts_with("403 "));
    assert!(
        request("localhost http://evil.example")
            .await
            .starts_with("403 ")
    );
    assert!(
        request("localhost http://localhost")
            .await
            .starts_with("403 ")
    );
}

#[tokio::test]
async fn a_program_that_cannot_start_is_one_clear_error() {
    let mut config = probe(&[]);
    config
        .environment
        .insert("PATH".into(), "/usr/bin:/bin".into());
    let with = |program: &str| {
        let mut config = config.clone();
        config.program.program = program.into();
        config
    };
    let elsewhere = {
        let mut config = config.clone();
        config.program.current_dir = Some("/nowhere".into());
        config
    };
    let impatient = Config {
        init_timeout: Duration::from_millis(300),
        ..probe(&["hang"])
    };
    let cases = [
        (
            with("/nowhere/chat"),
            "cannot start /nowhere/chat: No such file or directory (os error 2)",
        ),
        (
            with("no-such-program"),
            "cannot start no-such-program: no such program in PATH",
        ),
        (
            with("/dev/null"),
            "cannot start /dev/null: the file is not executable",
        ),
        (with(""), "cannot start : the name of the program is empty"),
        (elsewhere, "there is no directory /nowhere"),
        (
            with("true"),
            "the function's program ended before it asked for an event (exit status: 0)",
        ),
        (
            probe(&["exit"]),
            "the function's program ended before it asked for an event (exit status: 3); its last words:\nthe table is missing",
        ),
        (
            probe(&["fail"]),
            "the function's program cannot start: Config: no table",
        ),
        (
            impatient,
            "the function's program asked for no event within 0.3 s: is it a Lambda function?; its last words:\nthinking",
        ),
    ];
    for (config, expected) in cases {
        let error = start_error(config).await;
        assert!(error.ends_with(expected), "{error}");
    }
}

#[tokio::test]
async fn a_program_that_no_longer_starts_fails_the_events_that_wait_for_it() {
    let folder = TempDir::new().expect("a folder");
    let (_, mark) = file(&folder, "mark");
    let mut config = probe(&["exit-next-time"]);
    config.environment.insert("MARK".into(), mark.clone());
    let probe = Probe::start(config).await;
    probe.invoke("exit 1").await.expect_err("a crash");
    for _ in 0..2 {
        let error = probe.invoke("echo").await.expect_err("an error");
        assert!(
            matches!(error, InvokeError::Start(StartError::Exited { .. })),
            "{error}"
        );
    }
    std::fs::remove_file(mark).expect("a file");
    assert_eq!(probe.answer("echo back").await, "back");
}

#[tokio::test]
async fn nothing_remains_of_a_stopped_function() {
    let folder = TempDir::new().expect("a folder");
    let (begun, begun_name) = file(&folder, "begun");
    let probe = Probe::start(probe(&[])).await;
    let pid = probe.pid().await;
    let pool = probe.function.pool.clone();
    let (reply, answer) = oneshot::channel();
    let event = format!("leave-a-child\ntouch {begun_name}\nwait /nowhere").into();
    pool.submit(Job {
        request_id: "r".into(),
        event,
        reply,
    })
    .expect("a place");
    eventually("the event has begun", || begun.exists()).await;
    assert!(
        group(pid).len() >= 3,
        "the program, its watcher and its child"
    );
    probe.function.stop().await;
    assert!(matches!(answer.await, Ok(Err(InvokeError::Stopped))));
    eventually("the group is gone", || group(pid).is_empty()).await;
    assert!(
        !zombies()
            .iter()
            .any(|zombie| zombie.starts_with(&pid.to_string()))
    );
}

#[tokio::test]
async fn a_dropped_function_leaves_nothing() {
    let probe = Probe::start(probe(&[])).await;
    let pid = probe.pid().await;
    drop(probe);
    eventually("the group is gone", || group(pid).is_empty()).await;
}

/// Not a test but the gateway of the next one.
#[tokio::test]
#[ignore = "a process of the next test, which kills it"]
async fn a_gateway_that_will_be_killed() {
    let Ok(mark) = std::env::var("GATEWAY_OF_A_TEST") else {
        return;
    };
    let script = format!(
        "sleep 1000 & trap '' TERM; echo $$ > {mark}.new; mv {mark}.new {mark}; wait; sleep 1000"
    );
    let program = Program {
        program: "sh".into(),
        args: vec!["-c".into(), script.into()],
        current_dir: None,
    };
    let mut config = Config {
        init_timeout: Duration::from_secs(1000),
        ..Config::new("sh", program)
    };
    config
        .environment
        .insert("PATH".into(), "/usr/bin:/bin".into());
    let (log, _lines) = mpsc::channel(1);
    let _function = Function::start(config, log).await;
}

#[tokio::test]
async fn a_gateway_that_is_killed_takes_its_processes_along() {
    let folder = TempDir::new().expect("a folder");
    let (mark, mark_name) = file(&folder, "pid");
    let mut gateway = Command::new(std::env::current_exe().expect("a path"))
        .args([
            "--ignored",
            "--exact",
            "function::tests::a_gateway_that_will_be_killed",
        ])
        .env("GATEWAY_OF_A_TEST", mark_name)
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("a process");
    eventually("the program runs", || mark.exists()).await;
    let pid = std::fs::read_to_string(&mark)
        .expect("a pid")
        .trim()
        .parse()
        .expect("a number");
    eventually("its child runs", || group(pid).len() >= 3).await;
    gateway.kill().await.expect("a process");
    eventually("the group is gone", || group(pid).is_empty()).await;
    assert!(!Path::new(&format!("/proc/{pid}/fd")).exists() || group(pid).is_empty());
}
