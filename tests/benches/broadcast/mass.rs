//! The chat, when all clients of a room arrive or leave at once.

use super::args::Args;
use super::client::{Event, connect, text_frame};
use super::hall::room_for;
use super::run::Checks;
use futures_util::future::join_all;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use tests::{Endpoint, Gateway, Setup, deployed_chat, optimized_gateway};
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// How many clients there are.
const CLIENTS: [usize; 3] = [200, 500, 1_000];

/// How many processes the function has.
const PROCESSES: &str = "10";

/// How long after the departure the table must be empty, and how long it is looked at.
const EMPTY: Duration = Duration::from_secs(20);
const PATIENCE: Duration = Duration::from_secs(60);

/// Between events that have nothing to do with each other.
const QUIET: Duration = Duration::from_secs(6);

/// The limits: the median time of a handshake, and the requests per disconnect.
const HANDSHAKE: Duration = Duration::from_secs(2);
const REQUESTS: f64 = 8.0;

pub(super) async fn measure(args: &Args, checks: &mut Checks) {
    let gateway = args.gateway.clone().unwrap_or_else(optimized_gateway);
    let program = args.program.clone().unwrap_or_else(deployed_chat);
    println!(
        "all clients of a room of the chat arrive at once and leave at once; {PROCESSES} processes."
    );
    println!(
        "{:<9}{:>12}{:>11}{:>10}{:>12}{:>12}{:>12}{:>10}",
        "clients",
        "handshake s",
        "slowest s",
        "rejected",
        "empty in s",
        "left over",
        "requests",
        "events"
    );
    for wanted in args
        .connections
        .map_or(CLIENTS.to_vec(), |count| vec![count])
    {
        let count = room_for(wanted, 1_500);
        one(&gateway, &program, count, checks).await;
    }
    lost(&gateway, &program, room_for(200, 1_500), checks).await;
}

async fn start(gateway: &Path, program: &Path, options: &[&str]) -> Gateway {
    let setup = Setup::new().gateway(gateway.to_owned()).program([program]);
    let setup = setup.args(["--concurrency", PROCESSES, "--quiet"]);
    setup.args(options).start().await
}

