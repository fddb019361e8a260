//! The signature that a request contains.

use super::canonical;
use super::time as moment;
use super::{ALGORITHM, Request, SKEW, SignatureError, SigningKey, TERMINATOR};
use crate::Timestamp;
use crate::hex::unhex;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::percent_decode_str;
use ring::digest;
use std::borrow::Cow;
use std::time::Duration;

/// The valid durations of a signature in a query string, in seconds. The maximum is one week.
const EXPIRES: std::ops::RangeInclusive<u64> = 1..=604_800;

/// A signature with all its parts, before verification.
pub(super) struct Claim<'a> {
    /// `key/date/region/service/aws4_request`.
    credential: Cow<'a, str>,
    /// Lower-case names, separated by semicolons.
    signed_headers: Cow<'a, str>,
    signature: Cow<'a, str>,
    token: Option<Cow<'a, str>>,
    pub(super) time: Timestamp,
    /// The time in its signed form.
    date: String,
    /// The duration for which the signature is valid, if the request contains one.
    expires: Option<Duration>,
}

impl<'a> Claim<'a> {
    /// Reads the signature from the `Authorization` header, or else from the query string.
    pub(super) fn read(request: &Request<'a>) -> Result<Self, SignatureError> {
        match request.value("authorization") {
            Some(authorization) if !authorization.trim_ascii().is_empty() => {
                Self::of_header(request, authorization)
            }
            _ => Self::of_query(request.query),
        }
    }

    fn of_header(request: &Request<'a>, authorization: &'a [u8]) -> Result<Self, SignatureError> {
        // The header can contain a secret, so the service hashes it in its error.
        let hashed = || BASE64_STANDARD.encode(digest::digest(&digest::SHA256, authorization));
        let not_pairs = || {
            SignatureError::Incomplete(format!(
                "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded \
                 with Base64): '{}'.",
                hashed()
            ))
        };
        let text = std::str::from_utf8(authorization)
            .map_err(|_| not_pairs())?
            .trim();
        let (algorithm, rest) = text.split_once(' ').unwrap_or((text, ""));
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for pair in rest
            .split(',')
            .map(str::trim)
            .filter(|pair| !pair.is_empty())
        {
            let (name, value) = pair.split_once('=').ok_or_else(not_pairs)?;
            match name {
                "Credential" => credential = Some(value),
                "SignedHeaders" => signed_headers = Some(value),
                "Signature" => signature = Some(value),
                _ => {}
            }
        }
        let dated = request.value("x-amz-date");
        let date = dated.or_else(|| request.value("date"));
        let missing = [
            (credential.is_none(), "requires 'Credential' parameter."),
            (signature.is_none(), "requires 'Signature' parameter."),
            (
                signed_headers.is_none(),
                "requires 'SignedHeaders' parameter.",
            ),
            (
                date.is_none(),
                "requires existence of either a 'X-Amz-Date' or a 'Date' header.",
            ),
        ];
        let missing: String = missing
            .iter()
            .filter(|(missing, _)| *missing)
            .map(|(_, what)| format!("Authorization header {what} "))
            .collect();
        let (Some(credential), Some(signed_headers), Some(signature), Some(date)) =
            (credential, signed_headers, signature, date)
        else {
            return Err(SignatureError::Incomplete(format!(
                "{missing}(Hashed with SHA-256 and encoded with Base64) Authorization={}",
                hashed()
            )));
        };
        check_algorithm(algorithm)?;
        let token = request.value("x-amz-security-token");
        let time = time(&String::from_utf8_lossy(date), dated.is_none())?;
        Ok(Self {
            time,
            date: moment::format(time),
            credential: credential.into(),
            signed_headers: signed_headers.into(),
            signature: signature.into(),
            token: token.map(String::from_utf8_lossy),
            expires: None,
        })
    }

