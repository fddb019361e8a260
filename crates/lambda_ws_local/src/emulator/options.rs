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
    /// Take calls of the management API, and handshakes of AWS_IAM, as they come: unsigned from curl, or signed by anyone.
    /// DynamoDB always does
    #[arg(long)]
    pub(super) no_auth: bool,
    /// A method of the management API that the function lacks the permission for: POST, GET or DELETE
    #[arg(long, value_name = "METHOD", value_parser = method)]
    pub(super) deny: Vec<Method>,
    /// Limit rates as AWS does: by the template's throttling and by the account's 10000 requests a second
    /// (rate), 5000 at once (burst) and 500 new connections a second; each can be given, as in
    /// rate=100,connections=5 [default: no limits]
    #[arg(long, value_name = "LIMITS", num_args = 0..=1, default_missing_value = "")]
    pub(super) throttle: Option<AccountLimits>,
    /// The shape of events: current, or 2019, with all members of identity and a messageId in each, and no close code
    #[arg(long, value_name = "YEAR", default_value = "current", value_parser = event_shape())]
    pub(super) event_shape: EventShape,
    /// What goes wrong on purpose, such as gone=0.5%,post-latency=20ms; `lambda-ws-local faults` lists and changes it
    #[arg(
        long,
        value_name = "SPEC",
        default_value = "off",
        hide_default_value = true
    )]
    pub(super) fault: Plan,
    /// Let the same go wrong as with this seed [default: another one each time]
    #[arg(long, value_name = "N")]
    pub(super) fault_seed: Option<u64>,
    /// How fast the timers of idle and old connections run: 600 makes ten minutes a second
    #[arg(long, value_name = "FACTOR", default_value = "1", value_parser = scale)]
    pub(super) time_scale: f64,
    /// The port of Lambda's Invoke API, which functions invoke one another by; 0 for a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub(super) lambda_port: u16,
    /// The pause after an asynchronous invocation that failed; after the second it is twice as long
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub(super) lambda_retry_delay: u32,
    #[command(flatten)]
    pub(super) invoke_urls: InvokeUrls,
    /// An API key that clients may use, besides the template's
    #[arg(long, value_name = "KEY")]
    pub(super) api_key: Vec<String>,
    /// Let processes run between events; else they are stopped, as Lambda freezes them
    #[arg(long)]
    pub(super) no_freeze: bool,
    /// Do not build and start the program again when its sources or the template change
    #[arg(long)]
    pub(super) no_reload: bool,
    /// Look at this file or folder too, for programs that are not built by cargo [default: the script's folder]
    #[arg(long, value_name = "PATH", conflicts_with = "no_reload")]
    pub(super) watch: Vec<PathBuf>,
    /// Write each event and its response into this folder, for `invoke`; they hold what clients send: tokens and all
    #[arg(long, value_name = "DIR")]
    pub(super) record: Option<PathBuf>,
    /// The most events that are recorded
    #[arg(long, value_name = "N", default_value_t = 9_999, requires = "record")]
    pub(super) record_limit: u64,
    /// The most bytes that are recorded, in KB, MB or GB (1 KB is 1024 bytes)
    #[arg(
        long,
        value_name = "SIZE",
        default_value = "200MB",
        requires = "record"
    )]
    pub(super) record_size: Size,
    /// Serve this folder at / [default: the folder `web` of the function's package, if there is one]
    #[arg(long, value_name = "DIR")]
    pub(super) web: Option<PathBuf>,
    /// Serve no console at /_console/, and keep nothing for one
    #[arg(long)]
    pub(super) no_console: bool,
    #[command(flatten)]
    pub(super) tls: TlsOptions,
}

/// The project that is run: a template, or a program, and the account it sees.
#[derive(Clone, Debug, Args)]
pub struct ProjectOptions {
    /// The SAM or CloudFormation template [default: template.yaml, if it is there]
    #[arg(short, long, value_name = "FILE")]
    pub(super) template: Option<PathBuf>,
    /// Values of the template's parameters
    #[arg(long, value_name = "NAME=VALUE", num_args = 1.., value_parser = parameter)]
    pub(super) parameter_overrides: Vec<(String, String)>,
    /// The stage's name [default: the template's, or dev]
    #[arg(long)]
    pub(super) stage: Option<String>,
    /// The function that the program after `--` is, if the template has several
    #[arg(long, value_name = "LOGICAL_ID")]
    pub function: Option<String>,
    /// Build with optimizations
    #[arg(long)]
    pub(super) release: bool,
    /// The address to listen on; others than loopback need --allow-host
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(super) listen: IpAddr,
    /// A host name, besides loopback addresses, that requests may be for
    #[arg(long, value_name = "NAME")]
    pub(super) allow_host: Vec<String>,
    /// Let other machines, such as containers, reach these servers too: else --listen opens only the websocket and the
    /// management API to them
    #[arg(long, value_name = "SERVER", value_delimiter = ',')]
    pub(super) expose: Vec<Server>,
    /// The region that the function is told, and that signatures are for
    #[arg(long, default_value = "us-east-1")]
    pub region: String,
    /// The access key that the function is given, and that the management API takes
    #[arg(long, default_value = "test")]
    pub access_key_id: String,
    /// The secret of that key
    #[arg(long, default_value = "test")]
    pub secret_access_key: String,
    #[command(flatten)]
    pub(super) env: EnvArgs,
    /// Keep the tables in a file instead of memory; only this user can read it
    #[arg(long, value_name = "FILE")]
    pub(super) data: Option<PathBuf>,
    /// The most processes of a function
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
    /// The server, and whether it asks a client for anything.
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
    /// Parses options as the command line writes them, without the name of the program; an error is what a terminal
    /// shows.
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
    /// The rule for the requests that the local servers answer.
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
    // Only to see whether it is one.
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
        assert_eq!(
            parameter("ParameterKey=A,ParameterValue=b"),
            Ok(("A".into(), "b".into()))
        );
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
        assert_eq!(
            parse(&["--event-shape", "2019"]).event_shape,
            EventShape::Y2019
        );
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
