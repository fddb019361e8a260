//! How processes begin and end.

use super::*;

#[tokio::test]
async fn a_process_that_dies_with_an_event_in_hand_fails_that_event() {
    let mut probe = Probe::start(probe(&[])).await;
    let pid = probe.pid().await;
    let result = probe.invoke_as("r-1", "print bye\nexit 3").await;
    let expected = "the function's process ended before it responded (exit status: 3)";
    assert_eq!(result.expect_err("an error").to_string(), expected);
    let exited = "Error: Runtime exited with error: exit status: 3";
    let line = probe.line(exited).await;
    assert_eq!(line.environment, 1);
    assert_eq!(line.request_id.as_deref(), Some("r-1"));
    assert_eq!(line.stream, Stream::Platform);
    let result = probe.invoke("abort").await;
    let error = result.expect_err("an error").to_string();
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
    let killed = "Error: Runtime exited with error: signal: 9 (SIGKILL)";
    probe.line(killed).await;
    assert_ne!(probe.pid().await, pid);
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_killed_and_replaced() {
    let config = Config {
        timeout: Duration::from_secs(1),
        ..probe(&[])
    };
    let mut probe = Probe::start(config).await;
    let pid = probe.pid().await;
    let begin = Instant::now();
    let error = probe.invoke("wait /nowhere").await.expect_err("an error");
    // The limit of the start holds no longer.
    assert!(begin.elapsed() < LONG / 2, "{:?}", begin.elapsed());
    assert_eq!(error.to_string(), "task timed out after 1.00 seconds");
    probe.line("Task timed out after 1.00 seconds").await;
    eventually("the process is gone", || group(pid).is_empty()).await;
    assert_ne!(probe.pid().await, pid);
}

#[tokio::test]
async fn a_program_that_cannot_start_is_one_clear_error() {
    let mut config = probe(&[]);
    let path = "/usr/bin:/bin".into();
    config.environment.insert("PATH".into(), path);
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
        init_timeout: Duration::from_secs(2),
        ..probe(&["hang"])
    };
    let cases = [
        (
            with("/nowhere/chat"),
            "cannot start /nowhere/chat: No such file or directory (os error 2)",
        ),
        (
            with("no-such-program"),
            "cannot start no-such-program: the program is not in PATH",
        ),
        (
            with("/dev/null"),
            "cannot start /dev/null: the file is not executable",
        ),
        (with(""), "cannot start : the name of the program is empty"),
        (elsewhere, "the directory /nowhere does not exist"),
        (
            with("true"),
            "the function's program ended before it requested an event (exit status: 0)",
        ),
        (
            probe(&["exit"]),
            "the function's program ended before it requested an event (exit status: 3); its last lines:\nthe table is missing",
        ),
        (
            probe(&["fail"]),
            "the function's program cannot start: Config: no table",
        ),
        (
            impatient,
            "the function's program did not request an event within 2.0 s: check that it is a Lambda function; its last lines:\nthinking",
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
        let exited = matches!(error, InvokeError::Start(StartError::Exited { .. }));
        assert!(exited, "{error}");
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
    let pool = probe.function.lock().current.clone();
    let (reply, answer) = oneshot::channel();
    let event = format!("leave-a-child\ntouch {begun_name}\nwait /nowhere").into();
    pool.submit(Job {
        request_id: "r".into(),
        trace: trace(),
        event,
        reply,
    })
    .expect("a place");
    eventually("the event has begun", || begun.exists()).await;
    assert!(group(pid).len() >= 2, "the program and its child");
    probe.function.stop().await;
    assert!(matches!(answer.await, Ok(Err(InvokeError::Stopped))));
    eventually("the group is gone", || group(pid).is_empty()).await;
    let pid = pid.to_string();
    assert!(!zombies().iter().any(|zombie| zombie.starts_with(&pid)));
}

/// Whether a process runs, and is not a zombie.
#[cfg(target_os = "linux")]
fn runs(pid: i32) -> bool {
    let name = std::fs::read_to_string(format!("/proc/{pid}/cmdline"));
    name.is_ok_and(|name| name.starts_with("sleep"))
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn fault_l10_a_process_that_leaves_the_group_ends_with_its_function() {
    // It must not be found by luck: another function has one, too.
    let other = Probe::start(probe(&[])).await;
    let others = other.answer("leave-a-daemon").await.parse().expect("a pid");
    let daemon = async |probe: &Probe| -> i32 {
        let pid = probe.answer("leave-a-daemon").await;
        let pid = pid.parse().expect("a pid");
        eventually("it runs", || runs(pid)).await;
        pid
    };
    let probe = Probe::start(probe(&[])).await;
    let stopped = daemon(&probe).await;
    let running = group(probe.pid().await);
    assert_ne!(group(stopped), running, "it is in another group");
    probe.function.stop().await;
    eventually("it is gone", || !runs(stopped)).await;
    eventually("the other runs", || runs(others)).await;
    drop(other);
    eventually("the other is gone", || !runs(others)).await;
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
        "sleep 1000 & setsid sleep 1000 & echo $! > {mark}.daemon; trap '' TERM; echo $$ > {mark}.new; \
         mv {mark}.new {mark}; wait; sleep 1000"
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
    let path = "/usr/bin:/bin".into();
    config.environment.insert("PATH".into(), path);
    let (log, _lines) = mpsc::channel(1);
    let _function = Function::start(config, log).await;
}

#[tokio::test]
async fn a_gateway_that_is_killed_takes_its_processes_along() {
    let folder = TempDir::new().expect("a folder");
    let (mark, mark_name) = file(&folder, "pid");
    let test = "function::tests::lifetimes::a_gateway_that_will_be_killed";
    let mut gateway = gateway(test, &mark_name);
    eventually("the program runs", || mark.exists()).await;
    let pid = std::fs::read_to_string(&mark).expect("a pid");
    let pid = pid.trim().parse().expect("a number");
    eventually("its child runs", || group(pid).len() >= 2).await;
    #[cfg(target_os = "linux")]
    let daemon = {
        let daemon = std::fs::read_to_string(folder.path().join("pid.daemon")).expect("a pid");
        let daemon = daemon.trim().parse().expect("a number");
        eventually("its daemon runs", || runs(daemon)).await;
        daemon
    };
    gateway.kill().await.expect("a process");
    eventually("the group is gone", || group(pid).is_empty()).await;
    #[cfg(target_os = "linux")]
    eventually("its daemon is gone", || !runs(daemon)).await;
    assert!(!Path::new(&format!("/proc/{pid}/fd")).exists() || group(pid).is_empty());
}
