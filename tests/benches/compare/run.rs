//! The program.

use super::args::{Args, Section};
use super::peers::{Peers, gateway};
use super::report::{Results, document};
use super::{broadcast, start};
use clap::Parser;
use std::error::Error;
use std::process::ExitCode;
use tests::bench::{block_on, exit_code};
use tests::{allow_many_files, load_average, root};
use tokio::signal::unix::{SignalKind, signal};

/// The sockets of the largest audience, for four functions, and everything else.
const FILES: usize = 500;

pub(crate) fn main() -> ExitCode {
    // The gateway starts this program as the function of the section `gateway`.
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some() {
        let served = block_on(crate::gateway::serve_function());
        return exit_code(served.map(|()| false).map_err(|e| e.to_string().into()));
    }
    let args = Args::parse();
    exit_code(block_on(until_stopped(run(&args))).map(|()| false))
}

/// Runs until the end or until SIGTERM or Ctrl-C. Gateways and functions end with what is dropped then.
async fn until_stopped(
    run: impl Future<Output = Result<(), Box<dyn Error>>>,
) -> Result<(), Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        ended = run => ended,
        _ = terminate.recv() => Err("stopped by SIGTERM".into()),
        _ = tokio::signal::ctrl_c() => Err("stopped by Ctrl-C".into()),
    }
}

async fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let sections = args.sections();
    let largest = args.clients.iter().chain([&args.audience]).max();
    let needed = largest.copied().unwrap_or_default() * 5 + FILES;
    let limit = allow_many_files().unwrap_or(u64::MAX);
    if limit < needed as u64 {
        return Err(format!(
            "{needed} files must be open, and the limit is {limit}: raise `ulimit -n`, or pass fewer --clients"
        )
        .into());
    }
    // Built and installed before anything is measured.
    let gateway_program = gateway(args);
    let compares = sections.iter().any(|section| *section != Section::Gateway);
    let peers = compares.then(|| Peers::install(args)).transpose()?;
    let out = match (&args.out, args.sections.is_empty()) {
        (None, true) => Some(root().join("BENCHMARKS.md")),
        (out, _) => out.clone(),
    };
    let mut all = Vec::new();
    for section in sections {
        eprintln!("section {section:?} ..");
        let before = load_average();
        let tables = match (section, &peers) {
            (Section::Start, Some(peers)) => start::measure(args, peers).await?,
            (Section::Broadcast | Section::Dead | Section::Latency, Some(peers)) => {
                broadcast::measure(args, section, peers).await?
            }
            _ => {
                let program = gateway_program.to_string_lossy();
                let rounds = args.rounds.to_string();
                let options = ["--cores", "free", "--rounds", &rounds, "--seconds", "1"];
                let options = [&options[..], &["--gateway", &program]].concat();
                crate::gateway::tables(&options).await
            }
        };
        let load = [before, load_average()];
        all.push(Results {
            section,
            tables,
            load,
        });
        // After each section, so that one that fails does not lose the others.
        if let Some(out) = &out {
            let text = document(args, peers.as_ref(), &all);
            let written = std::fs::write(out, text);
            written.map_err(|error| format!("cannot write {}: {error}", out.display()))?;
        }
    }
    match out {
        Some(out) => eprintln!("written: {}", out.display()),
        None => print!("{}", document(args, peers.as_ref(), &all)),
    }
    Ok(())
}
