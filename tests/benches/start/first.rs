//! The first `$connect` of a process, and the second.

use super::args::Args;
use super::aws::Aws;
use super::events;
use super::function::{Function, program};
use super::launcher::Launcher;
use super::runtime_api::RuntimeApi;
use std::error::Error;
use std::time::Instant;
use tests::bench::{Goal, Table, Who};

const FIRST: Who = "first";
const SECOND: Who = "second";

const CHAT: &str = "$connect of the chat, ms";
/// For its first task a process also connects to Lambda. A start does not, because most programs have no tasks.
const GREETING: &str = "the same, and a task that greets, ms";

/// The maximum ratio of the time of the first to that of the second.
const MUST: f64 = 1.3;

pub(super) async fn measure(
    args: &Args,
    launcher: &Launcher,
) -> Result<Vec<Table>, Box<dyn Error>> {
    let aws = Aws::new().await?;
    let mut api = RuntimeApi::new().await?;
    let chat = program(&tests::deployed_chat(), &[]);
    let title = "a process's first $connect, which writes to DynamoDB over TLS, and its second";
    let mut table = Table::new(title, FIRST, &[SECOND]);
    let with = aws.variables();
    let without = [with.clone(), vec![("SEND_TASKS", "0".to_owned())]].concat();
    for round in 0..=args.rounds {
        for (name, variables) in [(CHAT, &without), (GREETING, &with)] {
            let _function = Function::start(&chat, launcher, &api, variables)?;
            for who in [FIRST, SECOND] {
                let waiting = api.next().await?;
                // New clients, so that neither event has another recipient.
                let [connect, disconnect] = events::visit();
                let began = Instant::now();
                let response = api.invoke(waiting, &connect).await?;
                let time = began.elapsed().as_secs_f64() * 1e3;
                if !response.contains("200") {
                    return Err(format!("the chat refuses: {response}").into());
                }
                if round > 0 {
                    table.add(name, who, time);
                }
                let waiting = api.next().await?;
                api.invoke(waiting, &disconnect).await?;
            }
            // It requests another event before it is ended.
            let _waiting = api.next().await?;
        }
    }
    let times = ("of the second's", |first: f64, second: f64| first / second);
    let goal = Goal::AtMost {
        must: MUST,
        stretch: MUST,
    };
    table.compare(CHAT, SECOND, times, goal);
    Ok(vec![table])
}
