//! The program.

use super::args::{Args, HELP, Section};
use super::launcher::Launcher;
use super::{events, first, memory, next, size};
use std::error::Error;
use std::process::ExitCode;
use tests::bench::Cores;
use tests::load_average;

pub(crate) fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime of one thread needs next to nothing");
    let ran = Args::read(std::env::args().skip(1)).map_err(Box::<dyn Error>::from);
    let ran = ran.and_then(|args| {
        if args.help {
            print!("{HELP}");
            return Ok(false);
        }
        Ok(runtime.block_on(run(&args))? && args.check)
    });
    match ran {
        Ok(failed) => ExitCode::from(u8::from(failed)),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures and prints; whether a must is missed.
async fn run(args: &Args) -> Result<bool, Box<dyn Error>> {
    if !Cores::can_be_chosen() {
        eprintln!(
            "there is no taskset or only one core: functions and what is around them disturb each other"
        );
    }
    // Compiled before anything is measured.
    tests::deployed_chat();
    let launcher = Launcher::new();
    Cores::Apart.place_clients();
    let mut missed = false;
    for section in &args.sections {
        let before = load_average();
        let tables = match section {
            Section::Next => next::measure(args, &launcher).await?,
            Section::First => first::measure(args, &launcher).await?,
            Section::Size => size::measure()?,
            Section::Event => events::measure(args, &launcher).await?,
            Section::Memory => memory::measure(args, &launcher).await?,
        };
        for table in &tables {
            missed |= table.is_missed();
            print!("{table}");
        }
        println!("load average {before} to {}", load_average());
    }
    Ok(missed)
}
