//! Sends admin events to a function.

mod account;
mod deployed;
mod follow;
mod function;
mod print;
mod table;
mod target;

use super::output::Style;
use super::recipients::Recipients;
use clap::{Args, Subcommand};
use function::{AdminFunction, FunctionArgs};
use lambda_ws_local::emulator::Failure;
use lambda_ws_protocol::ConnectionId;
use lambda_ws_protocol::admin::{
    Broadcast, Command, Count, Counted, Disconnect, Disconnected, List, Listed, Sent, Show, Shown,
    Target, TaskPage, Tasks,
};
use print::Output;
use serde_json::value::to_raw_value;
use std::io::{BufRead, IsTerminal, Read};
use std::process::ExitCode;
use target::Members;

/// The exit code if no such connection exists.
const NOBODY: u8 = 3;

/// The exit code if some connections failed, or the command could not finish.
const PARTLY: u8 = 4;

/// Count, list, show and disconnect the connections of a function that accepts admin events
///
/// The command invokes the function with {"admin": ..}. The program must call Router::admin of lambda_ws. Without
/// --function it invokes the function of a running gateway.
///
/// The output is for people. With --json it is JSON, one line per result.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lambda-ws-local admin count --room lobby
  lambda-ws-local admin list --user ann --details
  lambda-ws-local admin show PJqB0fHsqRcCHlw= --json
  lambda-ws-local admin disconnect --user eve
  lambda-ws-local admin broadcast --everyone 'maintenance at 10:00'
  lambda-ws-local admin follow chat/lobby
  lambda-ws-local admin tasks
A deployed function, with the AWS credentials of the environment or of a profile:
  lambda-ws-local admin count --function chat --region eu-west-1
  lambda-ws-local admin count --profile ops \\
    --function arn:aws:lambda:eu-west-1:123456789012:function:chat

Exit code: 0 for success, 1 for an error, 2 for a wrong command line, 3 if no such
connection exists, 4 if some connections failed or the command could not finish.")]
pub(super) struct Admin {
    #[command(subcommand)]
    command: AdminCommand,
    #[command(flatten)]
    function: FunctionArgs,
    /// Print JSON instead of text, one line per result
    #[arg(id = "admin-json", long = "json", global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum AdminCommand {
    /// Count the connections in a room, of a user, or all
    #[command(after_help = "Examples:
  lambda-ws-local admin count
  lambda-ws-local admin count --room lobby --function chat --region eu-west-1")]
    Count {
        #[command(flatten)]
        of: Members,
    },
    /// List the connections in a room, of a user, or all
    #[command(after_help = "Examples:
  lambda-ws-local admin list --room lobby
  lambda-ws-local admin list --user ann --details --json")]
    List {
        #[command(flatten)]
        of: Members,
        /// Also list users, rooms and times; it costs at least one more read unit per connection
        #[arg(long)]
        details: bool,
        /// Stop after this many connections
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
    },
    /// Show a connection: its user, rooms and session, and the state of its socket
    #[command(after_help = "Examples:
  lambda-ws-local admin show PJqB0fHsqRcCHlw=
  lambda-ws-local admin show PJqB0fHsqRcCHlw= --session --json")]
    Show {
        /// The id of the connection
        #[arg(value_name = "CONNECTION")]
        connection: String,
        /// Also show the session, which may contain secrets
        #[arg(long)]
        session: bool,
    },
    /// Close a connection, or the connections in a room, of a user, or all
    #[command(after_help = "Examples:
  lambda-ws-local admin disconnect --connection PJqB0fHsqRcCHlw=
  lambda-ws-local admin disconnect --room lobby --yes")]
    Disconnect {
        #[command(flatten)]
        of: Recipients,
        /// Do not ask for confirmation
        #[arg(short, long)]
        yes: bool,
    },
    /// Send a message to a connection, or to the connections in a room, of a user, or to all
    #[command(after_help = "Examples:
  lambda-ws-local admin broadcast --everyone 'maintenance at 10:00'
  date | lambda-ws-local admin broadcast --room lobby -")]
    Broadcast {
        #[command(flatten)]
        to: Recipients,
        /// The message; `-` reads it from standard input
        #[arg(value_name = "MESSAGE")]
        message: String,
    },
    Follow(follow::FollowArgs),
    /// List the follow-up tasks of broadcasts that have started and are not done
    #[command(after_help = "Examples:
  lambda-ws-local admin tasks
  lambda-ws-local admin tasks --function chat --region eu-west-1 --json")]
    Tasks,
}

impl Admin {
    pub(super) async fn run(self) -> Result<ExitCode, Failure> {
        let function = self.function.function().await?;
        let output = Output::new(self.json);
        match self.command {
            AdminCommand::Count { of } => count(&function, of.target(), output).await,
            AdminCommand::List { of, details, limit } => {
                list(&function, (of.target(), details, limit), output).await
            }
            AdminCommand::Show {
                connection,
                session,
            } => show(&function, connection, session, output).await,
            AdminCommand::Disconnect { of, yes } => {
                let target = of.target();
                if !yes && !confirmed(&target)? {
                    return Err(Failure::new("nothing was disconnected"));
                }
                disconnect(&function, target, output).await
            }
            AdminCommand::Broadcast { to, message } => {
                broadcast(&function, to.target(), message, output).await
            }
            AdminCommand::Follow(follow) => follow.run(&function, output).await,
            AdminCommand::Tasks => tasks(&function, output).await,
        }
    }
}

