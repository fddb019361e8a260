//! What is to be measured, and how long.

use std::time::Duration;

pub(super) const HELP: &str = "\
Benchmarks of the ways to send, each in a process of its own, with medians of alternating rounds: by
the lean lane, by the AWS SDK as everybody uses it, and by sockets that are written to and read from
without a thought. All of them post 200 bytes over TLS to a server on another core.

Usage: cargo bench -p tests --bench sending [-- [OPTIONS] [SECTION]..]

Sections (all by default):
  near            a server that answers at once, 64 posts under way
  far             a server that takes 20 ms, 256 posts under way
  crowd           the same server, 1 024 posts under way
  signing         a signature

Options:
  --rounds N      how often each is measured [default: 3]
  --seconds S     how long each measurement takes [default: 2]
  --check         fail if a must is missed
  --help          this
";

/// What is to be measured, and how long.
#[derive(Debug)]
pub(super) struct Args {
    pub(super) sections: Vec<Section>,
    pub(super) rounds: usize,
    pub(super) duration: Duration,
    pub(super) check: bool,
    pub(super) help: bool,
}

/// One subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Near,
    Far,
    Crowd,
    Signing,
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
            rounds: 3,
            duration: Duration::from_secs(2),
            check: false,
            help: false,
        };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let wrong = || format!("`{arg}` has no proper value: see --help");
            match arg.as_str() {
                "near" => read.sections.push(Section::Near),
                "far" => read.sections.push(Section::Far),
                "crowd" => read.sections.push(Section::Crowd),
                "signing" => read.sections.push(Section::Signing),
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
                "--check" => read.check = true,
                "--help" | "-h" => read.help = true,
                // What cargo says to every benchmark.
                "--bench" => {}
                _ => return Err(format!("`{arg}` is not understood: see --help")),
            }
        }
        if read.sections.is_empty() {
            use Section::{Crowd, Far, Near, Signing};
            read.sections = vec![Near, Far, Crowd, Signing];
        }
        Ok(read)
    }
}
