//! Points in time as signatures write them: `20231129T080401Z`.

use lambda_ws::Timestamp;
use std::time::SystemTime;
use time::{Date, Month, OffsetDateTime};

/// A point in time that a signature can be of.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let sound = bytes.len() == 16
        && bytes.iter().enumerate().all(|(i, byte)| match i {
            8 => *byte == b'T',
            15 => *byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    if !sound {
        return None;
    }
    let part = |from: usize, to: usize| text[from..to].parse::<u16>().ok();
    let small = |from: usize, to: usize| text[from..to].parse::<u8>().ok();
    let month = Month::try_from(small(4, 6)?).ok()?;
    let date = Date::from_calendar_date(i32::from(part(0, 4)?), month, small(6, 8)?).ok()?;
    let time = date.with_hms(small(9, 11)?, small(11, 13)?, small(13, 15)?);
    let secs = time.ok()?.assume_utc().unix_timestamp();
    Some(Timestamp::from_secs(u64::try_from(secs).ok()?))
}

/// A point in time as the `Date` header has it.
pub(super) fn parse_http(text: &str) -> Option<Timestamp> {
    let time = httpdate::parse_http_date(text).ok()?;
    (time >= SystemTime::UNIX_EPOCH).then(|| time.into())
}

/// The form that signatures have.
pub(super) fn format(time: Timestamp) -> String {
    let secs = i64::try_from(time.secs()).unwrap_or(i64::MAX);
    // What comes after the year 9999 has no such form, and is not what a clock says.
    let time = OffsetDateTime::from_unix_timestamp(secs).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// The day of a time in this form.
pub(super) fn date(time: &str) -> &str {
    time.split('T').next().unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_as_it_is_written() {
        let text = "20231129T080401Z";
        let time = parse(text).unwrap();
        assert_eq!(time.secs(), 1_701_245_041);
        assert_eq!(format(time), text);
        assert_eq!(date(text), "20231129");
        let http = parse_http("Wed, 29 Nov 2023 08:04:01 GMT").unwrap();
        assert_eq!(http, time);
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "20231129",
            "20231329T080401Z",
            "20230229T080401Z",
            "20231129T250401Z",
            "20231129T080401+",
            "2023112éT080401Z",
            "19691231T235959Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse_http("today"), None);
        assert_eq!(format(Timestamp::from_millis(u64::MAX)), "19700101T000000Z");
    }
}
