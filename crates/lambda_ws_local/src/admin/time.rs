//! The time of the gateway's timers.

use super::Call;
use super::reply::{AdminError, Reply};
use crate::gateway::{Time, TimeError};
use http::Method;
use serde_json::json;
use std::time::Duration;

pub(super) fn scale(time: &Time, call: &Call) -> Result<Reply, AdminError> {
    if call.method == Method::PUT {
        let scale = call.value("scale")?.parse();
        time.set_scale(scale.map_err(|_| TimeError::Scale)?)?;
    }
    Ok(Reply::json(match time.scale() {
        Some(scale) => json!({ "scale": scale }),
        None => json!({ "manual": true }),
    }))
}

pub(super) fn advance(time: &Time, call: &Call) -> Result<Reply, AdminError> {
    let by = call.value("by")?;
    let by = duration(&by).ok_or_else(|| {
        AdminError::bad(format!(
            "`{by}` is not a valid time: expected one such as 500ms, 30s, 10m or 2h"
        ))
    })?;
    time.advance(by)?;
    Ok(Reply::json(json!({ "manual": true })))
}

fn duration(text: &str) -> Option<Duration> {
    // `ms` before `m` and `s`.
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    let (number, millis) = units
        .into_iter()
        .find_map(|(unit, millis)| Some((text.strip_suffix(unit)?.trim_end(), millis)))?;
    // A thousand years are enough and cannot overflow.
    let number: u64 = number.parse().ok()?;
    let total = number.checked_mul(millis)?;
    (total <= 1000 * 365 * 24 * 3_600_000).then(|| Duration::from_millis(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_a_unit() {
        for (text, millis) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("10 m", 600_000),
            ("2h", 7_200_000),
        ] {
            let expected = Some(Duration::from_millis(millis));
            assert_eq!(duration(text), expected, "{text}");
        }
        for text in [
            "",
            "10",
            "m",
            "-1s",
            "1.5h",
            "99999999999999999999h",
            "9999999999h",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
