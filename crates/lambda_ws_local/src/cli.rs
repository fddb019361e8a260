//! The command line.

mod admin;
mod connect;
mod cost;
mod doctor;
mod faults;
mod gateway_client;
mod http;
mod invoke;
mod new;
mod output;
mod publish;
mod recipients;
mod serve;
mod sign;
mod signals;
mod trust;

use clap::{Parser, Subcommand};
use lambda_ws_local::emulator::Failure;
use std::process::ExitCode;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// A local Amazon API Gateway for WebSocket APIs: runs a Lambda function's real program on a laptop,
/// with websockets, the management API (PostToConnection) and DynamoDB.
#[derive(Debug, Parser)]
#[command(
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  lambda-ws-local                         build and serve the function of ./template.yaml
  lambda-ws-local -- cargo run            serve a program, with or without a template
  lambda-ws-local --port 0                use free ports
  lambda-ws-local --tls --tls-cert-out ca.pem
  lambda-ws-local --watch app -- python3 app/main.py
  lambda-ws-local --env SEND_RATE=77 --env TOKEN
                                          set SEND_RATE, and pass TOKEN from this shell
  lambda-ws-local --record session        keep events and responses for `invoke`
  lambda-ws-local --invoke-url http://127.0.0.1:9000
                                          serve functions that `cargo lambda watch` runs
  lambda-ws-local connect 'ws://127.0.0.1:3001/dev?user=ann'
  lambda-ws-local invoke events/*.json
  lambda-ws-local publish --room lobby 'hello'
  lambda-ws-local admin count --room lobby
  lambda-ws-local new tea-room            create a project
  lambda-ws-local doctor                  find known mistakes in ./template.yaml
  lambda-ws-local cost --connections 5000 --room 20
                                          estimate a month on AWS
  lambda-ws-local --fault false-gone=1%,throttle=5% --time-scale 600
  lambda-ws-local faults off

A function that builds its endpoint itself:
  AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI directs SDKs to this gateway, unless
  the code names an endpoint. Over TLS such code runs unchanged:
  - https://{domainName}/{stage} with the values of an event:
      lambda-ws-local --tls --tls-cert-out ca.pem \\
        --env NODE_EXTRA_CA_CERTS=$PWD/ca.pem \\
        --env AWS_CA_BUNDLE=$PWD/ca.pem --env SSL_CERT_FILE=$PWD/ca.pem
  - https://{apiId}.execute-api.{region}.amazonaws.com/{stage}:
    map this host to 127.0.0.1 in /etc/hosts, and add
      --port 443 --allow-host {apiId}.execute-api.{region}.amazonaws.com"
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    Admin(admin::Admin),
    Connect(connect::Connect),
    Cost(Box<cost::Cost>),
    Doctor(doctor::Doctor),
    Faults(faults::FaultsArgs),
    Invoke(Box<invoke::Invoke>),
    New(new::New),
    Publish(publish::Publish),
}

pub(crate) fn main() -> ExitCode {
    let cli = Cli::parse();
    begin_log();
    allow_many_connections();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let ended = match runtime {
        Ok(runtime) => runtime.block_on(async {
            match cli.command {
                Some(Command::Admin(admin)) => return admin.run().await,
                Some(Command::Connect(connect)) => connect.run().await?,
                Some(Command::Cost(cost)) => cost.run()?,
                Some(Command::Doctor(doctor)) => return Ok(doctor.run()),
                Some(Command::Faults(faults)) => faults.run().await?,
                Some(Command::Invoke(invoke)) => return Ok(invoke.run().await),
                Some(Command::New(new)) => return new.run(),
                Some(Command::Publish(publish)) => publish.run().await?,
                None => cli.serve.run().await?,
            }
            Ok(ExitCode::SUCCESS)
        }),
        Err(error) => Err(Failure::because("cannot start the async runtime", error)),
    };
    match ended {
        Ok(code) => code,
        Err(failure) => {
            output::print_error(&failure);
            ExitCode::FAILURE
        }
    }
}

/// Starts the log of the gateway itself. The level comes from `LAMBDA_WS_LOG`.
fn begin_log() {
    let level = std::env::var("LAMBDA_WS_LOG").unwrap_or_default();
    // Without filters of spans.
    let targets = level.parse::<Targets>().ok();
    let targets = targets.filter(|_| !level.contains('['));
    if targets.is_none() {
        eprintln!(
            "warning: LAMBDA_WS_LOG is not valid: expected a level such as `debug`, or levels of modules such as \
             `warn,lambda_ws_local=debug`"
        );
    }
    let targets = targets
        .filter(|_| !level.is_empty())
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .without_time()
        .with_target(false);
    tracing_subscriber::registry()
        .with(targets)
        .with(lines)
        .init();
}

/// Raises the limit of open files. Each connection is a file, and the default of shells is low.
fn allow_many_connections() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Without a higher limit, further connections wait.
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
}