async fn one(gateway: &Path, program: &Path, count: usize, checks: &mut Checks) {
    let gateway = start(gateway, program, &[]).await;
    let table = gateway.table().await;
    let (sender, mut events) = unbounded_channel();
    let arrivals = arrive(&gateway, count, &sender).await;
    let mut times: Vec<_> = arrivals.iter().map(|(_, time)| *time).collect();
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or(Duration::MAX);
    let slowest = times.last().copied().unwrap_or(Duration::MAX);
    let rejected = count - times.len();
    quiet(&mut events).await;

    let before = requests(&gateway).await;
    let began = Instant::now();
    drop(arrivals);
    let mut left = usize::MAX;
    let mut empty = None;
    while began.elapsed() < PATIENCE && empty.is_none() {
        left = connections(&table.items().await);
        empty = (left == 0).then(|| began.elapsed());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // The announcements.
    tokio::time::sleep(QUIET).await;
    let after = requests(&gateway).await;
    let spent: BTreeMap<_, _> = after
        .iter()
        .map(|(action, count)| (action.clone(), count - before.get(action).unwrap_or(&0)))
        .filter(|(_, count)| *count > 0)
        .collect();
    let of_departure = |(action, count): (&String, &u64)| match action.starts_with("lambda:") {
        true => 0,
        false => *count,
    };
    let each = spent.iter().map(of_departure).sum::<u64>() as f64 / count as f64;
    println!(
        "{count:<9}{:>12.2}{:>11.2}{rejected:>10}{:>12}{left:>12}{each:>12.1}{:>10}",
        median.as_secs_f64(),
        slowest.as_secs_f64(),
        empty.map_or("never".to_owned(), |empty| format!(
            "{:.1}",
            empty.as_secs_f64()
        )),
        spent.get("lambda:InvokeFunction").unwrap_or(&0),
    );
    println!("         requests after the departure: {spent:?}");
    let ended = gateway.end(rustix::process::Signal::TERM).await;
    let lines = ended.stderr.iter().chain(&ended.stdout);
    let failed = |line: &&String| line.contains("timed out") || line.contains("$disconnect");
    let failed: Vec<_> = lines.filter(failed).collect();
    let what = format!(
        "every $disconnect succeeds ({} lines of the gateway say otherwise: {:?})",
        failed.len(),
        failed.first()
    );
    checks.hold(failed.is_empty(), &what);
    checks.hold(each > 0.0, "the requests are counted");
    let in_time = empty.is_some_and(|empty| empty <= EMPTY);
    checks.hold(
        in_time,
        &format!("the table is empty within {} s", EMPTY.as_secs()),
    );
    checks.hold(
        each <= REQUESTS,
        &format!("at most {REQUESTS} requests for each client who leaves"),
    );
    let welcome = rejected == 0 && median < HANDSHAKE;
    checks.hold(
        welcome,
        &format!(
            "handshakes take less than {} s, and none is rejected",
            HANDSHAKE.as_secs()
        ),
    );
}

/// All but a few clients vanish, and every `$disconnect` is lost: the next message removes the dead.
async fn lost(gateway: &Path, program: &Path, count: usize, checks: &mut Checks) {
    const LIVE: usize = 3;
    let options = ["--fault", "lost-disconnect=100%"];
    let gateway = start(gateway, program, &options).await;
    let table = gateway.table().await;
    let (sender, mut events) = unbounded_channel();
    let mut clients = arrive(&gateway, count, &sender).await;
    // Younger connections may be opening, for all that the library knows.
    tokio::time::sleep(Duration::from_secs(31)).await;
    let mut live = clients.split_off(count - LIVE);
    drop(clients);
    quiet(&mut events).await;
    let (writer, _) = live.first_mut().expect("some are left");
    let began = Instant::now();
    let message = text_frame(r#"{"action":"say","text":"who is here?"}"#);
    writer.write_all(&message).await.expect("it is connected");
    let mut members = usize::MAX;
    while began.elapsed() < PATIENCE && members > LIVE {
        members = table.items().await.get("R").copied().unwrap_or_default();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let what = format!(
        "after {} lost $disconnect events one message leaves {members} members of the room, of which {LIVE} live, in {:.1} s",
        count - LIVE,
        began.elapsed().as_secs_f64()
    );
    checks.hold(members <= LIVE, &what);
    gateway.end(rustix::process::Signal::TERM).await;
}

type Arrived = (tokio::net::tcp::OwnedWriteHalf, Duration);

/// Connects clients at once, each with the time that its handshake took.
async fn arrive(gateway: &Gateway, count: usize, events: &UnboundedSender<Event>) -> Vec<Arrived> {
    let handshakes = (0..count).map(|number| {
        let endpoint = Endpoint::of(&gateway.at(&format!("user=u{number}&room=hall")));
        let events = events.clone();
        async move {
            let began = Instant::now();
            let connected = connect(&endpoint, number, events).await.ok()?;
            Some((connected, began.elapsed()))
        }
    });
    join_all(handshakes).await.into_iter().flatten().collect()
}

/// Waits until nothing has been received for a while.
async fn quiet(events: &mut UnboundedReceiver<Event>) {
    while let Ok(Some(_)) = tokio::time::timeout(QUIET, events.recv()).await {}
}

/// The connections, members and users' connections in the table.
fn connections(items: &BTreeMap<String, usize>) -> usize {
    ["C", "R", "U"]
        .iter()
        .filter_map(|kind| items.get(*kind))
        .sum()
}

/// How often the function has called each action.
async fn requests(gateway: &Gateway) -> BTreeMap<String, u64> {
    let counts = gateway.admin("GET", "permissions", "").await;
    let mut actions = BTreeMap::new();
    for function in counts["functions"].as_object().into_iter().flatten() {
        for (action, resources) in function.1.as_object().into_iter().flatten() {
            let counts = resources.as_object().into_iter().flatten();
            let sum: u64 = counts.filter_map(|(_, count)| count.as_u64()).sum();
            *actions.entry(action.clone()).or_default() += sum;
        }
    }
    actions
}
