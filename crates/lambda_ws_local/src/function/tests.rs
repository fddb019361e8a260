mod concurrency;
mod events;
mod faults;
mod freeze;
mod lifetimes;
mod load;
mod replace;
mod runtime_api;

use super::*;
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::time::Instant;
use tempfile::TempDir;
use tokio::process::Command;

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

/// A function of one process.
fn single() -> Config {
    Config {
        concurrency: 1,
        ..probe(&[])
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
        self.invoke_as(&request_id(), commands).await
    }

    /// The same with this request id.
    async fn invoke_as(&self, id: &str, commands: &str) -> Result<String, InvokeError> {
        let commands = commands.to_owned().into();
        let response = self.function.invoke(commands, id).await?;
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

/// Every process: its id and name, and the state, the parent, the group and so on.
fn processes() -> impl Iterator<Item = (String, Vec<String>)> {
    let entries = std::fs::read_dir("/proc").expect("procfs").flatten();
    entries.filter_map(|entry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        // `pid (name) state parent group ..`, and the name may hold anything.
        let (head, tail) = stat.rsplit_once(") ")?;
        let fields = tail.split(' ').map(str::to_owned).collect();
        Some((head.to_owned(), fields))
    })
}

/// The processes of a group that are not dead, with their states.
fn states(leader: i32) -> Vec<(String, String)> {
    let group = processes().filter(|(_, fields)| fields[2].parse() == Ok(leader));
    let states = group.map(|(head, mut fields)| (head, fields.swap_remove(0)));
    states
        .filter(|(_, state)| state != "Z" && state != "X")
        .collect()
}

/// The processes of a group that are not dead.
fn group(leader: i32) -> Vec<String> {
    let states = states(leader);
    states.into_iter().map(|(process, _)| process).collect()
}

/// Whether a group is there, and stopped.
fn is_frozen(leader: i32) -> bool {
    let states = states(leader);
    !states.is_empty() && states.iter().all(|(_, state)| state == "T")
}

fn zombies() -> Vec<String> {
    let me = std::process::id().to_string();
    let mine = processes().filter(|(_, fields)| fields[0] == "Z" && fields[1] == me);
    mine.map(|(head, _)| head).collect()
}

/// Starts a test in a process that the caller kills, and which writes to this file.
fn gateway(test: &str, mark: &str) -> tokio::process::Child {
    Command::new(std::env::current_exe().expect("a path"))
        .args(["--ignored", "--exact", test])
        .env("GATEWAY_OF_A_TEST", mark)
        .stdout(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("a process")
}

fn file(folder: &TempDir, name: &str) -> (PathBuf, String) {
    let path = folder.path().join(name);
    let text = path.to_str().expect("text").to_owned();
    (path, text)
}
