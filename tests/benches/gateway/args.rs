//! What is to be measured, and how long.

use std::path::{Path, PathBuf};
use std::time::Duration;
use tests::bench::Cores;

pub(super) const HELP: &str = "\
Benchmarks of the local gateway, a process of its own, with medians of alternating rounds.

Usage: cargo bench -p tests --bench gateway [-- [OPTIONS] [SECTION]..]

Sections (all by default):
  handshakes      handshakes a second, with and without a $connect route
  memory          what idle connections cost
  echo            messages there and back: by route response, by PostToConnection

Options:
  --cores WHICH   `apart`: servers and functions on one core and the clients on another; `free`:
                  wherever there is room; `both` (default; needs taskset)
  --rounds N      how often each is measured [default: 3]
  --seconds S     how long each measurement takes [default: 1.5]
  --no-peer       without serverless-offline
  --gateway FILE  another build of the gateway, such as the one before a change
  --check         fail if a must is missed
  --help          this
";

/// What is to be measured, and how long.
#[derive(Debug)]
pub(super) struct Args {
    pub(super) sections: Vec<Section>,
    pub(super) cores: Vec<Cores>,
    pub(super) rounds: usize,
    pub(super) duration: Duration,
    pub(super) peer: bool,
    /// The gateway's program; built if it is not named.
    pub(super) gateway: Option<PathBuf>,
    pub(super) check: bool,
    pub(super) help: bool,
}

/// One subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Handshakes,
    Memory,
    Echo,
}

impl Args {
    /// Reads the arguments.
    ///
    /// # Errors
    ///
    /// The one that is not understood.
    pub(super) fn read(args: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut read = Self {
            sections: Vec::new(),
            cores: vec![Cores::Apart, Cores::Free],
            rounds: 3,
            duration: Duration::from_millis(1500),
            peer: true,
            gateway: None,
            check: false,
            help: false,
        };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let wrong = || format!("`{arg}` has no proper value: see --help");
            match arg.as_str() {
                "handshakes" => read.sections.push(Section::Handshakes),
                "memory" => read.sections.push(Section::Memory),
                "echo" => read.sections.push(Section::Echo),
                "--cores" => {
                    read.cores = match args.next().as_deref() {
                        Some("apart") => vec![Cores::Apart],
                        Some("free") => vec![Cores::Free],
                        Some("both") => vec![Cores::Apart, Cores::Free],
                        _ => return Err(wrong()),
                    };
                }
                "--rounds" => {
                    let rounds = args.next().and_then(|n| n.parse().ok());
                    read.rounds = rounds.filter(|n| *n > 0).ok_or_else(wrong)?;
                }
                "--seconds" => {
                    let seconds = args.next().and_then(|n| n.parse::<f64>().ok());
                    let duration = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
                    let some = duration.filter(|duration| !duration.is_zero());
                    read.duration = some.ok_or_else(wrong)?;
                }
                "--no-peer" => read.peer = false,
                "--gateway" => {
                    let file = args.next().and_then(|f| Path::new(&f).canonicalize().ok());
                    read.gateway = Some(file.ok_or_else(wrong)?);
                }
                "--check" => read.check = true,
                "--help" | "-h" => read.help = true,
                // What cargo says to every benchmark.
                "--bench" => {}
                _ => return Err(format!("`{arg}` is not understood: see --help")),
            }
        }
        if read.sections.is_empty() {
            read.sections = vec![Section::Handshakes, Section::Memory, Section::Echo];
        }
        Ok(read)
    }
}
