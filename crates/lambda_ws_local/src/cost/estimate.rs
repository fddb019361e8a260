//! The estimate by service.

use super::prices::Prices;
use super::traffic::Traffic;
use super::workload::{Architecture, Workload};

/// The messages of a month at the first price of API Gateway.
const FIRST_TIER: f64 = 1e9;

/// One line of an estimate.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Line {
    /// The service of AWS.
    pub service: &'static str,
    /// The unit that is billed.
    pub unit: &'static str,
    /// The units of a month.
    pub amount: f64,
    /// Dollars for a month.
    pub dollars: f64,
}

/// An estimate for a month.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Estimate {
    /// The lines, by service.
    pub lines: Vec<Line>,
}

impl Estimate {
    /// Returns the sum in dollars.
    pub fn total(&self) -> f64 {
        self.lines.iter().map(|line| line.dollars).sum()
    }
}

/// Returns the estimate of a workload for a month, without free tiers.
///
/// Only the messages of API Gateway have a second price tier here. All other prices are those of the first tier.
pub fn estimate(workload: &Workload, prices: &Prices) -> Estimate {
    let traffic = Traffic::of(workload);
    let first = traffic.messages.min(FIRST_TIER);
    let above = traffic.messages - first;
    let messages = first * prices.of("api-messages") / 1e6
        + above * prices.of("api-messages-above-1-billion") / 1e6;
    let processor = match workload.architecture {
        Architecture::Arm64 => "lambda-arm64",
        Architecture::X86 => "lambda-x86_64",
    };
    let millions =
        |service, unit, amount, price| line(service, unit, amount, amount / 1e6 * prices.of(price));
    let single =
        |service, unit, amount, price| line(service, unit, amount, amount * prices.of(price));
    Estimate {
        lines: vec![
            line(
                "API Gateway",
                "messages of up to 32 KB",
                traffic.messages,
                messages,
            ),
            millions(
                "API Gateway",
                "connection minutes",
                traffic.minutes,
                "api-minutes",
            ),
            millions("Lambda", "events", traffic.events, "lambda-requests"),
            single("Lambda", "GB-seconds", traffic.gb_seconds, processor),
            millions("DynamoDB", "write units", traffic.writes, "dynamodb-writes"),
            millions("DynamoDB", "read units", traffic.reads, "dynamodb-reads"),
            single(
                "DynamoDB",
                "GB stored (TTL deletes for free)",
                traffic.stored,
                "dynamodb-storage",
            ),
            single("CloudWatch", "GB of logs", traffic.logs, "logs"),
            single(
                "CloudWatch",
                "GB of logs stored",
                traffic.logs_stored,
                "logs-storage",
            ),
            single(
                "Data transfer",
                "GB to the Internet",
                traffic.out,
                "transfer-out",
            ),
        ],
    }
}

fn line(service: &'static str, unit: &'static str, amount: f64, dollars: f64) -> Line {
    Line {
        service,
        unit,
        amount,
        dollars,
    }
}
