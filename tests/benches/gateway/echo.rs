//! Echoes: client, function, client.

use super::args::Args;
use super::client::{Client, Exchange, Place};
use super::floor::Floor;
use super::peer::Peer;
use super::server::{Routes, Server};
use super::who;
use std::time::{Duration, Instant};
use tests::Meter;
use tests::bench::Cores;
use tests::bench::{Goal, Table, Who};
use tokio::task::JoinSet;

/// The number of clients that wait for an echo at the same time.
const CLIENTS: usize = 50;
/// The size of a message in bytes.
const SIZE: usize = 125;

pub(super) async fn measure(args: &Args, cores: Cores, peer: Option<&Peer>) -> Vec<Table> {
    let server = Server::start(args, Routes::Messages, cores).await;
    let (tcp, tungstenite) = (Floor::tcp(cores), Floor::tungstenite(cores));
    let running = match peer {
        Some(peer) => Some(peer.start(cores).await),
        None => None,
    };
    let mut subjects = vec![(who::GATEWAY, &server.place, server.meter)];
    subjects.extend(
        running
            .as_ref()
            .map(|peer| (who::PEER, &peer.place, peer.meter)),
    );
    let floors = [
        (who::TCP, &tcp.place, tcp.meter),
        (who::TUNGSTENITE, &tungstenite.place, tungstenite.meter),
    ];
    let with_floors: Vec<_> = subjects.iter().copied().chain(floors).collect();
    vec![
        way(args, &server, "ask", &with_floors, cores, (1.0, 1.5)).await,
        way(args, &server, "post", &subjects, cores, (2.0, 3.0)).await,
    ]
}

const RATE: &str = "50 clients: messages/s";
const CPU: &str = "50 clients: server's CPU a message, us";
const FUNCTION: &str = "50 clients: function's CPU a message, us";
const CLIENT: &str = "50 clients: client's CPU a message, us";
const P50: &str = "one client: p50, ms";
const P99: &str = "one client: p99, ms";

async fn way(
    args: &Args,
    server: &Server,
    action: &str,
    subjects: &[(Who, &Place, Meter)],
    cores: Cores,
    (must, stretch): (f64, f64),
) -> Table {
    let how = match action {
        "ask" => "route response",
        _ => "PostToConnection",
    };
    let mut table = who::table(format!("Echo of {SIZE} bytes by {how}; {cores}"));
    let start = format!(r#"{{"action":"{action}","text":""#);
    let text = format!("{start}{}\"}}", "x".repeat(SIZE - start.len() - 2));
    for round in 0..=args.rounds {
        for &(who, place, meter) in subjects {
            let exchange = place.exchange(&text);
            // The first round warms up: processes start, compilers compile.
            if round == 0 {
                crowd(place, &exchange, args.duration).await;
                continue;
            }
            let (before, own) = ((meter.time(), server.function_time()), Meter::own_thread());
            let (started, own_before) = (Instant::now(), own.time());
            let count = crowd(place, &exchange, args.duration).await;
            let each = |time: Duration| time.as_secs_f64() * 1e6 / count;
            table.add(RATE, who, count / started.elapsed().as_secs_f64());
            table.add(CPU, who, each(meter.time() - before.0));
            if who == who::GATEWAY {
                let function = server.function_time().saturating_sub(before.1);
                table.add(FUNCTION, who, each(function));
            }
            table.add(CLIENT, who, each(own.time() - own_before));
            let [p50, p99] = alone(place, &exchange, args.duration / 2).await;
            table.add(P50, who, p50);
            table.add(P99, who, p99);
        }
    }
    let cpu = Goal::AtMost {
        must: 60.0,
        stretch: 40.0,
    };
    table.goal(CPU, cpu);
    who::compare(&mut table, RATE, Goal::AtLeast { must, stretch });
    let p50 = Goal::AtLeast {
        must: 1.0,
        stretch: 1.5,
    };
    who::compare(&mut table, P50, p50);
    table
}

/// Echoes with many clients, each of which waits for its own. Returns the number of echoes.
async fn crowd(place: &Place, exchange: &Exchange, duration: Duration) -> f64 {
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Client::connect(place).await.expect("a connection"));
    }
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for mut client in clients {
        let exchange = exchange.clone();
        tasks.spawn(async move {
            let (mut count, mut buffer) = (0_u32, [0; 1024]);
            while started.elapsed() < duration {
                let result = client.exchange(&exchange, &mut buffer).await;
                result.expect("an echo");
                count += 1;
            }
            count
        });
    }
    tasks.join_all().await.into_iter().map(f64::from).sum()
}

/// Echoes with one client. Returns the median and the 99th percentile of the latency, in ms.
async fn alone(place: &Place, exchange: &Exchange, duration: Duration) -> [f64; 2] {
    let mut client = Client::connect(place).await.expect("a connection");
    let (mut times, mut buffer) = (Vec::new(), [0; 1024]);
    let started = Instant::now();
    while started.elapsed() < duration {
        let sent = Instant::now();
        let result = client.exchange(exchange, &mut buffer).await;
        result.expect("an echo");
        times.push(sent.elapsed());
    }
    times.sort_unstable();
    [50, 99].map(|percent| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3)
}
