//! Access control of the local servers: programs on this machine may call them, but web pages may not.
//!
//! Every web page in the developer's browser can reach a server on the loopback interface. A page can post to it. With
//! a host name that resolves to 127.0.0.1 (DNS rebinding) it can even read the responses. A header that no page can
//! forge reveals both: an `Origin` in the first case, another `Host` in the second.

use crate::reply;
use bytes::Bytes;
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use http::{Response, StatusCode};
use http_body_util::Full;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// Browsers set it, and pages cannot.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The rule for the `Host`, `Origin` and `Sec-Fetch-Site` headers of requests.
///
/// - Exactly one `Host`: a loopback address (`127.0.0.0/8`, `[::1]`), `localhost`, or an allowed name, with any port.
/// - No `Origin`, or one with the host and port of `Host`. A page on another port of this machine is another origin.
///   `null`, which pages from files and sandboxes send, is rejected.
/// - No `Sec-Fetch-Site`, or `same-origin` or `none` (an address that the user typed).
///
/// ```
/// use http::header::{HOST, HeaderMap, HeaderValue, ORIGIN};
/// use lambda_ws_local::guard::{Guard, GuardError};
///
/// let guard = Guard::new(["gateway.test"]);
/// let mut headers = HeaderMap::new();
/// headers.insert(HOST, HeaderValue::from_static("localhost:3001"));
/// assert_eq!(guard.check(&headers), Ok(()));
/// headers.insert(ORIGIN, HeaderValue::from_static("http://localhost:8080"));
/// assert_eq!(guard.check(&headers), Err(GuardError::Origin));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Guard {
    names: Arc<[String]>,
}

/// Why a request is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GuardError {
    /// The `Host` header is missing, repeated, or not allowed.
    #[error("the Host header must be a loopback address, localhost or an allowed name")]
    Host,
    /// The request comes from a web page of another origin.
    #[error("requests from web pages of other origins are rejected")]
    Origin,
}

impl Guard {
    /// Returns a guard that accepts loopback hosts and these host names (without ports).
    pub fn new<N: fmt::Display>(names: impl IntoIterator<Item = N>) -> Guard {
        Guard {
            names: names
                .into_iter()
                .map(|name| name.to_string().to_ascii_lowercase())
                .collect(),
        }
    }

    /// Checks the headers of one request.
    ///
    /// # Errors
    ///
    /// The header that is not valid. [`GuardError::response`] is the response.
    pub fn check(&self, headers: &HeaderMap) -> Result<(), GuardError> {
        self.check_origin(headers)?;
        let sites = headers.get_all(SEC_FETCH_SITE);
        let same = |site: &HeaderValue| site == "same-origin" || site == "none";
        match sites.iter().all(same) {
            true => Ok(()),
            false => Err(GuardError::Origin),
        }
    }

    /// Checks the headers of a request that a link on another site may cause. It is like [`check`](Guard::check), but a
    /// browser may open the page in a tab (`Sec-Fetch-Mode: navigate`, `Sec-Fetch-Dest: document`) from any site.
    ///
    /// # Errors
    ///
    /// As [`check`](Guard::check).
    pub fn check_link(&self, headers: &HeaderMap) -> Result<(), GuardError> {
        let is = |name, value: &str| headers.get(name).is_some_and(|found| found == value);
        match is(SEC_FETCH_MODE, "navigate") && is(SEC_FETCH_DEST, "document") {
            true => self.check_origin(headers),
            false => self.check(headers),
        }
    }

    fn check_origin(&self, headers: &HeaderMap) -> Result<(), GuardError> {
        let mut hosts = headers.get_all(HOST).iter();
        let host = match (hosts.next(), hosts.next()) {
            (Some(host), None) if self.knows_authority(host.as_bytes()) => host.as_bytes(),
            _ => return Err(GuardError::Host),
        };
        for origin in headers.get_all(ORIGIN) {
            let origin = origin.as_bytes();
            let authority = origin
                .strip_prefix(b"http://")
                .or_else(|| origin.strip_prefix(b"https://"));
            if !authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host)) {
                return Err(GuardError::Origin);
            }
        }
        Ok(())
    }

    fn knows_authority(&self, authority: &[u8]) -> bool {
        let Ok(authority) = std::str::from_utf8(authority) else {
            return false;
        };
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => match rest.split_once(']') {
                Some((host, port)) => (host, port),
                None => return false,
            },
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port_is_fine = match port.strip_prefix(':') {
            Some(port) => port.bytes().all(|digit| digit.is_ascii_digit()),
            None => port.is_empty(),
        };
        port_is_fine
            && match host.parse::<IpAddr>() {
                Ok(address) => address.to_canonical().is_loopback(),
                Err(_) => {
                    host.eq_ignore_ascii_case("localhost")
                        || self
                            .names
                            .iter()
                            .any(|name| name.eq_ignore_ascii_case(host))
                }
            }
    }
}