async fn count(
    function: &AdminFunction,
    target: Target,
    output: Output,
) -> Result<ExitCode, Failure> {
    let (mut count, mut cursor) = (0, None);
    loop {
        let command = Command::Count(Count::of(target.clone(), cursor));
        let counted: Counted = function.ask(&command).await?;
        count += counted.count;
        match counted.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
        output.progress(&format!("{count} so far"));
    }
    output.count(count)?;
    Ok(ExitCode::SUCCESS)
}

async fn list(
    function: &AdminFunction,
    (target, details, limit): (Target, bool, Option<usize>),
    output: Output,
) -> Result<ExitCode, Failure> {
    let (mut left, mut cursor) = (limit.unwrap_or(usize::MAX), None);
    let mut is_first = true;
    loop {
        let command = Command::List(List::of(target.clone(), details, cursor));
        let mut listed: Listed = function.ask(&command).await?;
        let is_cut = listed.connections.len() > left;
        listed.connections.truncate(left);
        left -= listed.connections.len();
        output.rows(&listed.connections, details, is_first)?;
        is_first &= listed.connections.is_empty();
        match listed.next {
            Some(next) if left > 0 => cursor = Some(next),
            next => {
                if is_cut || next.is_some() {
                    output.note("more connections exist: raise --limit");
                }
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
}

async fn show(
    function: &AdminFunction,
    connection: String,
    session: bool,
    output: Output,
) -> Result<ExitCode, Failure> {
    let connection = ConnectionId::from(connection);
    let shown: Shown = function
        .ask(&Command::Show(Show {
            connection,
            session,
        }))
        .await?;
    match shown.connection {
        Some(details) => {
            output.details(&details)?;
            Ok(ExitCode::SUCCESS)
        }
        None => {
            output.note("the table does not contain this connection: it has ended, or belongs to another stage");
            Ok(ExitCode::from(NOBODY))
        }
    }
}

async fn disconnect(
    function: &AdminFunction,
    target: Target,
    output: Output,
) -> Result<ExitCode, Failure> {
    let command = Command::Disconnect(Disconnect::of(target));
    let done: Disconnected = function.ask(&command).await?;
    output.disconnected(&done)?;
    let failed = done.throttled + done.failed;
    if done.incomplete {
        output.note("the time of the function ended first: repeat the command");
    }
    let is_partly = failed > 0 || done.incomplete;
    Ok(code(done.closed + done.tasks, is_partly, output))
}

async fn broadcast(
    function: &AdminFunction,
    target: Target,
    message: String,
    output: Output,
) -> Result<ExitCode, Failure> {
    let message = match message.as_str() {
        "-" => {
            let mut text = String::new();
            let read = std::io::stdin().read_to_string(&mut text);
            read.map_err(|error| Failure::because("cannot read the message", error))?;
            text.trim_end_matches('\n').to_owned()
        }
        _ => message,
    };
    let data = to_raw_value(&message)?;
    let command = Command::Broadcast(Broadcast::of(target, data));
    let sent: Sent = function.ask(&command).await?;
    output.sent(&sent)?;
    let failed = sent.throttled + sent.failed;
    let reached = sent.sent + sent.tasks + usize::from(sent.position.is_some());
    Ok(code(reached, failed > 0, output))
}

/// Returns the exit code of a command that reached so many connections.
fn code(reached: usize, is_partly: bool, output: Output) -> ExitCode {
    match (reached, is_partly) {
        (_, true) => ExitCode::from(PARTLY),
        (0, false) => {
            output.note("no such connection is open");
            ExitCode::from(NOBODY)
        }
        _ => ExitCode::SUCCESS,
    }
}

async fn tasks(function: &AdminFunction, output: Output) -> Result<ExitCode, Failure> {
    let (mut cursor, mut is_first) = (None, true);
    loop {
        let page: TaskPage = function.ask(&Command::Tasks(Tasks { cursor })).await?;
        output.tasks(&page.tasks, is_first)?;
        is_first &= page.tasks.is_empty();
        match page.next {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    if is_first {
        output.note("no task is running");
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks whether a room or everyone is meant, on a terminal.
fn confirmed(target: &Target) -> Result<bool, Failure> {
    let of = match target {
        Target::Room(name) => format!("all connections in the room {name:?}"),
        Target::Everyone => "ALL connections".to_owned(),
        Target::User(_) | Target::Connection(_) => return Ok(true),
    };
    if !std::io::stdin().is_terminal() {
        return Ok(true);
    }
    eprint!("{} {of}? [y/N] ", Style::stderr().strong("Disconnect"));
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
