//! A broadcast by each function.

use super::args::{Args, Section};
use super::crowd::Crowd;
use super::peers::{CARELESS, NODE, OURS, PYTHON, Peer, Peers, RUST};
use tests::bench::{Table, Who};

const OTHERS: &[Who] = &[RUST, NODE, PYTHON];
const DEAD_OTHERS: &[Who] = &[RUST, NODE, CARELESS, PYTHON];

const LAST: &str = "to the last client, ms";
const LIVE: &str = "to the last live client, ms";
const CPU: &str = "CPU of the function, ms";
const PEAK: &str = "peak memory of the function, MB";
const MISSED: &str = "live clients that receive nothing, %";

/// The sequential functions take more than ten seconds for each of these rounds.
const LATENCY_ROUNDS: usize = 2;

/// Measures the broadcasts of a section.
pub(super) async fn measure(
    args: &Args,
    section: Section,
    peers: &Peers,
) -> Result<Vec<Table>, String> {
    let table = match section {
        Section::Dead => {
            let title = format!("{} clients, of which 5 % are gone", args.audience);
            let mut table = Table::new(title, OURS, DEAD_OTHERS);
            // A `$disconnect` would delete the record, and resume a frozen process.
            let options = ["--fault", "gone=5%,lost-disconnect=100%"];
            let all = &peers.all;
            rounds(&mut table, peers, all, &options, args.audience, args.rounds).await?;
            table
        }
        Section::Latency => {
            let title = format!("{} clients, 10 ms for each post", args.audience);
            let mut table = Table::new(title, OURS, OTHERS);
            let options = ["--fault", "post-latency=10ms"];
            let count = args.rounds.min(LATENCY_ROUNDS);
            let careful = peers.careful();
            rounds(&mut table, peers, &careful, &options, args.audience, count).await?;
            table
        }
        _ => {
            let mut tables = Vec::new();
            for count in &args.clients {
                let mut table = Table::new(format!("{count} clients"), OURS, OTHERS);
                let careful = peers.careful();
                rounds(&mut table, peers, &careful, &[], *count, args.rounds).await?;
                tables.push(table);
            }
            return Ok(tables);
        }
    };
    Ok(vec![table])
}

async fn rounds(
    table: &mut Table,
    peers: &Peers,
    compared: &[Peer],
    options: &[&str],
    count: usize,
    rounds: usize,
) -> Result<(), String> {
    let mut crowds = Vec::new();
    for peer in compared {
        crowds.push(Crowd::start(&peers.gateway, peer, options, count).await?);
    }
    let dead = options.iter().any(|option| option.starts_with("gone"));
    // The first round warms up: connections are opened, compilers compile.
    for round in 0..=rounds {
        eprintln!("{}: round {round} of {rounds}", table.title());
        // So that none is always first.
        crowds.rotate_left(1);
        for crowd in &mut crowds {
            crowd.fill(count).await?;
            let broadcast = crowd.broadcast().await?;
            let who = crowd.peer.who;
            let missed = broadcast.live - broadcast.reached;
            if !dead && missed > 0 {
                return Err(format!(
                    "{who}: {missed} of {count} clients received nothing"
                ));
            }
            if round == 0 {
                continue;
            }
            table.add(if dead { LIVE } else { LAST }, who, broadcast.last);
            if dead {
                let share = missed as f64 * 100.0 / broadcast.live as f64;
                table.add(MISSED, who, share);
            }
            table.add(CPU, who, broadcast.cpu);
            table.add(PEAK, who, broadcast.peak);
        }
    }
    for crowd in crowds {
        crowd.stop().await;
    }
    Ok(())
}
