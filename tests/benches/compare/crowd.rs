//! Clients of one function, and the messages that they receive.

use super::peers::Peer;
use crate::client::{Event, connect};
use serde_json::json;
use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tests::{Endpoint, Gateway, Meter, Setup};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// The number of concurrent handshakes.
const DOORS: usize = 16;

/// How long a gateway and its function may take to start.
const START: Duration = Duration::from_secs(60);

/// How long all handshakes may take.
const CONNECT: Duration = Duration::from_secs(120);

/// How long a broadcast may take.
const BROADCAST: Duration = Duration::from_secs(100);

/// The time without a message after which no more is expected, once the function has answered.
const QUIET: Duration = Duration::from_millis(500);

/// The size of a message in bytes.
const SIZE: usize = 200;

/// The maximum number of processes of a function.
const PROCESSES: &str = "4";

/// Clients of one function behind a gateway of its own.
#[derive(Debug)]
pub(super) struct Crowd {
    pub(super) peer: Peer,
    gateway: Gateway,
    endpoint: Endpoint,
    /// The open connections by the number of the client.
    open: HashMap<usize, OwnedWriteHalf>,
    next: usize,
    events: UnboundedReceiver<Event>,
    sender: UnboundedSender<Event>,
    messages: usize,
}

/// The result of one broadcast.
#[derive(Debug)]
pub(super) struct Broadcast {
    /// The time to the last client, in ms.
    pub(super) last: f64,
    /// The clients with an open connection at the end.
    pub(super) live: usize,
    /// Those of them that received the message.
    pub(super) reached: usize,
    /// The processor time of the function, in ms.
    pub(super) cpu: f64,
    /// The peak memory of the function's largest process, in MB.
    pub(super) peak: f64,
}

impl Crowd {
    /// Starts a gateway (`program`) with this function, and connects clients.
    pub(super) async fn start(
        program: &Path,
        peer: &Peer,
        options: &[&str],
        count: usize,
    ) -> Result<Self, String> {
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/compare/template.yaml");
        let mut setup = Setup::new()
            .gateway(program.to_owned())
            .args([
                "--quiet",
                "--no-reload",
                "--concurrency",
                PROCESSES,
                "--template",
            ])
            .args([template])
            .args(options.iter().copied());
        if let Some(variable) = peer.variable {
            setup = setup.args(["--env", variable]);
        }
        let gateway = setup.program(&peer.program).patience(START).start().await;
        let endpoint = Endpoint::of(&gateway.url);
        let (sender, events) = unbounded_channel();
        let mut crowd = Self {
            peer: peer.clone(),
            gateway,
            endpoint,
            open: HashMap::new(),
            next: 0,
            events,
            sender,
            messages: 0,
        };
        crowd.fill(count).await?;
        Ok(crowd)
    }

    /// Connects clients until there are this many.
    pub(super) async fn fill(&mut self, count: usize) -> Result<(), String> {
        let who = self.peer.who;
        let filled = timeout(CONNECT, self.connect(count)).await;
        let late = format!(
            "{who}: {count} clients did not connect within {} s",
            CONNECT.as_secs()
        );
        filled.map_err(|_| late)?
    }

    async fn connect(&mut self, count: usize) -> Result<(), String> {
        self.settle().await;
        let mut doors = JoinSet::new();
        let missing = count.saturating_sub(self.open.len());
        for number in self.next..self.next + missing {
            if doors.len() == DOORS {
                self.enter(doors.join_next().await)?;
            }
            let (endpoint, sender) = (self.endpoint.clone(), self.sender.clone());
            doors.spawn(async move { (number, connect(&endpoint, number, sender).await) });
        }
        while let Some(joined) = doors.join_next().await {
            self.enter(Some(joined))?;
        }
        self.next += missing;
        Ok(())
    }

