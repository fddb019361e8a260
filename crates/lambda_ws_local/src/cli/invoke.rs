//! Sending event files to a function, once each.

mod verdict;

use super::Common;
use super::compare;
use super::elsewhere::Elsewhere;
use super::expose::Server;
use super::failure::Failure;
use super::integration::{LateFunction, Runner};
use super::output::{Printer, millis};
use super::project::{Endpoints, Project};
use super::record::json_or_text;
use super::report::{Notice, Reporter};
use super::responder;
use super::signals::Signals;
use clap::Args;
use lambda_ws::Timestamp;
use lambda_ws::wire::request_time;
use lambda_ws_local::console::Feed;
use lambda_ws_local::function::{Function, InvokeError, request_id};
use lambda_ws_local::gateway::reachable;
use lambda_ws_local::lambda::{self, Lambda, Target};
use lambda_ws_local::template;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
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
/// batchItemFailures or nothing for SQS, Kinesis and DynamoDB, and anything but an error for all others.
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
    common: Common,
}

impl Invoke {
    pub(super) async fn run(self) -> ExitCode {
        let printer = Arc::new(Printer::start());
        let ended = match Signals::listen() {
            Ok(mut signals) => tokio::select! {
                ended = self.invoke(&printer) => ended,
                () = signals.next() => {
                    drop(printer);
                    Failure::new("interrupted").print();
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
                verdict.print();
                ExitCode::FAILURE
            }
            Err(failure) => {
                failure.print();
                ExitCode::from(NOTHING_SENT)
            }
        }
    }

    /// Sends the events; what is wrong with the answers, if anything.
    async fn invoke(&self, printer: &Arc<Printer>) -> Result<Option<Failure>, Failure> {
        let mut events = Vec::new();
        let mut recorded = Vec::new();
        for path in self.files.iter().filter(|path| !compare::is_response(path)) {
            events.push((path, read(path)?));
            recorded.push(match self.compare {
                true => Some(compare::recorded(path)?),
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
        let project = Project::read(&self.common, &Elsewhere::default())?;
        let function = match (project.functions(), &self.common.function) {
            ([function], _) => function,
            (all, Some(name)) => all
                .iter()
                .find(|function| function.logical_id == *name)
                .ok_or_else(|| Failure::new(format!("the template has no function `{name}`")))?,
            (_, None) => return Err(Failure::new("say with --function which one to invoke")),
        };
        let program = project.program(function, &self.common).await?;
        let reporter = printer.reporter(true, false);
        let mut endpoints = self.endpoints(&project, &reporter).await?;
        let late = LateFunction::new(&function.name, Feed::default());
        let lost = Arc::new(AtomicUsize::new(0));
        let lambda = self.lambda(function, &late, &lost, &reporter);
        let listener = self.common.bind_near(Server::Lambda, 0, "--port").await?;
        endpoints.lambda = Some(format!("http://{}", reachable(listener.local_addr()?)));
        let serving = lambda.clone();
        tokio::spawn(async move { serving.serve(listener).await });
        let config = project.config(function, program, &self.common, &endpoints);
        let (log, mut lines) = mpsc::channel(1000);
        let name = function.name.clone();
        tokio::spawn(async move {
            while let Some(line) = lines.recv().await {
                let (function, line) = (&*name, &line);
                reporter.report(Notice::Log { function, line });
            }
        });
        late.started(Runner::Here(Function::start(config, log).await?));
        let (mut refused, mut different) = (0, 0);
        for ((path, event), recorded) in events.into_iter().zip(recorded) {
            let outcome = self.send(&late, path, &event, printer).await?;
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
        let followed = tokio::time::timeout(FOLLOW_UP, lambda.idle()).await;
        let lost = lost.load(Ordering::Relaxed) + lambda.stop();
        if followed.is_err() {
            let secs = FOLLOW_UP.as_secs();
            printer.line(format!("asynchronous events are given up after {secs} s"));
        }
        late.stop().await;
        Ok(match (refused, different, lost) {
            (0, 0, 0) => None,
            (0, 0, n) => Some(Failure::new(format!("{n} asynchronous events are lost"))),
            (0, n, _) => Some(Failure::new(format!(
                "{n} of {sent} responses are not as they were recorded"
            ))),
            (n, _, _) => Some(Failure::new(format!("{n} of {sent} answers are rejected"))),
        })
    }

    /// Lambda's Invoke API of the function: for tasks that it hands to itself.
    fn lambda(
        &self,
        function: &template::Function,
        late: &LateFunction,
        lost: &Arc<AtomicUsize>,
        reporter: &Reporter,
    ) -> Lambda {
        let (lost, reporter) = (lost.clone(), reporter.clone());
        let served = lambda::Served {
            name: function.name.clone(),
            elsewhere: None,
            asynchronous: function.asynchronous,
            target: Arc::new(late.clone()),
        };
        let options = lambda::Options {
            guard: self.common.guard(),
            region: self.common.region.clone(),
            // Nobody wants to wait for a minute here.
            retry_delay: Duration::ZERO,
            observer: Some(Arc::new(move |event| {
                lost.fetch_add(1, Ordering::Relaxed);
                reporter.report(Notice::Error(&event.to_string()));
            })),
            ..lambda::Options::default()
        };
        Lambda::new([served], options)
    }

    /// What is not given is started.
    async fn endpoints(
        &self,
        project: &Project,
        reporter: &Reporter,
    ) -> Result<Endpoints, Failure> {
        let guard = self.common.guard();
        let management = match &self.management_endpoint {
            Some(url) => url.clone(),
            None => {
                let listener = self.common.bind(0, "--management-endpoint").await?;
                let stage = project
                    .template()
                    .apis
                    .first()
                    .map_or("dev", |api| &api.stage);
                let url = format!("http://{}/{stage}", reachable(listener.local_addr()?));
                tokio::spawn(responder::serve(listener, guard.clone(), reporter.clone()));
                url
            }
        };
        let dynamodb = match &self.dynamodb_endpoint {
            Some(url) => url.clone(),
            None => {
                let dynamodb = project.dynamodb(&self.common).await?;
                let listener = self
                    .common
                    .bind_near(Server::Dynamodb, 0, "--dynamodb-endpoint")
                    .await?;
                let url = format!("http://{}", reachable(listener.local_addr()?));
                tokio::spawn(async move { dynamodb.serve(listener, guard).await });
                url
            }
        };
        Ok(Endpoints {
            management,
            dynamodb,
            lambda: None,
        })
    }

    /// Sends one event.
    async fn send(
        &self,
        function: &LateFunction,
        path: &Path,
        event: &Value,
        printer: &Printer,
    ) -> Result<Outcome, Failure> {
        let style = printer.style();
        let started = Instant::now();
        let id = request_id();
        let response = Target::invoke(function, event.to_string().into(), &id).await;
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
