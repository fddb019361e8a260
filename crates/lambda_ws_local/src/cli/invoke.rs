//! Sending event files to a function, once each.

mod compare;
mod verdict;

use super::output::{Printer, millis, print_error};
use super::signals::Signals;
use clap::Args;
use lambda_ws_local::emulator::{Failure, Invoker, ProjectOptions, Recorded, json_or_text};
use lambda_ws_local::function::InvokeError;
use lambda_ws_protocol::Timestamp;
use lambda_ws_protocol::event::request_time;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use verdict::Kind;

/// The exit code if nothing was sent, as of a wrong command line.
const NOTHING_SENT: u8 = 2;

/// The exit code after a signal, as shells have it for Ctrl-C.
const INTERRUPTED: u8 = 130;

/// How long asynchronous invocations may go on after the last event.
const FOLLOW_UP: Duration = Duration::from_secs(300);

/// Send event files to the function, once each: one response a line on standard output
///
/// The function runs as under `sam local invoke -e FILE`, without a container. It gets a DynamoDB of
/// its own, a management API that takes every post and shows it on standard error, and Lambda's Invoke API, by which it
/// invokes itself: the command ends when these invocations have ended, too.
///
/// Each answer is judged by the rules of its event: a proxy response for a route, a policy for an authorizer,
/// batchItemFailures or nothing for SQS, Kinesis and DynamoDB, a response for REST APIs and load balancers, and anything
/// but an error for all others: schedules, S3, HTTP APIs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lambda-ws-local invoke events/*.json
  lambda-ws-local invoke events/say.json -- target/debug/chat
  lambda-ws-local --record session        record a session ..
  lambda-ws-local invoke --compare session/*.json

Exit codes:
  0    every answer is accepted, and with --compare is as recorded
  1    an answer is rejected, an invocation fails, or with --compare an answer differs
  2    nothing is sent: a file, the template, the build or the start of the function is at fault
  130  interrupted")]
pub(super) struct Invoke {
    /// The event files, in the order they are sent; *.response.json, as --record writes them, are left out
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Send the events as they are: else the newest is moved to the present, and the others with it
    #[arg(long)]
    verbatim: bool,
    /// Compare each response with the recorded one beside its event, but for ids and times
    #[arg(long)]
    compare: bool,
    /// Use this DynamoDB
    #[arg(long, value_name = "URL")]
    dynamodb_endpoint: Option<String>,
    /// Use this management API
    #[arg(long, value_name = "URL")]
    management_endpoint: Option<String>,
    #[command(flatten)]
    project: ProjectOptions,
}

impl Invoke {
    pub(super) async fn run(self) -> ExitCode {
        let printer = Arc::new(Printer::start());
        let ended = match Signals::listen() {
            Ok(mut signals) => tokio::select! {
                ended = self.invoke(&printer) => ended,
                () = signals.next() => {
                    drop(printer);
                    print_error(&Failure::new("interrupted"));
                    return ExitCode::from(INTERRUPTED);
                }
            },
            Err(error) => Err(error.into()),
        };
        // What is still to be printed comes first.
        drop(printer);
        match ended {
            Ok(None) => ExitCode::SUCCESS,
            Ok(Some(verdict)) => {
                print_error(&verdict);
                ExitCode::FAILURE
            }
            Err(failure) => {
                print_error(&failure);
                ExitCode::from(NOTHING_SENT)
            }
        }
    }

    /// Sends the events; what is wrong with the answers, if anything.
    async fn invoke(&self, printer: &Arc<Printer>) -> Result<Option<Failure>, Failure> {
        let mut events = Vec::new();
        let mut recorded = Vec::new();
        for path in self
            .files
            .iter()
            .filter(|path| !Recorded::is_response(path))
        {
            events.push((path, read(path)?));
            recorded.push(match self.compare {
                true => Some(Recorded::read(path)?),
                false => None,
            });
        }
        if events.is_empty() {
            return Err(Failure::new(
                "these are responses only: name event files, such as DIR/*.json",
            ));
        }
        let sent = events.len();
        if !self.verbatim {
            move_to(Timestamp::now(), events.iter_mut().map(|(_, event)| event));
        }
        let reporter = printer.reporter(true, false);
        let (dynamodb, management) = (&self.dynamodb_endpoint, &self.management_endpoint);
        let (dynamodb, management) = (dynamodb.clone(), management.clone());
        let project = self.project.clone();
        let invoker = Invoker::start(project, dynamodb, management, &reporter).await?;
        let (mut refused, mut different) = (0, 0);
        for ((path, event), recorded) in events.into_iter().zip(recorded) {
            let outcome = send(&invoker, path, &event, printer).await?;
            let Some(recorded) = recorded else {
                refused += usize::from(!outcome.accepted);
                continue;
            };
            let now = outcome.response.as_ref().map_err(String::as_str);
            let differences = compare::differences(&recorded, now);
            different += usize::from(!differences.is_empty());
            for difference in differences {
                let differs = printer.style().bad("differs");
                printer.line(format!("{} {differs} {difference}", path.display()));
            }
        }
        let unfinished = invoker.finish(FOLLOW_UP).await;
        if unfinished.timed_out {
            let secs = FOLLOW_UP.as_secs();
            printer.line(format!("asynchronous events are given up after {secs} s"));
        }
        Ok(match (refused, different, unfinished.lost) {
            (0, 0, 0) => None,
            (0, 0, n) => Some(Failure::new(format!("{n} asynchronous events are lost"))),
            (0, n, _) => Some(Failure::new(format!(
                "{n} of {sent} responses are not as they were recorded"
            ))),
            (n, _, _) => Some(Failure::new(format!("{n} of {sent} answers are rejected"))),
        })
    }
}

/// Sends one event.
async fn send(
    invoker: &Invoker,
    path: &Path,
    event: &Value,
    printer: &Printer,
) -> Result<Outcome, Failure> {
    let style = printer.style();
    let started = Instant::now();
    let response = invoker.invoke(event.to_string().into()).await;
    let time = millis(started.elapsed());
    let verdict = Kind::of(event).judge(response.as_deref());
    let (line, response) = match response {
        Ok(response) => {
            let json = json_or_text(&response);
            (json.clone(), Ok(json))
        }
        Err(error) => {
            let kind = match &error {
                InvokeError::Handler { error_type, .. } => error_type.clone(),
                _ => "Runtime.Failure".to_owned(),
            };
            let failed = json!({"errorType": kind, "errorMessage": error.to_string()});
            (failed, Err(error.to_string()))
        }
    };
    writeln!(std::io::stdout(), "{line}")?;
    let mut done = format!(
        "{} {} {}",
        style.strong(&path.display().to_string()),
        match verdict {
            Ok(_) => style.good("ok"),
            Err(_) => style.bad("failed"),
        },
        style.faint(&time)
    );
    if let Ok(Some(text)) | Err(text) = &verdict {
        done.push_str(&format!(" {text}"));
    }
    printer.line(done);
    Ok(Outcome {
        accepted: verdict.is_ok(),
        response,
    })
}

/// How an event ended.
struct Outcome {
    /// Whether AWS accepts the answer.
    accepted: bool,
    /// The response, or why there is none.
    response: Result<Value, String>,
}

fn read(path: &Path) -> Result<Value, Failure> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::because(&format!("cannot read {name}"), error))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::because(&format!("{name} is no JSON"), error))
}

/// Moves the newest event to `now` and the others with it, so that a connection's events still are
/// of one connection.
fn move_to<'a>(now: Timestamp, events: impl Iterator<Item = &'a mut Value>) {
    const TIMES: [&str; 2] = ["requestTimeEpoch", "connectedAt"];
    let mut contexts: Vec<_> = events
        .filter_map(|event| event.get_mut("requestContext")?.as_object_mut())
        .collect();
    let newest = contexts
        .iter()
        .filter_map(|c| c.get(TIMES[0])?.as_u64())
        .max();
    let Some(newest) = newest else { return };
    for context in &mut contexts {
        for name in TIMES {
            let Some(time) = context.get(name).and_then(Value::as_u64) else {
                continue;
            };
            let before = Duration::from_millis(newest.saturating_sub(time));
            let millis = now.millis().saturating_sub(before.as_millis() as u64);
            let moved = Timestamp::from_millis(millis);
            context.insert(name.to_owned(), moved.millis().into());
            if name == TIMES[0] {
                context.insert("requestTime".to_owned(), request_time(moved).into());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_keep_their_distances_when_they_are_moved() {
        let event = |connected: u64, request: u64| {
            json!({"requestContext": {
                "connectedAt": connected, "requestTimeEpoch": request, "requestTime": "old",
            }})
        };
        let mut events = [event(1000, 1001), event(1000, 5000), json!({"Records": []})];
        move_to(Timestamp::from_millis(1_701_245_041_000), events.iter_mut());
        let at = |n: usize, name: &str| events[n]["requestContext"][name].clone();
        assert_eq!(at(0, "connectedAt"), at(1, "connectedAt"));
        assert_eq!(at(1, "requestTimeEpoch"), 1_701_245_041_000_u64);
        assert_eq!(at(0, "requestTimeEpoch"), 1_701_245_037_001_u64);
        assert_eq!(at(1, "requestTime"), "29/Nov/2023:08:04:01 +0000");
    }
}