    fn of_query(query: &'a str) -> Result<Self, SignatureError> {
        let parameter = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            let mut values = pairs.filter(|(n, _)| percent_decode_str(n).eq(name.bytes()));
            let (_, value) = values.next()?;
            Some(percent_decode_str(value).decode_utf8_lossy())
        };
        let names = [
            "X-Amz-Algorithm",
            "X-Amz-Credential",
            "X-Amz-Signature",
            "X-Amz-SignedHeaders",
            "X-Amz-Date",
        ];
        let values = names.map(parameter);
        if values[..3].iter().all(Option::is_none) {
            return Err(SignatureError::Missing);
        }
        let missing: String = names
            .iter()
            .zip(&values)
            .filter(|(_, value)| value.is_none())
            .map(|(name, _)| format!("AWS query-string parameters must include '{name}'. "))
            .collect();
        let [
            Some(algorithm),
            Some(credential),
            Some(signature),
            Some(signed_headers),
            Some(date),
        ] = values
        else {
            return Err(SignatureError::Incomplete(format!(
                "{missing}Re-examine the query-string parameters."
            )));
        };
        check_algorithm(&algorithm)?;
        let expires = match parameter("X-Amz-Expires") {
            Some(text) => {
                let secs = text.parse().ok().filter(|secs| EXPIRES.contains(secs));
                Some(Duration::from_secs(secs.ok_or_else(|| {
                    SignatureError::Incomplete(format!(
                        "X-Amz-Expires must be a number of seconds from {} to {}",
                        EXPIRES.start(),
                        EXPIRES.end()
                    ))
                })?))
            }
            None => None,
        };
        let time = time(&date, false)?;
        Ok(Self {
            time,
            date: moment::format(time),
            credential,
            signed_headers,
            signature,
            token: parameter("X-Amz-Security-Token"),
            expires,
        })
    }

    /// Verifies that the owner of this access key signed `request` with `key`. `is_known` checks the session token.
    pub(super) fn verify(
        &self,
        request: &Request<'_>,
        access_key_id: &str,
        is_known: impl FnOnce(Option<&str>) -> bool,
        key: &SigningKey,
    ) -> Result<(), SignatureError> {
        let is_known = is_known(self.token.as_deref());
        if !is_known || self.credential.split('/').next() != Some(access_key_id) {
            return Err(SignatureError::UnknownKey);
        }
        let canonical_request = canonical::request(request, &self.signed_headers);
        let is_match = unhex(&self.signature)
            .is_some_and(|signature| key.verify(&self.date, &canonical_request, &signature));
        match is_match {
            true => Ok(()),
            false => Err(SignatureError::Mismatch {
                string_to_sign: key.text_to_sign(&self.date, &canonical_request),
                canonical_request,
            }),
        }
    }

    /// Checks the Region, service, day and time of the signature.
    pub(super) fn check(
        &self,
        region: &str,
        service: &str,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        let scope = |text: String| Err(SignatureError::Scope(text));
        let parts: Vec<&str> = self.credential.split('/').collect();
        let [_, date, for_region, for_service, terminator] = parts[..] else {
            return Err(SignatureError::Incomplete(format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{}'",
                self.credential
            )));
        };
        if terminator != TERMINATOR {
            return scope(format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{terminator}'."
            ));
        }
        if for_service != service {
            return scope(format!(
                "Credential should be scoped to correct service: '{service}'. "
            ));
        }
        if for_region != region {
            return scope("Credential should be scoped to a valid region. ".to_owned());
        }
        let day = moment::date_of(&self.date);
        if date != day {
            return scope(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{date}' != \
                 '{day}', from '{}'.",
                self.date
            ));
        }
        let mut names = self.signed_headers.split(';');
        if !names.any(|name| name == "host") {
            return scope(
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
                    .to_owned(),
            );
        }
        self.check_time(now)
    }

    fn check_time(&self, now: Timestamp) -> Result<(), SignatureError> {
        let format = moment::format;
        let holds = self.expires.unwrap_or(SKEW);
        // A signature contains whole seconds.
        let now = Timestamp::from_secs(now.secs());
        if self.time + holds < now {
            let earliest = Timestamp::from_secs(now.secs().saturating_sub(holds.as_secs()));
            return Err(SignatureError::Time(format!(
                "Signature expired: {} is now earlier than {} ({} - {} min.)",
                self.date,
                format(earliest),
                format(now),
                holds.as_secs() / 60
            )));
        }
        if self.time > now + SKEW {
            return Err(SignatureError::Time(format!(
                "Signature not yet current: {} is still later than {} ({} + {} min.)",
                self.date,
                format(now + SKEW),
                format(now),
                SKEW.as_secs() / 60
            )));
        }
        Ok(())
    }
}

fn check_algorithm(algorithm: &str) -> Result<(), SignatureError> {
    if algorithm == ALGORITHM {
        return Ok(());
    }
    Err(SignatureError::Incomplete(format!(
        "Unsupported AWS 'algorithm': '{algorithm}'."
    )))
}

fn time(text: &str, http: bool) -> Result<Timestamp, SignatureError> {
    let text = text.trim();
    let time = moment::parse(text);
    let time = time.or_else(|| http.then(|| moment::parse_http(text)).flatten());
    time.ok_or_else(|| {
        SignatureError::Incomplete(format!(
            "Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
        ))
    })
}
