//! The options of the emulator. The command line is derived from them, so that names and defaults are defined once.

use super::env::EnvArgs;
use super::failure::Failure;
use super::invoke_urls::InvokeUrls;
use super::record::Size;
use super::throttle::AccountLimits;
use super::tls::TlsOptions;
use crate::faults::Plan;
use crate::gateway::{EventShape, Time, TimeError};
use crate::guard::Guard;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, FromArgMatches, ValueEnum};
use http::Method;
use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

/// How a project is served.
#[derive(Debug, Args)]
#[non_exhaustive]
pub struct Options {
    /// The template and its programs
    #[command(flatten)]
    pub project: ProjectOptions,
    /// The port of the websocket and the management API; 0 for a free one
    #[arg(short, long, default_value_t = 3001)]
    pub(super) port: u16,
    /// The port of DynamoDB; 0 for a free one [default: 8000, or 0 with --port 0]
    #[arg(long, value_name = "PORT")]
    pub(super) dynamodb_port: Option<u16>,
    /// Accept unsigned calls of the management API, and unsigned handshakes of AWS_IAM routes. DynamoDB always accepts
    /// unsigned calls
    #[arg(long)]
    pub(super) no_auth: bool,
    /// A method of the management API that the function has no permission for: POST, GET or DELETE
    #[arg(long, value_name = "METHOD", value_parser = method)]
    pub(super) deny: Vec<Method>,
    /// Limit rates as AWS does: the template's throttling, and for the account 10000 requests a second (rate), 5000 at
    /// once (burst) and 500 new connections a second. Values may be changed, as in rate=100,connections=5 [default: no
    /// limits]
    #[arg(long, value_name = "LIMITS", num_args = 0..=1, default_missing_value = "")]
    pub(super) throttle: Option<AccountLimits>,
    /// The shape of events: current, or 2019. The 2019 shape has all members of identity, a messageId in every event,
    /// and no close code
    #[arg(long, value_name = "YEAR", default_value = "current", value_parser = event_shape())]
    pub(super) event_shape: EventShape,
    /// Faults to inject, such as gone=0.5%,post-latency=20ms; `lambda-ws-local faults` lists and changes them
    #[arg(
        long,
        value_name = "SPEC",
        default_value = "off",
        hide_default_value = true
    )]
    pub(super) fault: Plan,
    /// Repeat the faults of this seed [default: a new seed each time]
    #[arg(long, value_name = "N")]
    pub(super) fault_seed: Option<u64>,
    /// How fast the idle and lifetime timers run: with 600, ten minutes last a second
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = scale)]
    pub(super) time_scale: f64,
    /// The port of Lambda's Invoke API, through which functions invoke each other; 0 for a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(super) lambda_port: u16,
    /// The delay before the first retry of a failed asynchronous invocation; it doubles for the second
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(super) lambda_retry_delay: u32,
    #[command(flatten)]
    pub(super) invoke_urls: InvokeUrls,
    /// An API key of clients, besides the template's
    #[arg(long, value_name = "KEY")]
    pub(super) api_key: Vec<String>,
    /// Let processes run between events [default: stop them, as Lambda freezes them]
    #[arg(long)]
    pub(super) no_freeze: bool,
    /// Do not rebuild and restart the program when its sources or the template change
    #[arg(long)]
    pub(super) no_reload: bool,
    /// Also watch this file or folder, for programs that cargo does not build [default: the script's folder]
    #[arg(long, value_name = "PATH", conflicts_with = "no_reload")]
    pub(super) watch: Vec<PathBuf>,
    /// Write each event and its response into this folder, for `invoke`; they contain everything that clients send,
    /// also tokens
    #[arg(long, value_name = "DIR")]
    pub(super) record: Option<PathBuf>,
    /// The maximum number of recorded events
    #[arg(long, value_name = "N", default_value_t = 9_999, requires = "record")]
    pub(super) record_limit: u64,
    /// The maximum size of the recording, in KB, MB or GB (1 KB is 1024 bytes)
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "200MB",
        requires = "record"
    )]
    pub(super) record_size: Size,
    /// Serve this folder at / [default: the folder `web` of the function's package, if it exists]
    #[arg(long, value_name = "DIR")]
    pub(super) web: Option<PathBuf>,
    /// Turn off the console at /_console/ and the log that it needs
    #[arg(long)]
    pub(super) no_console: bool,
    #[command(flatten)]
    pub(super) tls: TlsOptions,
}

