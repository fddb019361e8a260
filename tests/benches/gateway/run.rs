//! The program.

use super::args::{Args, HELP, Section};
use super::peer::Peer;
use super::{echo, function, handshakes, memory};
use std::process::ExitCode;
use tests::bench::Cores;
use tests::bench::Table;
use tests::load_average;

pub(crate) fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime of one thread needs next to nothing");
    if function::is_wanted() {
        return match runtime.block_on(function::serve()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("error: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let args = match Args::read(std::env::args().skip(1)) {
        Ok(args) if args.help => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Ok(args) => args,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let missed = runtime.block_on(run(&args));
    ExitCode::from(u8::from(args.check && missed))
}

/// Measures and prints; whether a must is missed.
async fn run(args: &Args) -> bool {
    let peer = args.peer.then(Peer::install).and_then(|installed| {
        let missing = |error| eprintln!("serverless-offline is left out: {error}");
        installed.map_err(missing).ok()
    });
    let mut missed = false;
    for cores in &args.cores {
        if *cores == Cores::Apart && !Cores::can_be_chosen() {
            eprintln!("`--cores apart` is left out: it needs taskset and two cores");
            continue;
        }
        cores.place_clients();
        for section in &args.sections {
            let tables = section.measure(args, *cores, peer.as_ref()).await;
            for table in tables {
                missed |= table.is_missed();
                println!(
                    "{table}load average {}, {} rounds",
                    load_average(),
                    args.rounds
                );
            }
        }
    }
    missed
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
