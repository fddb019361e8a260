//! Clients that do not read, and how late the others get their messages.

use super::args::Args;
use super::client::{self, Event, text_frame};
use super::hall::{Hall, use_program};
use super::run::Checks;
use serde_json::json;
use std::time::{Duration, Instant};
use tests::SlowClients;
use tokio::io::AsyncWriteExt;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{sleep_until, timeout};

const LIVE: [usize; 2] = [20, 150];
const SLOW: [usize; 5] = [0, 4, 8, 20, 50];

/// Eight messages a second.
const PERIOD: Duration = Duration::from_millis(125);
/// Enough messages that two pauses of the machine do not decide the 99th percentile.
const MESSAGES: usize = 256;

/// The messages before, all at once: the function then has as many processes in each row, and each of these has met
/// the slow clients.
const WARM_UP: usize = 32;

/// The default rate, and as long as a function behind a websocket may take.
const RATE: usize = 5_000;
const SECONDS: u32 = 29;

/// The timeout of messages after the last send.
const PATIENCE: Duration = Duration::from_secs(60);

/// The log line of a process that halves its rate.
const HALVED: &str = "throttles the account";

/// How much later the last percent may get their messages than without slow clients. Below some milliseconds it
/// is the machine that is measured.
const FACTOR: f64 = 1.25;
const NOISE: f64 = 10.0;

/// Live clients in a room.
struct Listeners {
    writers: Vec<OwnedWriteHalf>,
    events: UnboundedReceiver<Event>,
}

/// The messages that the other clients received.
struct Heard {
    delivered: usize,
    /// How many senders got a response.
    answers: usize,
    /// In ms, sorted.
    latencies: Vec<f64>,
}

pub(super) async fn measure(args: &Args, checks: &mut Checks) {
    if let Some(program) = &args.program {
        use_program(program);
    }
    println!(
        "a room with clients that do not read; eight messages a second of 200 bytes, {MESSAGES} in all. Latencies are \
         those of the others, in ms, from the moment at which a client says something."
    );
    println!(
        "{:>6}{:>6}{:>12}{:>10}{:>10}{:>10}{:>10}{:>14}",
        "live", "slow", "delivered", "of", "median", "p99", "most", "rate changes"
    );
    for live in LIVE {
        let mut alone = None;
        for slow in SLOW {
            let (heard, changes) = row(live, slow).await;
            let all = live * MESSAGES;
            let (median, p99) = (heard.at(0.5), heard.at(0.99));
            println!(
                "{live:>6}{slow:>6}{:>12}{all:>10}{median:>10.1}{p99:>10.1}{:>10.1}{changes:>14}",
                heard.delivered,
                heard.at(1.0)
            );
            let alone = *alone.get_or_insert(p99);
            let case = format!("{slow} slow clients beside {live}");
            if heard.delivered != all {
                checks.hold(false, &format!("{case}: all others get all messages"));
            }
            if changes > 0 {
                checks.hold(
                    false,
                    &format!("{case}: the rate stays ({changes} halvings)"),
                );
            }
            if p99 > alone * FACTOR + NOISE {
                let what = format!("{case}: p99 is {p99:.1} ms, and {alone:.1} without them");
                checks.hold(false, &what);
            }
        }
    }
}

async fn row(live: usize, slow: usize) -> (Heard, usize) {
    let hall = Hall::start(RATE, SECONDS, &[]).await;
    let mut listeners = Listeners::connect(&hall, live).await;
    let slow = SlowClients::connect(&hall.gateway, "", slow).await;
    listeners.talk(0, WARM_UP, Duration::ZERO).await;
    let heard = listeners.talk(WARM_UP, MESSAGES, PERIOD).await;
    let program = &hall.gateway.program;
    let lines = [program.stdout.now(), program.stderr.now()].concat();
    let changes = lines.iter().filter(|line| line.contains(HALVED)).count();
    drop((listeners, slow));
    hall.gateway.stop().await;
    (heard, changes)
}

impl Listeners {
    async fn connect(hall: &Hall, count: usize) -> Self {
        let (heard, events) = unbounded_channel();
        let mut writers = Vec::new();
        for number in 0..count {
            let connected = client::connect(&hall.endpoint(), number, heard.clone()).await;
            writers.push(connected.expect("a connection"));
        }
        Self { writers, events }
    }

    /// Sends messages at this period, each from another client.
    async fn talk(&mut self, first: usize, count: usize, period: Duration) -> Heard {
        let began = Instant::now();
        let mut said = Vec::new();
        let mut heard = Heard {
            delivered: 0,
            answers: 0,
            latencies: Vec::new(),
        };
        while said.len() < count {
            let number = said.len();
            let due = began + period * number as u32;
            while let Ok(Some(event)) = timeout(until(due), self.events.recv()).await {
                heard.note(&event, first, &said);
            }
            sleep_until(due.into()).await;
            let text = format!("{} {:x<200}", first + number, "");
            let shout = json!({"action": "shout", "text": text}).to_string();
            let speaker = number % self.writers.len();
            said.push(Instant::now());
            let written = self.writers[speaker].write_all(&text_frame(&shout)).await;
            written.expect("the gateway reads");
        }
        // The responses come after the retries, so the next message meets idle processes.
        let end = Instant::now() + PATIENCE;
        while heard.delivered < count * self.writers.len() || heard.answers < count {
            let Ok(Some(event)) = timeout(until(end), self.events.recv()).await else {
                break;
            };
            heard.note(&event, first, &said);
        }
        heard.latencies.sort_by(f64::total_cmp);
        heard
    }
}

impl Heard {
    fn note(&mut self, event: &Event, first: usize, said: &[Instant]) {
        let text = event.text.as_deref().expect("no live client is cut off");
        if text.starts_with('{') {
            self.answers += 1;
            return;
        }
        let number = text.split(' ').next().and_then(|word| word.parse().ok());
        let number: usize = number.expect("a message begins with its number");
        let at = number
            .checked_sub(first)
            .and_then(|number| said.get(number));
        // A message of the warm-up may be late.
        if let Some(at) = at {
            self.delivered += 1;
            let latency = event.at.saturating_duration_since(*at);
            self.latencies.push(latency.as_secs_f64() * 1000.0);
        }
    }

    /// Returns the latency at this quantile, in ms.
    fn at(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let index = (last as f64 * share).round() as usize;
        self.latencies.get(index).copied().unwrap_or(f64::INFINITY)
    }
}

fn until(due: Instant) -> Duration {
    due.saturating_duration_since(Instant::now())
}