/// The project to run: a template or a program, and its simulated AWS account.
#[derive(Clone, Debug, Args)]
pub struct ProjectOptions {
    /// The SAM or CloudFormation template [default: template.yaml, or the template in cdk.out]
    #[arg(short, long, value_name = "FILE")]
    pub(super) template: Option<PathBuf>,
    /// Values of the template's parameters
    #[arg(long, value_name = "NAME=VALUE", num_args = 1.., value_parser = parameter)]
    pub(super) parameter_overrides: Vec<(String, String)>,
    /// The stage's name [default: the template's, or dev]
    #[arg(long)]
    pub(super) stage: Option<String>,
    /// The function that the program after `--` implements, if the template has several
    #[arg(long, value_name = "LOGICAL_ID")]
    pub function: Option<String>,
    /// Build with optimizations
    #[arg(long)]
    pub(super) release: bool,
    /// The address to listen on; an address other than loopback needs --allow-host
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(super) listen: IpAddr,
    /// Another host name, besides loopback, that requests may use
    #[arg(long, value_name = "NAME")]
    pub(super) allow_host: Vec<String>,
    /// Let other machines, such as containers, reach these servers too [default: --listen opens only the websocket and
    /// the management API to them]
    #[arg(long, value_name = "SERVER", value_delimiter = ',')]
    pub(super) expose: Vec<Server>,
    /// The Region of the function and of signatures
    #[arg(long, default_value = "us-east-1")]
    pub region: String,
    /// The access key id that the function gets and the management API accepts
    #[arg(long, default_value = "test")]
    pub access_key_id: String,
    /// The secret access key
    #[arg(long, default_value = "test")]
    pub secret_access_key: String,
    #[command(flatten)]
    pub(super) env: EnvArgs,
    /// Keep the tables in a file instead of memory; only this user can read it
    #[arg(long, value_name = "FILE")]
    pub(super) data: Option<PathBuf>,
    /// The maximum number of processes of a function
    #[arg(long, default_value_t = 10, value_name = "N")]
    pub(super) concurrency: usize,
    /// The most events that a process has at once, as on Lambda Managed Instances; more than 1 implies --no-freeze
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = process_concurrency)]
    pub(super) process_concurrency: usize,
    /// The function's program, such as `cargo run`; without it the template's is built
    #[arg(last = true, value_name = "PROGRAM")]
    pub(super) program: Vec<OsString>,
}

/// The most events that a process may have at once.
const MOST_AT_ONCE: usize = 1000;

/// A server besides the websocket and the management API, which `--listen` alone does not open to other machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Server {
    Dynamodb,
    Lambda,
    Console,
    Admin,
}

impl Server {
    /// Returns the server's name, and how it authenticates.
    pub(super) fn about(self) -> &'static str {
        match self {
            Self::Dynamodb => "DynamoDB (without authentication)",
            Self::Lambda => "Lambda's Invoke API (without authentication)",
            Self::Console => "the console (without authentication)",
            Self::Admin => "the admin API (without authentication)",
        }
    }
}

impl Options {
    /// Parses command-line options, without the name of the program. The error has the text that a terminal shows.
    ///
    /// # Errors
    ///
    /// An option that does not exist, or a value that is not valid.
    pub fn parse(args: &[&str]) -> Result<Options, Failure> {
        let command =
            Self::augment_args(clap::Command::new("lambda-ws-local").no_binary_name(true));
        let matches = command.try_get_matches_from(args)?;
        Ok(Self::from_arg_matches(&matches)?)
    }
}

