//! The processor time of an event.

use super::args::Args;
use super::function::{Function, program};
use super::launcher::Launcher;
use super::runtime_api::{RuntimeApi, Waiting};
use serde_json::Value;
use std::error::Error;
use std::ffi::OsString;
use std::process::{Command, Stdio};
use std::time::SystemTime;
use tests::Meter;
use tests::bench::{Goal, Table, Who};

const CHAT: Who = "chat";
const TYPED: Who = "no router";

const CPU: &str = "CPU an event, us";
const INSTRUCTIONS: &str = "instructions an event, thousands";

const MUST: f64 = 1.15;
const STRETCH: f64 = 1.0;

/// The maximum number of measurements of processor time. One measurement covers many events.
const ROUNDS: usize = 5;

/// Instructions are counted in two runs with these numbers of events, and their difference is reported.
const COUNTED: [usize; 2] = [200, 1200];

/// The `$connect` event of a new client, and its `$disconnect` event.
pub(super) fn visit() -> [String; 2] {
    let id = std::iter::repeat_with(fastrand::alphanumeric).take(15);
    let id: String = id.collect();
    [
        include_str!("../../../events/connect.json"),
        include_str!("../../../events/disconnect-by-client.json"),
    ]
    .map(|event| of(&id, event))
}

/// An event of a new connection.
fn of(id: &str, event: &str) -> String {
    let mut event: Value = serde_json::from_str(event).expect("a fixture");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or_default();
    let context = &mut event["requestContext"];
    context["connectionId"] = format!("{id}=").into();
    context["connectedAt"] = now.into();
    context["requestTimeEpoch"] = now.into();
    event.to_string()
}

pub(super) async fn measure(
    args: &Args,
    launcher: &Launcher,
) -> Result<Vec<Table>, Box<dyn Error>> {
    let mut api = RuntimeApi::new().await?;
    let title = "a message that no route is for: the chat routes it, finds none, makes the error, and its post \
        is only logged, at a level that is off; beside the same event as aws_lambda_events has it, answered \
        with a status";
    let mut table = Table::new(title, CHAT, &[TYPED]);
    let programs = [
        (CHAT, program(&tests::deployed_chat(), &[])),
        (
            TYPED,
            program(env!("CARGO_BIN_EXE_hello").as_ref(), &["typed"]),
        ),
    ];
    for _ in 0..args.rounds.min(ROUNDS) {
        for (who, program) in &programs {
            let (function, waiting) =
                warmed_up(&mut api, launcher, program, &[], args.events / 10 + 1).await?;
            let meter = Meter::Process(function.id());
            let before = meter.time();
            let _waiting = invoke(&mut api, waiting, args.events).await?;
            let time = (meter.time() - before).as_secs_f64();
            table.add(CPU, who, time * 1e6 / args.events as f64);
        }
    }
    for (who, program) in &programs {
        let [least, most] = COUNTED;
        let Some(few) = instructions(&mut api, launcher, program, least).await? else {
            eprintln!("there is no valgrind: instructions are not counted");
            break;
        };
        let many = instructions(&mut api, launcher, program, most).await?;
        let difference = many.unwrap_or_default().saturating_sub(few) as f64;
        table.add(INSTRUCTIONS, who, difference / (most - least) as f64 / 1e3);
    }
    let times = ("of those without a router", |ours: f64, theirs: f64| {
        ours / theirs
    });
    for name in [CPU, INSTRUCTIONS] {
        let goal = Goal::AtMost {
            must: MUST,
            stretch: STRETCH,
        };
        table.compare(name, TYPED, times, goal);
    }
    Ok(vec![table])
}

/// Starts a function that only logs its posts, and lets it handle this many events.
pub(super) async fn warmed_up(
    api: &mut RuntimeApi,
    launcher: &Launcher,
    program: &[OsString],
    variables: &[(&str, String)],
    events: usize,
) -> Result<(Function, Waiting), Box<dyn Error>> {
    let log_only = [("AWS_SAM_LOCAL", "true".to_owned())];
    let variables = [&log_only, variables].concat();
    let function = Function::start(program, launcher, api, &variables)?;
    let waiting = api.next().await?;
    Ok((function, invoke(api, waiting, events).await?))
}

/// Lets a function handle messages that match no route of the chat. The chat responds without its store.
pub(super) async fn invoke(
    api: &mut RuntimeApi,
    mut waiting: Waiting,
    times: usize,
) -> Result<Waiting, Box<dyn Error>> {
    let event = include_str!("../../../events/unknown-action.json");
    let event = serde_json::from_str::<Value>(event)?.to_string();
    for _ in 0..times {
        api.invoke(waiting, &event).await?;
        waiting = api.next().await?;
    }
    Ok(waiting)
}

/// Returns the instructions of a process from its start through this many events, or `None` without valgrind.
async fn instructions(
    api: &mut RuntimeApi,
    launcher: &Launcher,
    program: &[OsString],
    events: usize,
) -> Result<Option<u64>, Box<dyn Error>> {
    let mut valgrind = Command::new("valgrind");
    let found = valgrind.arg("--version").stdout(Stdio::null()).status();
    if !found.is_ok_and(|status| status.success()) {
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    let counts = folder.path().join("counts");
    let option = format!("--callgrind-out-file={}", counts.display());
    let valgrind = ["valgrind", "--tool=callgrind", "--quiet", &option].map(OsString::from);
    let program = [&valgrind, program].concat();
    let (function, _waiting) = warmed_up(api, launcher, &program, &[], events).await?;
    function.end()?;
    let counts = std::fs::read_to_string(counts)?;
    let total = counts
        .lines()
        .find_map(|line| line.strip_prefix("totals: "));
    let total = total.ok_or("callgrind writes how many there were")?;
    Ok(Some(total.trim().parse()?))
}
