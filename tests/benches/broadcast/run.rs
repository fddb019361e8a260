//! The program.

use super::args::{Args, HELP, Section};
use super::checks::Checks;
use super::{costs, faults, mass, million, once, slow};
use std::process::ExitCode;
use tests::load_average;

pub(crate) fn main() -> ExitCode {
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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime of one thread needs next to nothing");
    let mut checks = Checks::default();
    for section in &args.sections {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        print!("\n{cores} cores, load average {}: ", load_average());
        runtime.block_on(section.measure(&args, &mut checks));
    }
    match checks.failed {
        0 => ExitCode::SUCCESS,
        failed => {
            eprintln!("error: {failed} of what must hold do not");
            ExitCode::FAILURE
        }
    }
}

impl Section {
    async fn measure(self, args: &Args, checks: &mut Checks) {
        match self {
            Self::Crowd => once::measure(args, checks).await,
            Self::Faults => faults::measure(args, checks).await,
            Self::Mass => mass::measure(args, checks).await,
            Self::Slow => slow::measure(args, checks).await,
            Self::Million => million::measure(args, checks).await,
            Self::Costs => costs::measure(args, checks).await,
        }
    }
}
