//! The formats of draft 4.

use std::net::{Ipv4Addr, Ipv6Addr};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

#[derive(Clone, Copy)]
pub(super) enum Format {
    DateTime,
    Email,
    Hostname,
    Ipv4,
    Ipv6,
    Uri,
}

impl Format {
    /// Returns the format with this name. Unknown ones have no effect.
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "date-time" => Self::DateTime,
            "email" => Self::Email,
            "hostname" => Self::Hostname,
            "ipv4" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "uri" => Self::Uri,
            _ => return None,
        })
    }

    /// Returns the format in words.
    pub(super) fn description(self) -> &'static str {
        match self {
            Self::DateTime => "a time such as 2026-01-31T12:00:00Z",
            Self::Email => "an email address",
            Self::Hostname => "a host name",
            Self::Ipv4 => "an IPv4 address",
            Self::Ipv6 => "an IPv6 address",
            Self::Uri => "a URI such as https://example.com",
        }
    }

    pub(super) fn matches(self, text: &str) -> bool {
        match self {
            Self::DateTime => OffsetDateTime::parse(text, &Rfc3339).is_ok(),
            Self::Email => text.rsplit_once('@').is_some_and(|(name, host)| {
                let is_literal = host.starts_with('[') && host.ends_with(']');
                is_name(name) && (is_literal || is_host(host))
            }),
            Self::Hostname => is_host(text),
            Self::Ipv4 => text.parse::<Ipv4Addr>().is_ok(),
            Self::Ipv6 => text.parse::<Ipv6Addr>().is_ok(),
            Self::Uri => is_uri(text),
        }
    }
}

/// Returns whether this is the part of an email address before the `@`: words between dots, or a text in quotes.
fn is_name(text: &str) -> bool {
    let is_quoted = text.len() > 2 && text.starts_with('"') && text.ends_with('"');
    let is_letter = |letter: char| !letter.is_whitespace() && !r#"()<>[]:;@\,""#.contains(letter);
    let mut words = text.split('.');
    is_quoted || words.all(|word| !word.is_empty() && word.chars().all(is_letter))
}

fn is_host(text: &str) -> bool {
    let is_letter = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-';
    let mut labels = text.split('.');
    text.len() <= 253
        && labels.all(|label| {
            let is_long = label.is_empty() || label.len() > 63;
            !is_long
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(is_letter)
        })
}

/// Returns whether this has a scheme, and only the characters of RFC 3986.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else {
        return false;
    };
    let is_of_a_scheme = |letter: u8| letter.is_ascii_alphanumeric() || b"+-.".contains(&letter);
    let is_allowed =
        |letter: u8| letter.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&letter);
    let mut escapes = rest.split('%').skip(1);
    scheme.starts_with(|letter: char| letter.is_ascii_alphabetic())
        && scheme.bytes().all(is_of_a_scheme)
        && rest.bytes().all(is_allowed)
        && escapes.all(|escape| {
            let digits = escape.as_bytes().get(..2);
            digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        })
}
