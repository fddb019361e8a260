//! The program.

use super::args::{Args, Section};
use super::launcher::Launcher;
use super::{concurrent, events, first, memory, next, otel, size};
use clap::Parser;
use std::error::Error;
use std::process::ExitCode;
use tests::bench::{Cores, block_on, exit_code};
use tests::load_average;

pub(crate) fn main() -> ExitCode {
    let args = Args::parse();
    exit_code(block_on(run(&args)).map(|missed| missed && args.check))
}

/// Measures and prints. Returns whether a required figure is missed.
async fn run(args: &Args) -> Result<bool, Box<dyn Error>> {
    if !Cores::can_be_chosen() {
        eprintln!(
            "there is no taskset or only one core: functions and what is around them disturb each other"
        );
    }
    // Compiled before anything is measured.
    if args
        .sections
        .iter()
        .any(|section| *section != Section::Concurrent)
    {
        tests::deployed_chat();
    }
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
            Section::Otel => otel::measure(args, &launcher).await?,
            Section::Concurrent => concurrent::measure(args).await?,
        };
        for table in &tables {
            missed |= table.is_missed();
            print!("{table}");
        }
        println!("load average {before} to {}", load_average());
    }
    Ok(missed)
}
