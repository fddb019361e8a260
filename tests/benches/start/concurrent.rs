//! The events that one process handles in a second, by the number of events that it has at once.

use super::args::Args;
use lambda_ws_local::function::{Config, Function, Program, request_id};
use std::collections::BTreeMap;
use std::error::Error;
use std::time::{Duration, Instant};
use tests::bench::{Goal, Table, Who};
use tests::optimized_example;
use tokio::sync::mpsc;

const EVENT: &str = include_str!("../../../events/say.json");

/// What a process has at once, and the number of it.
const AT_ONCE: [(Who, usize); 5] = [("1", 1), ("2", 2), ("4", 4), ("8", 8), ("16", 16)];

const RATE: &str = "events a second";

/// How many times the sequential throughput 16 events at once must reach.
const MUST: f64 = 8.0;

/// The number of events that are handled one after the other on each of the 16 lanes.
const EVENTS: usize = 10;

pub(super) async fn measure(args: &Args) -> Result<Vec<Table>, Box<dyn Error>> {
    let title =
        "one process whose handler waits 20 ms, with 16 callers; columns are events at once";
    let mut table = Table::new(title, "16", &["1", "2", "4", "8"]);
    for _ in 0..args.rounds.min(5) {
        for (who, events) in AT_ONCE {
            table.add(RATE, who, rate(events).await?);
        }
    }
    let times = ("of one at once", |ours: f64, theirs: f64| ours / theirs);
    let (must, stretch) = (MUST, 14.0);
    table.compare(RATE, "1", times, Goal::AtLeast { must, stretch });
    Ok(vec![table])
}

async fn rate(events: usize) -> Result<f64, Box<dyn Error>> {
    let program = Program {
        program: optimized_example("service").into(),
        args: vec!["sleep".into()],
        current_dir: None,
    };
    let mut config = Config::new("service", program);
    config.environment = BTreeMap::from([("RUST_LOG".to_owned(), "off".to_owned())]);
    (config.concurrency, config.process_concurrency) = (1, events);
    config.timeout = Duration::from_secs(30);
    let (log, mut lines) = mpsc::channel(1000);
    tokio::spawn(async move { while lines.recv().await.is_some() {} });
    let function = Function::start(config, log).await?;
    let call = async || {
        for _ in 0..EVENTS {
            function.invoke(EVENT.into(), &request_id()).await?;
        }
        Ok::<_, lambda_ws_local::function::InvokeError>(())
    };
    // The workers have asked for their events after the first of these.
    call().await?;
    let began = Instant::now();
    futures_util::future::try_join_all((0..16).map(|_| call())).await?;
    let rate = (16 * EVENTS) as f64 / began.elapsed().as_secs_f64();
    function.stop().await;
    Ok(rate)
}
