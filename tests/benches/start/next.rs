//! From a process's start to its first wait for an event.

use super::args::Args;
use super::aws::Aws;
use super::function::{Function, program};
use super::launcher::Launcher;
use super::runtime_api::RuntimeApi;
use std::error::Error;
use tests::bench::{Goal, Table, Who};

const COLD: Who = "chat, warm-up off";
const WARM: Who = "chat";
const HELLO: Who = "hello world";

const WALL: &str = "to the first wait, ms";

/// The maximum ratios to a hello world.
const OFF: f64 = 1.25;
const ON: f64 = 2.5;

pub(super) async fn measure(
    args: &Args,
    launcher: &Launcher,
) -> Result<Vec<Table>, Box<dyn Error>> {
    let aws = Aws::new().await?;
    let mut api = RuntimeApi::new().await?;
    let chat = program(&tests::deployed_chat(), &[]);
    let hello = program(env!("CARGO_BIN_EXE_hello").as_ref(), &[]);
    let title =
        "from a process's start to its first wait for an event; AWS over TLS, without latency";
    let mut cold = Table::new(title, COLD, &[HELLO]);
    let mut warm = Table::new(title, WARM, &[HELLO]);
    let on = aws.variables();
    let off = [on.clone(), vec![("WARM_UP", "off".to_owned())]].concat();
    // The first of each is read from the disk.
    for round in 0..=args.rounds {
        let mut all = [
            (COLD, &chat, &off[..]),
            (WARM, &chat, &on),
            (HELLO, &hello, &[]),
        ];
        // So that none is always first.
        let places = all.len();
        all.rotate_left(round % places);
        for (who, program, variables) in all {
            let function = Function::start(program, launcher, &api, variables)?;
            let waiting = api.next().await?;
            let time = function.began.elapsed().as_secs_f64() * 1e3;
            drop((function, waiting));
            if round > 0 {
                for table in [&mut cold, &mut warm] {
                    table.add(WALL, who, time);
                }
            }
        }
    }
    let times = ("of a hello world's", |ours: f64, theirs: f64| ours / theirs);
    for (table, must) in [(&mut cold, OFF), (&mut warm, ON)] {
        let goal = Goal::AtMost {
            must,
            stretch: must,
        };
        table.compare(WALL, HELLO, times, goal);
    }
    Ok(vec![cold, warm])
}
