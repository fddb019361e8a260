//! The memory of a function over many events.

use super::args::Args;
use super::events::{invoke, warmed_up};
use super::function::program;
use super::launcher::Launcher;
use super::runtime_api::RuntimeApi;
use std::error::Error;
use tests::Meter;
use tests::bench::{Goal, Table, Who};

const CHAT: Who = "chat";
const HELLO: Who = "hello world";

const GROWTH: &str = "growth of the resident memory, MB";
const EACH: &str = "growth per event, bytes";
const ALL: &str = "resident memory at the end, MB";

/// The number of events before the memory is measured.
const WARM_UP: usize = 20_000;

/// The maximum growth after 1 000 000 events, in MB.
const MUST: f64 = 2.0;
const STRETCH: f64 = 0.5;

/// A megabyte has 1 000 000 bytes, as in the other sections.
const MB: f64 = 1e6;

pub(super) async fn measure(
    args: &Args,
    launcher: &Launcher,
) -> Result<Vec<Table>, Box<dyn Error>> {
    let mut api = RuntimeApi::new().await?;
    let events = args.memory;
    let title = format!(
        "memory: {events} events, each with a trace id of its own, after {WARM_UP} others; the message of the \
         section `event`"
    );
    let mut table = Table::new(title, CHAT, &[HELLO]);
    let programs = [
        (CHAT, program(&tests::deployed_chat(), &[])),
        (HELLO, program(env!("CARGO_BIN_EXE_hello").as_ref(), &[])),
    ];
    for (who, program) in &programs {
        let (function, waiting) = warmed_up(&mut api, launcher, program, &[], WARM_UP).await?;
        let meter = Meter::Process(function.id());
        let before = meter.memory();
        let _waiting = invoke(&mut api, waiting, events).await?;
        let after = meter.memory();
        let growth = after as f64 - before as f64;
        table.add(GROWTH, who, growth / MB);
        table.add(EACH, who, growth / events as f64);
        table.add(ALL, who, after as f64 / MB);
    }
    let (must, stretch) = (MUST, STRETCH);
    table.goal(GROWTH, Goal::AtMost { must, stretch });
    Ok(vec![table])
}