impl GuardError {
    /// Returns the response to a rejected request: 403 with the reason, as JSON.
    pub fn response(self) -> Response<Full<Bytes>> {
        reply::json(StatusCode::FORBIDDEN, format!(r#"{{"message":"{self}"}}"#))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &[&'static str], origin: &[&'static str]) -> Result<(), GuardError> {
        let mut headers = HeaderMap::new();
        for host in host {
            headers.append(HOST, HeaderValue::from_static(host));
        }
        for origin in origin {
            headers.append(ORIGIN, HeaderValue::from_static(origin));
        }
        Guard::new(["Gateway.test"]).check(&headers)
    }

    #[test]
    fn programs_on_this_machine_are_welcome() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:3001",
            "127.9.9.9:1",
            "[::1]:3001",
            "[::1]",
            "[::ffff:127.0.0.1]:3001",
            "localhost",
            "LocalHost:80",
        ] {
            assert_eq!(check(&[host], &[]), Ok(()), "{host}");
        }
    }

    #[test]
    fn a_rebound_host_name_is_refused() {
        for host in [
            "evil.example",
            "evil.example:3001",
            "192.168.0.7:3001",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "localhost:80@evil.example",
            "localhost:80:80",
            "[::1",
            "[::1]evil.example",
            "[::]:3001",
            "[::ffff:192.168.0.7]",
            "[2001:db8::1]:3001",
            "::1",
            "",
        ] {
            assert_eq!(check(&[host], &[]), Err(GuardError::Host), "{host}");
        }
    }

    #[test]
    fn a_request_has_exactly_one_host() {
        assert_eq!(check(&[], &[]), Err(GuardError::Host));
        let expected = Err(GuardError::Host);
        assert_eq!(check(&["localhost", "localhost"], &[]), expected);
    }

    #[test]
    fn a_page_of_a_foreign_origin_is_refused() {
        for origin in [
            "https://evil.example",
            "null",
            "",
            "file://",
            "http://localhost.evil.example",
            "localhost",
        ] {
            let expected = Err(GuardError::Origin);
            assert_eq!(check(&["localhost"], &[origin]), expected, "{origin}");
        }
        assert_eq!(
            check(&["localhost"], &["http://localhost", "http://evil.example"]),
            Err(GuardError::Origin)
        );
    }

    #[test]
    fn fault_m4_an_origin_must_have_the_host_and_the_port_of_the_request() {
        for (host, origin) in [
            ("gateway.TEST:3001", "http://gateway.test:3001"),
            ("gateway.TEST:3001", "https://gateway.test:3001"),
            ("localhost:3001", "http://localhost:3001"),
            ("[::1]:3001", "http://[::1]:3001"),
            ("localhost", "http://localhost"),
        ] {
            assert_eq!(check(&[host], &[origin]), Ok(()), "{host} {origin}");
        }
        for origin in [
            "http://localhost:8080",
            "http://localhost",
            "http://127.0.0.1:3001",
            "http://gateway.test:3001",
            "http://localhost:3001/",
            "ws://localhost:3001",
        ] {
            let checked = check(&["localhost:3001"], &[origin]);
            assert_eq!(checked, Err(GuardError::Origin), "{origin}");
        }
    }

    fn fetch(values: &[(HeaderName, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, HeaderValue::from_static("localhost:3001"));
        for (name, value) in values {
            headers.append(name.clone(), HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn fault_m4_only_pages_of_the_same_origin_may_fetch() {
        let guard = Guard::default();
        for (site, allowed) in [
            ("same-origin", true),
            ("none", true),
            ("same-site", false),
            ("cross-site", false),
            ("", false),
        ] {
            let checked = guard.check(&fetch(&[(SEC_FETCH_SITE, site)]));
            assert_eq!(checked.is_ok(), allowed, "{site}");
        }
        let two = fetch(&[(SEC_FETCH_SITE, "none"), (SEC_FETCH_SITE, "cross-site")]);
        assert_eq!(guard.check(&two), Err(GuardError::Origin));
    }

    #[test]
    fn a_link_on_another_site_opens_a_page_in_a_tab_and_fetches_nothing() {
        let guard = Guard::default();
        let link = [
            (SEC_FETCH_SITE, "cross-site"),
            (SEC_FETCH_MODE, "navigate"),
            (SEC_FETCH_DEST, "document"),
        ];
        assert_eq!(guard.check_link(&fetch(&link)), Ok(()));
        assert_eq!(guard.check(&fetch(&link)), Err(GuardError::Origin));
        // A frame, a script, and a form that posts from another origin.
        let origin = (ORIGIN, "https://evil.example");
        let (site, mode) = (link[0].clone(), link[1].clone());
        let frame = [site.clone(), mode, (SEC_FETCH_DEST, "iframe")];
        assert_eq!(guard.check_link(&fetch(&frame)), Err(GuardError::Origin));
        assert_eq!(guard.check_link(&fetch(&[site])), Err(GuardError::Origin));
        let posted = [link[0].clone(), link[1].clone(), link[2].clone(), origin];
        assert_eq!(guard.check_link(&fetch(&posted)), Err(GuardError::Origin));
    }
}
