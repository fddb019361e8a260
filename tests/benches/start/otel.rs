//! The cost of the feature `otel`.

use super::args::Args;
use super::events::{invoke, warmed_up};
use super::function::program;
use super::http::{Request, answer};
use super::launcher::Launcher;
use super::runtime_api::RuntimeApi;
use std::error::Error;
use std::net::SocketAddr;
use tests::Meter;
use tests::bench::{Goal, Table, Who};
use tokio::net::{TcpListener, TcpStream};

const SAMPLED: Who = "1 % sampled";
const OFF: Who = "none sampled";
const WITHOUT: Who = "without otel";

const CPU: &str = "CPU an event, us";

/// The maximum number of measurements of processor time. One measurement covers many events.
const ROUNDS: usize = 10;

const MUST: f64 = 1.05;
const STRETCH: f64 = 1.03;

pub(super) async fn measure(
    args: &Args,
    launcher: &Launcher,
) -> Result<Vec<Table>, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let plain = folder.path().join("plain");
    // The next call replaces the program.
    std::fs::copy(tests::small_function(None), &plain)?;
    let traced = tests::small_function(Some("otel"));
    let collector = collector().await?;
    let environment = |sampler: &str| {
        vec![
            ("OTEL_TRACES_SAMPLER", sampler.to_owned()),
            ("OTEL_TRACES_SAMPLER_ARG", "0.01".to_owned()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}")),
        ]
    };
    let programs = [
        (SAMPLED, &traced, environment("parentbased_traceidratio")),
        (OFF, &traced, environment("always_off")),
        (WITHOUT, &plain, Vec::new()),
    ];
    let mut api = RuntimeApi::new().await?;
    let title = "otel: a message that no route is for, of a small program whose spans go to a local collector";
    let mut table = Table::new(title, SAMPLED, &[OFF, WITHOUT]);
    for _ in 0..args.rounds.min(ROUNDS) {
        for (who, path, variables) in &programs {
            let program = program(path, &[]);
            let events = args.events / 10 + 1;
            let (function, waiting) =
                warmed_up(&mut api, launcher, &program, variables, events).await?;
            let meter = Meter::Process(function.id());
            let before = meter.time();
            let _waiting = invoke(&mut api, waiting, args.events).await?;
            let time = (meter.time() - before).as_secs_f64();
            table.add(CPU, who, time * 1e6 / args.events as f64);
        }
    }
    let times = ("of those without it", |ours: f64, theirs: f64| {
        ours / theirs
    });
    let goal = Goal::AtMost {
        must: MUST,
        stretch: STRETCH,
    };
    table.compare(CPU, WITHOUT, times, goal);
    Ok(vec![table])
}

/// Starts a collector that accepts all spans, and returns its address.
async fn collector() -> Result<SocketAddr, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Ends with the function.
            tokio::spawn(async move { accept(stream).await.ok() });
        }
    });
    Ok(address)
}

async fn accept(mut stream: TcpStream) -> std::io::Result<()> {
    while Request::read(&mut stream).await?.is_some() {
        answer(&mut stream, "200 OK", "", b"").await?;
    }
    Ok(())
}
