//! What is to be measured.

use std::path::PathBuf;

pub(super) const HELP: &str = "\
Messages to many, measured and checked.

Usage: cargo bench -p tests --bench broadcast [-- [OPTIONS] [SECTION]..]

Sections (all by default):
  crowd            a room of as many connections as the limit of open files allows: who gets a message
  faults           the same, with connections that die, lies, throttling and processes that are killed
  mass             the chat with 200, 500 and 1 000 clients who arrive at once and leave at once
  slow             clients that do not read beside others; part of faults
  million          1 000 000 members without sockets: time, memory
  costs            requests and units of DynamoDB a message

Options:
  --connections N  how many clients connect at most [default: 20000, and 5000 in faults: throttling
                   slows their messages down, as it is meant to, to minutes for 20000]
  --fault SPEC     what goes wrong (faults) [default: gone=5%,false-gone=1%,throttle=5%,
                   post-latency=20ms,crash=1%]
  --fault-seed N   what goes wrong when [default: 350, which kills two of the first tasks]
  --messages N     how many messages are shouted (faults) [default: 2]
  --members N      the largest audience (million, costs) [default: 1000000, 100000]
  --gateway PATH   another build of the gateway (mass)
  --program PATH   another build of the function: of the chat (mass), or of `crowd` (slow)
  --help           this

It fails if what must hold does not.
";

/// What is to be measured.
#[derive(Debug)]
pub(super) struct Args {
    pub(super) sections: Vec<Section>,
    pub(super) connections: Option<usize>,
    pub(super) faults: String,
    pub(super) seed: u64,
    pub(super) messages: usize,
    pub(super) members: Option<usize>,
    pub(super) gateway: Option<PathBuf>,
    pub(super) program: Option<PathBuf>,
    pub(super) help: bool,
}

/// One subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Crowd,
    Faults,
    Mass,
    Slow,
    Million,
    Costs,
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
            connections: None,
            faults: "gone=5%,false-gone=1%,throttle=5%,post-latency=20ms,crash=1%".to_owned(),
            seed: 350,
            messages: 2,
            members: None,
            gateway: None,
            program: None,
            help: false,
        };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let wrong = || format!("`{arg}` has no proper value: see --help");
            let mut number = || {
                let number = args.next().and_then(|n| n.parse::<usize>().ok());
                number.filter(|n| *n > 0).ok_or_else(wrong)
            };
            match arg.as_str() {
                "crowd" => read.sections.push(Section::Crowd),
                "mass" => read.sections.push(Section::Mass),
                "faults" => read.sections.extend([Section::Faults, Section::Slow]),
                "slow" => read.sections.push(Section::Slow),
                "million" => read.sections.push(Section::Million),
                "costs" => read.sections.push(Section::Costs),
                "--connections" => read.connections = Some(number()?),
                "--messages" => read.messages = number()?,
                "--members" => read.members = Some(number()?),
                "--fault-seed" => read.seed = number()? as u64,
                "--fault" => read.faults = args.next().ok_or_else(wrong)?,
                "--gateway" => read.gateway = Some(args.next().ok_or_else(wrong)?.into()),
                "--program" => read.program = Some(args.next().ok_or_else(wrong)?.into()),
                "--help" | "-h" => read.help = true,
                // What cargo says to every benchmark.
                "--bench" => {}
                _ => return Err(format!("`{arg}` is not understood: see --help")),
            }
        }
        if read.sections.is_empty() {
            use Section::{Costs, Crowd, Faults, Mass, Million, Slow};
            read.sections = vec![Crowd, Faults, Slow, Mass, Million, Costs];
        }
        Ok(read)
    }
}
