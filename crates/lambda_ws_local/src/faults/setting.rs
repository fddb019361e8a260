//! Rates and latencies of faults.

use std::fmt;
use std::time::Duration;

/// The rate 1, in the unit of rates.
const MILLION: u64 = 1_000_000;

/// The maximum latency, one hour, in microseconds.
const LONGEST: u64 = 3_600 * MILLION;

/// The rate of a fault: 0 to 100 %, in steps of 0.0001 %.
///
/// Written as `0.5%` or `0.005`. `0` and `off` mean never.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rate(u32);

impl Rate {
    /// Returns the rate of `count` in a million. A larger count means always.
    pub fn per_million(count: u32) -> Rate {
        Rate(count.min(MILLION as u32))
    }

    /// Returns the rate in millionths.
    pub fn in_a_million(self) -> u32 {
        self.0
    }

    pub(super) fn parse(text: &str) -> Result<Rate, &'static str> {
        const EXPECTED: &str = "expected a rate such as 0.5% or 0.005, from 0 to 100%";
        let parsed = match text.strip_suffix('%') {
            _ if text == "off" => Some(0),
            Some(percent) => decimal(percent.trim_end(), 4),
            None => decimal(text, 6),
        };
        match parsed {
            Some(millionths @ 0..=MILLION) => Ok(Rate(millionths as u32)),
            _ => Err(EXPECTED),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 10_000, self.0 % 10_000) {
            (0, 0) => f.write_str("off"),
            (whole, 0) => write!(f, "{whole}%"),
            (whole, part) => {
                let part = format!("{part:04}");
                write!(f, "{whole}.{}%", part.trim_end_matches('0'))
            }
        }
    }
}

/// The latency of a fault: a time or a range, at most one hour, in steps of 1 us.
///
/// Written as `20ms`, `1.5s` or `5ms..50ms`. `0` and `off` mean none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Latency {
    low: u64,
    high: u64,
}

impl Latency {
    /// Returns a range of at most one hour. The times are sorted.
    pub fn between(low: Duration, high: Duration) -> Latency {
        let micros = |time: Duration| {
            let micros = u64::try_from(time.as_micros()).unwrap_or(LONGEST);
            micros.min(LONGEST)
        };
        let (low, high) = (micros(low), micros(high));
        Latency {
            low: low.min(high),
            high: low.max(high),
        }
    }

    /// Returns the shortest and the longest time.
    pub fn range(self) -> (Duration, Duration) {
        (
            Duration::from_micros(self.low),
            Duration::from_micros(self.high),
        )
    }

    pub(super) fn draw(self, random: &mut fastrand::Rng) -> Duration {
        Duration::from_micros(random.u64(self.low..=self.high))
    }

    pub(super) fn parse(text: &str) -> Result<Latency, &'static str> {
        const EXPECTED: &str = "expected a time such as 20ms, 1s or 5ms..50ms, at most one hour";
        let (low, high) = text.split_once("..").unwrap_or((text, text));
        match (micros(low.trim()), micros(high.trim())) {
            (Some(low), Some(high)) if low <= high => Ok(Latency { low, high }),
            _ => Err(EXPECTED),
        }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.high == 0 {
            return f.write_str("off");
        }
        show(self.low, f)?;
        if self.low != self.high {
            f.write_str("..")?;
            show(self.high, f)?;
        }
        Ok(())
    }
}

fn show(micros: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match micros {
        0 => f.write_str("0"),
        _ if micros.is_multiple_of(MILLION) => write!(f, "{}s", micros / MILLION),
        _ if micros.is_multiple_of(1000) => write!(f, "{}ms", micros / 1000),
        _ => write!(f, "{micros}us"),
    }
}

fn micros(text: &str) -> Option<u64> {
    if matches!(text, "0" | "off") {
        return Some(0);
    }
    // `ms` and `us` come before `s`, because they also end with it.
    let units = [("us", 0), ("ms", 3), ("s", 6)];
    let (number, digits) = units
        .into_iter()
        .find_map(|(unit, digits)| Some((text.strip_suffix(unit)?, digits)))?;
    decimal(number.trim_end(), digits).filter(|micros| *micros <= LONGEST)
}

/// Returns a decimal number times ten to the power of `digits`, if the result is whole.
fn decimal(text: &str, digits: usize) -> Option<u64> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let part = part.trim_end_matches('0');
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let proper = !whole.is_empty() && all_digits(whole) && all_digits(part);
    if !proper || part.len() > digits {
        return None;
    }
    format!("{whole}{part:0<digits$}").parse().ok()
}
