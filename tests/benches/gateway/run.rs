//! The program.

use super::args::{Args, Section};
use super::peer::Peer;
use super::{echo, handshakes, memory};
use clap::Parser;
use lambda_ws::store::Memory;
use lambda_ws::{App, Connection, Error, Router};
use std::process::ExitCode;
use tests::bench::{Cores, Table, block_on, exit_code};
use tests::load_average;

pub(crate) fn main() -> ExitCode {
    // The gateway starts this program as its function.
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        let served = block_on(serve_function());
        return exit_code(served.map(|()| false).map_err(|e| e.to_string().into()));
    }
    let args = Args::parse();
    exit_code(Ok(block_on(run(&args)) && args.check))
}

/// Serves a function that echoes each message in the way that its route names.
pub(crate) async fn serve_function() -> Result<(), Error> {
    let router = Router::new()
        .two_way("ask", async |text: String| text)
        .route("post", async |me: Connection, text: String| {
            me.send(text).await?;
            Ok::<_, Error>(())
        });
    // In memory, because the cost of DynamoDB is not the gateway's.
    App::new(router).store(Memory::new()).run().await
}

/// Measures and prints. Returns whether a required figure is missed.
async fn run(args: &Args) -> bool {
    let mut missed = false;
    measure(args, |table| {
        missed |= table.is_missed();
        println!(
            "{table}load average {}, {} rounds",
            load_average(),
            args.rounds
        );
    })
    .await;
    missed
}

/// Returns the tables of these arguments.
#[allow(dead_code, reason = "the benchmark `compare` uses it")]
pub(crate) async fn tables(arguments: &[&str]) -> Vec<Table> {
    let program = std::iter::once(&"gateway");
    let args = Args::parse_from(program.chain(arguments));
    let mut tables = Vec::new();
    measure(&args, |table| tables.push(table)).await;
    tables
}

async fn measure(args: &Args, mut measured: impl FnMut(Table)) {
    let peer = (!args.no_peer).then(Peer::install).and_then(|installed| {
        let missing = |error| eprintln!("serverless-offline is left out: {error}");
        installed.map_err(missing).ok()
    });
    for cores in args.cores {
        if *cores == Cores::Apart && !Cores::can_be_chosen() {
            eprintln!("`--cores apart` is left out: it needs taskset and two cores");
            continue;
        }
        cores.place_clients();
        for section in &args.sections {
            let tables = section.measure(args, *cores, peer.as_ref()).await;
            tables.into_iter().for_each(&mut measured);
        }
    }
}

impl Section {
    async fn measure(self, args: &Args, cores: Cores, peer: Option<&Peer>) -> Vec<Table> {
        match self {
            Self::Handshakes => vec![handshakes::measure(args, cores, peer).await],
            Self::Memory => vec![memory::measure(args, cores, peer).await],
            Self::Echo => echo::measure(args, cores, peer).await,
        }
    }
}