impl ProjectOptions {
    /// Returns the rule for requests to the local servers.
    pub(super) fn guard(&self) -> Guard {
        Guard::new(&self.allow_host)
    }
}

/// Parses a parameter of a template, in one of SAM's forms: `Name=Value` or `ParameterKey=Name,ParameterValue=Value`.
///
/// # Errors
///
/// A text without a name and a value.
pub fn parameter(text: &str) -> Result<(String, String), String> {
    let long = text.strip_prefix("ParameterKey=");
    let pair = match long.and_then(|rest| rest.split_once(",ParameterValue=")) {
        Some(pair) => Some(pair),
        None => text.split_once('='),
    };
    let (name, value) = pair.ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.trim_matches('"').to_owned()))
}

/// Parses the number of events that a process has at once.
fn process_concurrency(text: &str) -> Result<usize, String> {
    let number = text.parse().ok();
    let number = number.filter(|number| (1..=MOST_AT_ONCE).contains(number));
    number.ok_or_else(|| format!("expected a number from 1 to {MOST_AT_ONCE}"))
}

fn event_shape() -> impl TypedValueParser<Value = EventShape> {
    PossibleValuesParser::new(["current", "2019"]).map(|text| match text.as_str() {
        "2019" => EventShape::Y2019,
        _ => EventShape::Current,
    })
}

fn method(text: &str) -> Result<Method, String> {
    let methods = [Method::POST, Method::GET, Method::DELETE];
    let mut methods = methods.into_iter();
    let found = methods.find(|method| method.as_str().eq_ignore_ascii_case(text));
    found.ok_or_else(|| "expected POST, GET or DELETE".to_owned())
}

fn scale(text: &str) -> Result<f64, String> {
    let scale = text.parse().map_err(|_| TimeError::Scale.to_string())?;
    let time = Time::scaled(scale).map_err(|error| error.to_string());
    time.map(|_| scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Options {
        Options::parse(args).expect("arguments")
    }

    #[test]
    fn parameters_have_one_of_two_forms_of_sam() {
        assert_eq!(parameter("A=b=c"), Ok(("A".into(), "b=c".into())));
        let expected = Ok(("A".into(), "b".into()));
        assert_eq!(parameter("ParameterKey=A,ParameterValue=b"), expected);
        assert!(parameter("A").is_err());
    }

    #[test]
    fn a_limit_needs_no_value() {
        for (args, given) in [
            (&[][..], false),
            (&["--throttle", "--port", "0"], true),
            (&["--throttle", "rate=1,burst=2"], true),
            (&["--throttle", "--", "cargo"], true),
        ] {
            assert_eq!(parse(args).throttle.is_some(), given, "{args:?}");
        }
        assert!(Options::parse(&["--throttle", "cargo"]).is_err());
    }

    #[test]
    fn a_process_has_at_least_one_event_at_once() {
        let options = parse(&["--process-concurrency", "16"]);
        assert_eq!(options.project.process_concurrency, 16);
        assert_eq!(parse(&[]).project.process_concurrency, 1);
        for bad in ["0", "1001", "many"] {
            let error = Options::parse(&["--process-concurrency", bad]).err();
            let error = format!("{:?}", error.expect(bad));
            assert!(error.contains("from 1 to 1000"), "{error}");
        }
    }

    #[test]
    fn events_have_the_shape_of_today_or_of_2019() {
        assert_eq!(parse(&[]).event_shape, EventShape::Current);
        let expected = EventShape::Y2019;
        assert_eq!(parse(&["--event-shape", "2019"]).event_shape, expected);
        assert!(Options::parse(&["--event-shape", "2020"]).is_err());
    }

    #[test]
    fn an_address_may_be_ipv6() {
        let options = parse(&["--listen", "::1"]);
        assert_eq!(options.project.listen, std::net::Ipv6Addr::LOCALHOST);
    }

    #[test]
    fn a_program_follows_two_dashes() {
        let options = parse(&["--port", "0", "--", "cargo", "run"]);
        assert_eq!(options.project.program, ["cargo", "run"]);
    }
}
