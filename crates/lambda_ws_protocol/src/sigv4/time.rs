//! The times in signatures, such as `20231129T080401Z`.

use crate::Timestamp;
use ::time::{Date, Month, OffsetDateTime};
use std::time::SystemTime;

/// Reads the time of a signature.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let is_valid = bytes.len() == 16
        && bytes.iter().enumerate().all(|(i, byte)| match i {
            8 => *byte == b'T',
            15 => *byte == b'Z',
            _ => byte.is_ascii_digit(),
        });
    if !is_valid {
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

/// Reads the time of a `Date` header.
pub(super) fn parse_http(text: &str) -> Option<Timestamp> {
    let time = httpdate::parse_http_date(text).ok()?;
    (time >= SystemTime::UNIX_EPOCH).then(|| time.into())
}

/// Returns a time in the form of signatures. Times after the year 9999 become the epoch.
pub(super) fn format(time: Timestamp) -> String {
    let day = day(time);
    let time = match day {
        EPOCH => Timestamp::from_millis(0),
        _ => time,
    };
    String::from_utf8_lossy(&date_time(day, time)).into_owned()
}

const EPOCH: Date = OffsetDateTime::UNIX_EPOCH.date();

/// Returns the day of a time in UTC. Times after the year 9999 become the epoch.
pub fn day(time: Timestamp) -> Date {
    let secs = i64::try_from(time.secs()).unwrap_or(i64::MAX);
    OffsetDateTime::from_unix_timestamp(secs).map_or(EPOCH, OffsetDateTime::date)
}

/// Returns a day as `20261123`.
pub(super) fn date(day: Date) -> [u8; 8] {
    let number = day.year().unsigned_abs() * 10_000
        + u32::from(u8::from(day.month())) * 100
        + u32::from(day.day());
    let mut digits = [b'0'; 8];
    write_digits(&mut digits, number);
    digits
}

/// Returns a time of `day` as `20261123T225501Z`.
pub(super) fn date_time(day: Date, time: Timestamp) -> [u8; 16] {
    let second = u32::try_from(time.secs() % 86_400).expect("a day has 86 400 seconds");
    let clock = second / 3600 * 10_000 + second / 60 % 60 * 100 + second % 60;
    let mut text = *b"00000000T000000Z";
    text[..8].copy_from_slice(&date(day));
    write_digits(&mut text[9..15], clock);
    text
}

fn write_digits(digits: &mut [u8], mut number: u32) {
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Returns the day of a time in this form.
pub(super) fn date_of(time: &str) -> &str {
    time.split('T').next().unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_time_is_read_as_the_same_time() {
        let text = "20231129T080401Z";
        let time = parse(text).unwrap();
        assert_eq!(time.secs(), 1_701_245_041);
        assert_eq!(format(time), text);
        assert_eq!(date_of(text), "20231129");
        let http = parse_http("Wed, 29 Nov 2023 08:04:01 GMT").unwrap();
        assert_eq!(http, time);
    }

    #[test]
    fn a_text_that_is_not_a_time_is_none() {
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