    #[allow(clippy::type_complexity, reason = "the type of a task's end")]
    fn enter(
        &mut self,
        joined: Option<Result<(usize, std::io::Result<OwnedWriteHalf>), tokio::task::JoinError>>,
    ) -> Result<(), String> {
        let who = self.peer.who;
        let Some(Ok((number, connected))) = joined else {
            return Err(format!("{who}: a client failed"));
        };
        let writer = connected.map_err(|error| {
            format!("{who}: a client cannot connect: {error}; `ulimit -n` must allow all sockets")
        })?;
        self.open.insert(number, writer);
        Ok(())
    }

    /// Waits until nothing more is received, and forgets closed connections.
    async fn settle(&mut self) {
        while let Ok(Some(event)) = timeout(QUIET, self.events.recv()).await {
            if event.text.is_none() {
                self.open.remove(&event.client);
            }
        }
    }

    /// Broadcasts one message, and waits until nobody receives it any more.
    pub(super) async fn broadcast(&mut self) -> Result<Broadcast, String> {
        let who = self.peer.who;
        self.messages += 1;
        let start = format!("{} ", self.messages);
        let text = format!("{start}{}", "x".repeat(SIZE - start.len()));
        let event = json!({"publish": {"room": "hall", "data": text}}).to_string();
        let processes = self.gateway.processes.ids();
        for id in &processes {
            Meter::Process(*id).forget_peak();
        }
        let before = cpu(&processes);
        let began = Instant::now();
        let mut heard = HashMap::new();
        let (mut answered, mut closed) = (false, Vec::new());
        {
            let mut call = std::pin::pin!(self.gateway.try_admin("POST", "invoke", &event));
            let expected = self.open.len();
            let events = &mut self.events;
            let all = async {
                while !(answered && heard.len() + closed.len() >= expected) {
                    tokio::select! {
                        // An error of the function is a result: its clients are counted.
                        _ = &mut call, if !answered => answered = true,
                        event = events.recv() => match event {
                            Some(Event { client, at, text: Some(heard_text) }) if heard_text == text => {
                                heard.entry(client).or_insert(at);
                            }
                            Some(Event { client, text: None, .. }) => closed.push(client),
                            _ => {}
                        },
                        () = tokio::time::sleep(QUIET), if answered => break,
                    }
                }
            };
            let ended = timeout(BROADCAST, all).await;
            let late = format!(
                "{who}: a broadcast did not end within {} s",
                BROADCAST.as_secs()
            );
            ended.map_err(|_| late)?;
        }
        let processes = self.gateway.processes.ids();
        let cpu = cpu(&processes) - before;
        let peaks = processes.iter().map(|id| Meter::Process(*id).peak());
        let peak = peaks.max().unwrap_or_default() as f64 / 1e6;
        for client in closed {
            self.open.remove(&client);
        }
        let reached = heard
            .iter()
            .filter(|(client, _)| self.open.contains_key(client));
        let times: Vec<_> = reached.map(|(_, at)| *at).collect();
        let last = times.iter().max().map_or(0.0, |at| {
            at.saturating_duration_since(began).as_secs_f64() * 1e3
        });
        Ok(Broadcast {
            last,
            live: self.open.len(),
            reached: times.len(),
            cpu,
            peak,
        })
    }

    /// Ends the gateway with its function.
    pub(super) async fn stop(self) {
        let processes = self.gateway.processes.clone();
        // The `$disconnect` events of all clients are not part of the comparison.
        self.gateway.end(rustix::process::Signal::KILL).await;
        processes.ended().await;
    }
}

/// Returns the processor time of processes in ms. The kernel counts nanoseconds.
fn cpu(processes: &[u32]) -> f64 {
    let of = |id: &u32| {
        let tasks = std::fs::read_dir(format!("/proc/{id}/task"));
        let times = tasks.into_iter().flatten().flatten().filter_map(|task| {
            let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<f64>().ok()
        });
        times.sum::<f64>() / 1e6
    };
    processes.iter().map(of).sum()
}
