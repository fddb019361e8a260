//! Estimates what an application costs on AWS.

mod print;
mod recording;

use super::output::{Style, print_lines};
use clap::Args;
use lambda_ws_local::cost::{
    Architecture, Prices, REGION, Workload, WorkloadError, estimate, savings,
};
use lambda_ws_local::emulator::Failure;
use print::Report;
use recording::Recording;
use std::path::PathBuf;

/// Estimate what an application costs on AWS in a month
///
/// The estimate uses prices on demand of us-east-1, without free tiers, and the measured requests of lambda_ws to its
/// table. It does not contact AWS.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lambda-ws-local cost --connections 5000 --hours 8 --messages 2 --room 20
  lambda-ws-local cost --connections 800 --messages 0 --pushes 60 --room 800 --bytes 900
                                          a ticker: a backend publishes every second
  lambda-ws-local cost --history --no-echo
  lambda-ws-local --record session        record a session, stop it with Ctrl-C, and
  lambda-ws-local cost --recording session --connections 5000 --room 20
  lambda-ws-local cost --region eu-central-1 --price api-messages=1.2 --price api-minutes=0.3
  lambda-ws-local cost --json | jq .total

Prices for --price:
  api-messages, api-messages-above-1-billion, api-minutes, lambda-requests, dynamodb-writes and dynamodb-reads in
  dollars for a million; lambda-arm64 and lambda-x86_64 for a GB-second; logs and transfer-out for a GB;
  dynamodb-storage and logs-storage for a GB and month

The numbers may have fractions. Only the messages of API Gateway have a second price tier here.")]
pub(super) struct Cost {
    /// The number of clients [default: 1000]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    connections: Option<f64>,
    /// The hours that each client is connected on a day [default: 8]
    #[arg(long, value_name = "HOURS", allow_negative_numbers = true)]
    hours: Option<f64>,
    /// The days of a month [default: 30]
    #[arg(long, value_name = "DAYS", allow_negative_numbers = true)]
    days: Option<f64>,
    /// The length of one connection [default: 60, or all of --hours]
    #[arg(long, value_name = "MINUTES", allow_negative_numbers = true)]
    session: Option<f64>,
    /// The messages that each client sends in a minute [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    messages: Option<f64>,
    /// The part of these messages that is broadcast to the client's room, from 0 to 1; the others are answered to the
    /// sender [default: 1]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    broadcasts: Option<f64>,
    /// The broadcasts that a backend publishes to each room in a minute [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pushes: Option<f64>,
    /// The members of a room [default: 10]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    room: Option<f64>,
    /// Broadcasts do not return to their sender
    #[arg(long)]
    no_echo: bool,
    /// The size of a message [default: 200]
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    bytes: Option<f64>,
    /// Rooms are lossless: messages are stored
    #[arg(long)]
    history: bool,
    /// The memory of the function [default: 256]
    #[arg(long, value_name = "MB", allow_negative_numbers = true)]
    memory: Option<f64>,
    /// The average duration of an event in milliseconds [default: 10]
    #[arg(long, value_name = "MS", allow_negative_numbers = true)]
    ms: Option<f64>,
    /// The processor of the function: arm64 or x86_64
    #[arg(long, value_name = "NAME", default_value = "arm64", value_parser = architecture)]
    architecture: Architecture,
    /// The reads of the table for each message, such as its session [default: 1]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    reads: Option<f64>,
    /// The writes of the table for each message, such as a value of Kv [default: 0]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    writes: Option<f64>,
    /// The bytes that each event adds to the log [default: 1000]
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    log_bytes: Option<f64>,
    /// The days for which logs are kept [default: 14]
    #[arg(long, value_name = "DAYS", allow_negative_numbers = true)]
    log_days: Option<f64>,
    /// The folder of `--record`: sets --messages, --bytes, --ms and --session from a recorded session, unless they are
    /// given, and --history if it is used
    #[arg(long, value_name = "DIR")]
    recording: Option<PathBuf>,
    /// The Region, whose prices are given with --price
    #[arg(long, default_value = REGION, value_parser = region)]
    region: String,
    /// Another price in dollars; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = price)]
    price: Vec<(String, f64)>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn architecture(text: &str) -> Result<Architecture, &'static str> {
    match text {
        "arm64" => Ok(Architecture::Arm64),
        "x86_64" => Ok(Architecture::X86),
        _ => Err("expected `arm64` or `x86_64`"),
    }
}

fn region(text: &str) -> Result<String, &'static str> {
    let is_region = |c: char| c.is_ascii_alphanumeric() || c == '-';
    match !text.is_empty() && text.chars().all(is_region) {
        true => Ok(text.to_owned()),
        false => Err("expected a name such as eu-west-1"),
    }
}

fn price(text: &str) -> Result<(String, f64), String> {
    let pair = text.split_once('=');
    let pair = pair.and_then(|(name, value)| Some((name.to_owned(), value.parse().ok()?)));
    pair.ok_or_else(|| "expected NAME=VALUE, such as api-messages=1.2".to_owned())
}

impl Cost {
    pub(super) fn run(self) -> Result<(), Failure> {
        let prices = self.price.iter().map(|(name, value)| (&**name, *value));
        let prices = Prices::changed(prices)?;
        let mut notes = Vec::new();
        let recording = self.recording.as_deref().map(Recording::read).transpose()?;
        let workload = self.workload(recording.as_ref())?;
        if let Some(recording) = recording {
            notes.push(recording.to_string());
        }
        if self.region != REGION {
            let region = &self.region;
            notes.push(format!(
                "prices without --price are those of {REGION}: pass those of {region} with --price"
            ));
        }
        let report = Report {
            region: &self.region,
            workload: &workload,
            prices: &prices,
            estimate: estimate(&workload, &prices),
            savings: savings(&workload, &prices),
            notes,
        };
        let text = match self.json {
            true => format!("{:#}", report.json()),
            false => report.text(Style::stdout()),
        };
        print_lines([text])
    }

    fn workload(&self, recording: Option<&Recording>) -> Result<Workload, WorkloadError> {
        let default = Workload::default();
        let recorded = |of: fn(&Recording) -> Option<f64>| recording.and_then(of);
        let connections = self.connections.unwrap_or(default.connections);
        let hours = self.hours.unwrap_or(default.hours);
        let longest = (hours * 60.0).min(default.session);
        let session = self.session.or(recorded(Recording::session));
        let duration = self.ms.or(recorded(Recording::duration));
        let workload = Workload {
            connections,
            hours,
            days: self.days.unwrap_or(default.days),
            session: session.unwrap_or(longest),
            messages: (self.messages.or(recorded(Recording::messages))).unwrap_or(default.messages),
            broadcasts: self.broadcasts.unwrap_or(default.broadcasts),
            pushes: self.pushes.unwrap_or(default.pushes),
            batch: default.batch,
            room: self.room.unwrap_or(default.room.min(connections)),
            echo: !self.no_echo,
            bytes: (self.bytes.or(recorded(Recording::bytes))).unwrap_or(default.bytes),
            history: self.history || recording.is_some_and(Recording::has_history),
            memory: self.memory.unwrap_or(default.memory),
            duration: duration.unwrap_or(default.duration),
            architecture: self.architecture,
            reads: self.reads.unwrap_or(default.reads),
            writes: self.writes.unwrap_or(default.writes),
            log_bytes: self.log_bytes.unwrap_or(default.log_bytes),
            log_days: self.log_days.unwrap_or(default.log_days),
        };
        workload.check()?;
        Ok(workload)
    }
}

#[cfg(test)]
mod tests;
