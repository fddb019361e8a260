//! The command line.

mod admin;
mod build;
mod code;
mod compare;
mod connect;
mod dev;
mod doctor;
mod elsewhere;
mod endpoint_hint;
mod env;
mod expose;
mod failure;
mod faults;
mod integration;
mod invoke;
mod new;
mod output;
mod project;
mod publish;
mod record;
mod reload;
mod report;
mod responder;
mod sign;
mod signals;
mod sources;
mod throttle;
mod tls;
mod trust;
mod watch;
mod web;

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
  lambda-ws-local --tls --tls-cert-out ca.pem
  lambda-ws-local --watch app -- python3 app/main.py
  lambda-ws-local --env SEND_RATE=77 --env TOKEN
                                          set a variable, pass on another of this shell
  lambda-ws-local --record session        keep events and responses for `invoke`
  lambda-ws-local --invoke-url http://127.0.0.1:9000
                                          in front of `cargo lambda watch`
  lambda-ws-local connect 'ws://127.0.0.1:3001/dev?user=ann'
  lambda-ws-local invoke events/*.json
  lambda-ws-local publish --room lobby 'hello'
  lambda-ws-local new tea-room            make a project
  lambda-ws-local doctor                  find the known mistakes in ./template.yaml
  lambda-ws-local --fault false-gone=1%,throttle=5% --time-scale 600
  lambda-ws-local faults off

A function that builds its endpoint itself:
  An SDK posts here by AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI, unless
  the code names an endpoint. Such code runs unchanged over TLS:
  - https://{domainName}/{stage}, as of an event:
      lambda-ws-local --tls --tls-cert-out ca.pem \\
        --env NODE_EXTRA_CA_CERTS=$PWD/ca.pem \\
        --env AWS_CA_BUNDLE=$PWD/ca.pem --env SSL_CERT_FILE=$PWD/ca.pem
  - https://{apiId}.execute-api.{region}.amazonaws.com/{stage}:
    let this host be 127.0.0.1 in /etc/hosts, and add
      --port 443 --allow-host {apiId}.execute-api.{region}.amazonaws.com"
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
    Doctor(doctor::Doctor),
    Faults(faults::FaultsOf),
    Invoke(Box<invoke::Invoke>),
    New(new::New),
    Publish(publish::Publish),
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
    /// Let other machines, such as containers, reach these servers too: else --listen opens only the websocket and the
    /// management API to them
    #[arg(long, value_name = "SERVER", value_delimiter = ',')]
    expose: Vec<expose::Server>,
    /// The region that the function is told, and that signatures are for
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// The access key that the function is given, and that the management API takes
    #[arg(long, default_value = "test")]
    access_key_id: String,
    /// The secret of that key
    #[arg(long, default_value = "test")]
    secret_access_key: String,
    #[command(flatten)]
    env: env::EnvArgs,
    /// Keep the tables in a file instead of memory; only this user can read it
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
                Some(Command::Connect(connect)) => connect.run().await?,
                Some(Command::Doctor(doctor)) => return Ok(doctor.run()),
                Some(Command::Faults(faults)) => faults.run().await?,
                Some(Command::Invoke(invoke)) => return Ok(invoke.run().await),
                Some(Command::New(new)) => return new.run(),
                Some(Command::Publish(publish)) => publish.run().await?,
                None => cli.dev.run().await?,
            }
            Ok(ExitCode::SUCCESS)
        }),
        Err(error) => Err(Failure::because("no threads can be started", error)),
    };
    match ended {
        Ok(code) => code,
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
    use lambda_ws_local::gateway::EventShape;

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
    fn a_limit_needs_no_value() {
        for (args, given) in [
            (vec!["lambda-ws-local"], false),
            (vec!["lambda-ws-local", "--throttle", "--port", "0"], true),
            (
                vec!["lambda-ws-local", "--throttle", "rate=1,burst=2"],
                true,
            ),
            (vec!["lambda-ws-local", "--throttle", "--", "cargo"], true),
        ] {
            assert_eq!(
                Cli::parse_from(&args).dev.throttle.is_some(),
                given,
                "{args:?}"
            );
        }
        assert!(Cli::try_parse_from(["lambda-ws-local", "--throttle", "cargo"]).is_err());
    }

    #[test]
    fn events_have_the_shape_of_today_or_of_2019() {
        let shape = |args: &[&str]| Cli::try_parse_from(args).map(|cli| cli.dev.event_shape());
        let (today, old) = (EventShape::Current, EventShape::Y2019);
        assert_eq!(shape(&["lambda-ws-local"]).unwrap(), today);
        assert_eq!(
            shape(&["lambda-ws-local", "--event-shape", "2019"]).unwrap(),
            old
        );
        assert!(shape(&["lambda-ws-local", "--event-shape", "2020"]).is_err());
    }

    #[test]
    fn an_address_may_be_ipv6() {
        let cli = Cli::parse_from(["lambda-ws-local", "--listen", "::1"]);
        assert_eq!(cli.dev.common.listen, std::net::Ipv6Addr::LOCALHOST);
    }

    #[test]
    fn a_program_follows_two_dashes() {
        let cli = Cli::parse_from(["lambda-ws-local", "--port", "0", "--", "cargo", "run"]);
        assert_eq!(cli.dev.common.program, ["cargo", "run"]);
    }
}
