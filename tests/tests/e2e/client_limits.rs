//! An attack on a function, with and without limits of clients, and what it costs.
//!
//! `LAMBDA_WS_TEST_ATTACK_SECONDS=10` makes the attack longer than in the suite, and `LAMBDA_WS_TEST_ATTACK_RATE=200` sets its
//! messages per second, for a slow or busy machine.

use futures_util::{SinkExt, StreamExt};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tests::{Gateway, Setup, within, within_time};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

const LIMITED: &str = env!("CARGO_BIN_EXE_limited");

/// The page with the prices.
const COSTS: &str = include_str!("../../../crates/lambda_ws/docs/costs.md");

/// The processes of the function.
const PROCESSES: usize = 10;

/// The default of the messages per second of an attack.
const PER_SECOND: usize = 1000;

/// How long the messages of an attack may take, after it has ended. A busy machine handles fewer than are sent.
const HANDLED: Duration = Duration::from_secs(400);

/// The sockets of the attack on a function that disconnects. One socket waits for its close and for each handshake, so it
/// does not reach the limit of handshakes.
const SOCKETS: usize = 5;

/// The handshakes of an address at once in that attack. Then one per second is allowed.
const HANDSHAKES: usize = 10;

/// How much longer that attack may take until it reaches the limit. A busy machine closes connections late.
const LONGER: Duration = Duration::from_secs(60);

/// A client without a message for so long has no message under way.
const QUIET: Duration = Duration::from_secs(5);

/// The memory of the function, in GB.
const MEMORY: f64 = 0.125;

fn seconds() -> usize {
    variable("LAMBDA_WS_TEST_ATTACK_SECONDS").unwrap_or(2)
}

fn variable(name: &str) -> Option<usize> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().expect(name))
}

/// What clients did, and what the function used for that.
#[derive(Debug, Default)]
struct Bill {
    /// Messages that clients sent.
    sent: usize,
    /// Handshakes that were accepted, and that were not.
    accepted: usize,
    rejected: usize,
    handled: u64,
    limited: u64,
    closed: u64,
    posts: u64,
    reads: u64,
    writes: u64,
    events: usize,
    lambda_ms: f64,
    /// The time in which the function had events.
    elapsed: Duration,
}

/// Returns the price of one unit, from the page.
fn price(service: &str) -> f64 {
    let row = COSTS
        .lines()
        .find(|line| line.starts_with(&format!("| {service}")));
    let price = row.and_then(|row| row.split('$').nth(1)).expect("a price");
    let number: f64 = price
        .split(' ')
        .next()
        .expect("a number")
        .parse()
        .expect("a number");
    match price.contains("million") {
        true => number / 1e6,
        false => number,
    }
}

impl Bill {
    /// The costs of the messages to the API, which no limit changes while a client is connected.
    fn incoming(&self) -> f64 {
        self.sent as f64 * price("API Gateway messages")
    }

    /// All other costs.
    fn dollars(&self) -> f64 {
        let gigabyte_seconds = self.lambda_ms / 1000.0 * MEMORY;
        self.posts as f64 * price("API Gateway messages")
            + self.events as f64 * price("Lambda events")
            + gigabyte_seconds * price("Lambda on arm64")
            + self.writes as f64 * price("DynamoDB writes")
            + self.reads as f64 * price("DynamoDB reads")
    }

    /// The costs of one message or handshake of an attacker.
    fn per_action(&self) -> f64 {
        let actions = self.sent + self.accepted + self.rejected;
        (self.incoming() + self.dollars()) / actions as f64
    }

    fn line(&self, what: &str, table: &mut String) {
        let Self {
            sent,
            accepted,
            rejected,
            handled,
            limited,
            closed,
            posts,
            reads,
            writes,
            events,
            lambda_ms,
            elapsed: _,
        } = self;
        let (incoming, other) = (self.incoming() * 1e6, self.dollars() * 1e6);
        writeln!(
            table,
            "{what:<12} {sent:>6} {accepted:>5}/{rejected:<5} {events:>6} {handled:>7} {limited:>7} {closed:>6} {posts:>6} \
             {reads:>6} {writes:>6} {lambda_ms:>9.0} {incoming:>9.0} {other:>9.0} {:>9.2}",
            self.per_action() * 1e6
        )
        .expect("a string");
    }
}

/// A function under attack.
struct Target {
    gateway: Gateway,
    bill: Bill,
}

