//! The command line.

mod build;
mod connect;
mod dev;
mod failure;
mod integration;
mod invoke;
mod output;
mod project;
mod responder;
mod signals;

use clap::{Args, Parser, Subcommand};
use failure::Failure;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// A local Amazon API Gateway for WebSocket APIs: runs a Lambda function's real program on a laptop,
/// with websockets, the management API (PostToConnection) and DynamoDB.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  lambda-ws-local                         build and serve the function of ./template.yaml
  lambda-ws-local -- cargo run            serve a program, with or without a template
  lambda-ws-local --port 0                on free ports
  lambda-ws-local connect 'ws://127.0.0.1:3001/dev?user=ann'
  lambda-ws-local invoke events/*.json"
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    dev: dev::Dev,
}

#[derive(Debug, Subcommand)]
enum Command {
    Connect(connect::Connect),
    Invoke(Box<invoke::Invoke>),
}

/// What every command that runs a function is told.
#[derive(Debug, Args)]
struct Common {
    /// The SAM or CloudFormation template [default: template.yaml, if it is there]
    #[arg(short, long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// Values of the template's parameters
    #[arg(long, value_name = "NAME=VALUE", num_args = 1.., value_parser = parameter)]
    parameter_overrides: Vec<(String, String)>,
    /// The stage's name [default: the template's, or dev]
    #[arg(long)]
    stage: Option<String>,
    /// The function that the program after `--` is, if the template has several
    #[arg(long, value_name = "LOGICAL_ID")]
    function: Option<String>,
    /// Build with optimizations
    #[arg(long)]
    release: bool,
    /// The address to listen on; others than loopback need --allow-host
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    listen: IpAddr,
    /// A host name, besides loopback addresses, that requests may be for
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
    /// The region that the function is told
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// The access key that the function is given
    #[arg(long, default_value = "test")]
    access_key_id: String,
    /// The secret of that key
    #[arg(long, default_value = "test")]
    secret_access_key: String,
    /// Keep the tables in a file instead of memory
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// The most processes of a function
    #[arg(long, default_value_t = 10, value_name = "N")]
    concurrency: usize,
    /// The function's program, such as `cargo run`; without it the template's is built
    #[arg(last = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    // SAM's own forms: Name=Value and ParameterKey=Name,ParameterValue=Value.
    let long = text.strip_prefix("ParameterKey=");
    let pair = match long.and_then(|rest| rest.split_once(",ParameterValue=")) {
        Some(pair) => Some(pair),
        None => text.split_once('='),
    };
    let (name, value) = pair.ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.trim_matches('"').to_owned()))
}

pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_env("LAMBDA_WS_LOG").unwrap_or_else(|_| "warn".into()))
        .with_writer(std::io::stderr)
        .without_time()
        .with_target(false)
        .init();
    allow_many_connections();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(async {
            match cli.command {
                Some(Command::Connect(connect)) => connect.run().await,
                Some(Command::Invoke(invoke)) => invoke.run().await,
                None => cli.dev.run().await,
            }
        }),
        Err(error) => Err(Failure::because("no threads can be started", error)),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            ExitCode::FAILURE
        }
    }
}

/// Each connection is a file, and shells allow few.
fn allow_many_connections() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // As before, then: the first connection over the limit waits.
    let _ = setrlimit(Resource::Nofile, limit);
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn parameters_are_given_as_sam_takes_them() {
        assert_eq!(parameter("A=b=c"), Ok(("A".into(), "b=c".into())));
        assert_eq!(
            parameter("ParameterKey=A,ParameterValue=b"),
            Ok(("A".into(), "b".into()))
        );
        assert!(parameter("A").is_err());
    }

    #[test]
    fn a_program_follows_two_dashes() {
        let cli = Cli::parse_from(["lambda-ws-local", "--port", "0", "--", "cargo", "run"]);
        assert_eq!(cli.dev.common.program, ["cargo", "run"]);
    }
}
