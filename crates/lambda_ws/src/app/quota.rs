//! The default send rate of a process.

use crate::sender::SEND_RATE;

/// The rate in [`SMALL_REGIONS`]: half of 2 500 requests per second.
const SMALL_SEND_RATE: u32 = 1250;

/// The Regions where the default quota of an account is 2 500 requests per second instead of 10 000.
///
/// Source: "Account-level throttling per Region" of
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>, November 2026 (conformance H).
const SMALL_REGIONS: [&str; 13] = [
    "af-south-1",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "mx-central-1",
];

/// Returns half of the default quota of an account in a Region, in messages per second. Messages from clients,
/// handshakes and the other APIs of the account share the quota.
pub(super) fn send_rate(region: Option<&str>) -> u32 {
    match region {
        Some(region) if SMALL_REGIONS.contains(&region) => SMALL_SEND_RATE,
        _ => SEND_RATE,
    }
}