impl Target {
    async fn start(reaction: &str) -> Self {
        let setup = Setup::new().template("limited.yaml");
        let setup = setup.args(["--concurrency", &PROCESSES.to_string()]);
        let gateway = setup.program([LIMITED, reaction]).start().await;
        let bill = Bill::default();
        Self { gateway, bill }
    }

    /// Sends messages of one connection for a time, and connects again each time it is closed. With `rejected`, the count
    /// of all sockets, it also continues until the limit of handshakes is reached.
    async fn attack(
        url: &str,
        per_second: usize,
        time: Duration,
        rejected: Option<Arc<AtomicUsize>>,
    ) -> Bill {
        let (mut bill, end) = (Bill::default(), Instant::now() + time);
        let continues = || {
            let is_unlimited = rejected
                .as_ref()
                .is_some_and(|rejected| rejected.load(Ordering::Relaxed) == 0);
            let now = Instant::now();
            now < end || (is_unlimited && now < end + LONGER)
        };
        while continues() {
            let Ok((socket, _)) = connect_async(url).await else {
                bill.rejected += 1;
                if let Some(rejected) = &rejected {
                    rejected.fetch_add(1, Ordering::Relaxed);
                }
                sleep(Duration::from_millis(10)).await;
                continue;
            };
            bill.accepted += 1;
            let (mut sink, mut stream) = socket.split();
            let received = Arc::new(AtomicUsize::new(0));
            let count = received.clone();
            let reading = tokio::spawn(async move {
                while let Some(Ok(_)) = stream.next().await {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
            // Late ticks are made up for.
            let each = (per_second / 100).max(1);
            let mut ticks = interval(Duration::from_secs(1) * each as u32 / per_second as u32);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            'open: while continues() {
                ticks.tick().await;
                for _ in 0..each {
                    if reading.is_finished() {
                        break 'open;
                    }
                    let sent = sink.send(Message::text(r#"{"action":"say","text":"spam"}"#));
                    if sent.await.is_err() {
                        break 'open;
                    }
                    bill.sent += 1;
                }
            }
            // The messages that are under way are handled as long as the connection is open.
            if !continues() {
                let mut before = usize::MAX;
                while !reading.is_finished() && before != received.load(Ordering::Relaxed) {
                    before = received.load(Ordering::Relaxed);
                    sleep(QUIET).await;
                }
                reading.abort();
            }
        }
        bill
    }

    /// Sends a message every 250 ms until the attack is over. Returns the number of messages, all of which were answered.
    async fn beside(url: String, is_over: Arc<AtomicUsize>) -> usize {
        let mut client = tests::Client::connect(&url).await;
        let mut count = 0;
        while is_over.load(Ordering::Relaxed) == 0 {
            client.send(json!({"action": "say"})).await;
            assert_eq!(client.json().await, "bob");
            count += 1;
            sleep(Duration::from_millis(250)).await;
        }
        client.close().await;
        count
    }

    /// Attacks it from so many connections of one user, beside a client of another user.
    async fn attacked(mut self, connections: usize, time: Duration) -> Bill {
        let began = Instant::now();
        let is_over = Arc::new(AtomicUsize::new(0));
        let bob = tokio::spawn(Self::beside(self.gateway.at("user=bob"), is_over.clone()));
        let url = self.gateway.at("user=eve");
        let rejected = (connections > 1).then(Arc::default);
        let attacks = (0..connections).map(|_| {
            let (url, rejected) = (url.clone(), rejected.clone());
            let per_second = match variable("LAMBDA_WS_TEST_ATTACK_RATE") {
                Some(rate) => (rate / connections).max(1),
                None => (PER_SECOND / connections).max(100),
            };
            tokio::spawn(async move { Self::attack(&url, per_second, time, rejected).await })
        });
        for attack in attacks.collect::<Vec<_>>() {
            let part = within_time(time + LONGER + HANDLED, "the end of an attack", attack)
                .await
                .expect("no panic");
            self.bill.sent += part.sent;
            self.bill.accepted += part.accepted;
            self.bill.rejected += part.rejected;
        }
        is_over.store(1, Ordering::Relaxed);
        let count = within("the client beside it", bob).await.expect("no panic");
        let mut bill = self.count(count as u64).await;
        bill.elapsed = began.elapsed();
        bill
    }

    /// Adds what the function used. `beside` is the number of messages of the client beside the attack.
    async fn count(mut self, beside: u64) -> Bill {
        let calls = self.gateway.admin("GET", "permissions", "").await;
        let calls = &calls["functions"]["Limited"];
        let sum = |action: &str| -> u64 {
            let resources = calls[action].as_object();
            let counts = resources
                .into_iter()
                .flat_map(|resources| resources.values());
            counts.filter_map(Value::as_u64).sum()
        };
        let post = &calls["execute-api:ManageConnections"]["POST/@connections/*"];
        self.bill.posts = post.as_u64().unwrap_or_default();
        self.bill.reads = ["GetItem", "BatchGetItem", "Query"]
            .map(|read| sum(&format!("dynamodb:{read}")))
            .iter()
            .sum();
        self.bill.writes = ["PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem"]
            .map(|write| sum(&format!("dynamodb:{write}")))
            .iter()
            .sum();
        let ended = self.gateway.end(Signal::TERM).await;
        let lines = ended.stdout.iter().chain(&ended.stderr);
        for (_, text) in lines.filter_map(|line| line.strip_prefix("Limited ")?.split_once(" | ")) {
            if let Some(micros) = text.strip_prefix("micros=") {
                self.bill.events += 1;
                self.bill.lambda_ms += micros.parse::<f64>().expect("a number") / 1000.0;
            }
            let Ok(line) = serde_json::from_str::<Value>(text) else {
                continue;
            };
            let count = |name: &str| line[name].as_u64().unwrap_or_default();
            self.bill.handled += count("Messages");
            self.bill.limited += count("Limited");
            self.bill.closed += count("LimitClosed");
        }
        self.bill.handled -= beside;
        self.bill
    }
}

const HEADER: &str = "                          handshakes                                                                            \
                       in     other per action\n               sent                events handled limited closed  posts  reads writes Lambda ms   \
                       micro-$   micro-$   micro-$\n";

#[tokio::test]
async fn an_attack_costs_no_more_than_the_limits_allow() {
    let time = Duration::from_secs(seconds() as u64);
    let mut table = HEADER.to_owned();
    let mut bills = Vec::new();
    for reaction in ["none", "error", "disconnect"] {
        let sockets = match reaction {
            "disconnect" => SOCKETS,
            _ => 1,
        };
        let bill = Target::start(reaction).await.attacked(sockets, time).await;
        bill.line(reaction, &mut table);
        bills.push(bill);
    }
    println!("{table}");
    let [none, error, disconnect] = &bills[..] else {
        unreachable!("three attacks");
    };
    assert_eq!(
        (none.limited, none.handled),
        (0, none.sent as u64),
        "{none:?}"
    );

    // At once, per second, and in each process.
    let allowed = |rate: u64, each: u64, bill: &Bill| {
        rate + rate * (bill.elapsed.as_secs() + 1) + PROCESSES as u64 * each
    };
    let most = allowed(10, 7, error);
    assert!(error.handled <= most, "{error:?}");
    assert_eq!(
        error.handled + error.limited,
        error.sent as u64,
        "{error:?}"
    );
    let seconds = error.elapsed.as_secs() + 1;
    // Each process sends one error per second. The answers to the client beside it are among the posts.
    let (errors, bob) = (PROCESSES as u64 * seconds, 4 * seconds + 1);
    assert!(error.posts <= error.handled + errors + bob, "{error:?}");
    // A closed client is met by the limit of handshakes. The client beside the attack has the same address.
    let most = HANDSHAKES as u64 + disconnect.elapsed.as_secs() + 1;
    assert!(disconnect.accepted as u64 <= most, "{disconnect:?}");
    assert!(disconnect.accepted >= SOCKETS, "{disconnect:?}");
    assert!(disconnect.rejected > 0, "{disconnect:?}");
    assert!(
        disconnect.closed <= disconnect.accepted as u64 * PROCESSES as u64,
        "{disconnect:?}"
    );
    assert!(
        disconnect.handled <= allowed(20, 15, disconnect),
        "{disconnect:?}"
    );
    assert!(error.dollars() < none.dollars(), "{table}");
}

#[tokio::test]
async fn fifty_connections_of_one_user_get_no_more_than_five() {
    let time = Duration::from_secs(seconds().min(4) as u64);
    let bill = Target::start("error").await.attacked(50, time).await;
    let mut table = HEADER.to_owned();
    bill.line("50 x error", &mut table);
    println!("{table}");
    // Further handshakes are rejected, also those at the same time.
    assert!(bill.accepted <= 5, "{bill:?}");
    assert!(bill.rejected > 0, "{bill:?}");
    let most = 20 + 20 * (bill.elapsed.as_secs() + 1) + PROCESSES as u64 * 15;
    assert!(bill.handled <= most, "{bill:?}");
}
