//! The program.

use super::args::{Args, Section};
use super::{costs, faults, lossless, mass, million, once, slow};
use clap::Parser;
use std::process::ExitCode;
use tests::bench::{block_on, exit_code};
use tests::load_average;

pub(crate) fn main() -> ExitCode {
    exit_code(block_on(run(&Args::parse())))
}

/// Measures and prints. Fails if a check fails.
async fn run(args: &Args) -> Result<bool, Box<dyn std::error::Error>> {
    let mut checks = Checks::default();
    let sections = args.sections.iter().flat_map(|section| match section {
        Section::Faults => vec![Section::Faults, Section::Slow],
        other => vec![*other],
    });
    for section in sections {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        print!("\n{cores} cores, load average {}: ", load_average());
        section.measure(args, &mut checks).await;
    }
    match checks.failed {
        0 => Ok(false),
        failed => Err(format!("{failed} checks failed").into()),
    }
}

/// The checks of a benchmark.
#[derive(Debug, Default)]
pub(super) struct Checks {
    failed: usize,
}

impl Checks {
    /// Prints whether something holds.
    pub(super) fn hold(&mut self, holds: bool, what: &str) {
        let verdict = if holds { "holds" } else { "DOES NOT HOLD" };
        println!("  {verdict}: {what}");
        self.failed += usize::from(!holds);
    }
}

impl Section {
    async fn measure(self, args: &Args, checks: &mut Checks) {
        match self {
            Self::Crowd => once::measure(args, checks).await,
            Self::Faults => faults::measure(args, checks).await,
            Self::Mass => mass::measure(args, checks).await,
            Self::Lossless => lossless::measure(args, checks).await,
            Self::Slow => slow::measure(args, checks).await,
            Self::Million => million::measure(args, checks).await,
            Self::Costs => costs::measure(args, checks).await,
        }
    }
}
