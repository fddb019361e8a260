//! Who may call the management API: no web page of another origin, by no name that could be
//! rebound to this machine.

use http::header::{HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, Uri};
use std::net::IpAddr;

/// The hosts by which a request may reach us, beside `localhost` and loopback addresses.
#[derive(Debug, Default)]
pub(super) struct AllowedHosts(Vec<String>);

impl AllowedHosts {
    pub(super) fn new(hosts: &[String]) -> Self {
        Self(hosts.iter().map(|host| host.to_ascii_lowercase()).collect())
    }

    fn contain(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost"
            || literal.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
            || self.0.contains(&host)
    }
}

/// Whether a request names a host of ours, and comes from no page of another.
pub(super) fn allows(headers: &HeaderMap, hosts: &AllowedHosts) -> bool {
    let mut named = headers.get_all(HOST).iter();
    let (Some(host), None) = (named.next(), named.next()) else {
        return false;
    };
    let host: Option<Authority> = host.to_str().ok().and_then(|host| host.parse().ok());
    let from_us = headers.get_all(ORIGIN).iter().all(|origin| {
        let origin: Option<Uri> = origin.to_str().ok().and_then(|origin| origin.parse().ok());
        origin.is_some_and(|origin| origin.host().is_some_and(|host| hosts.contain(host)))
    });
    from_us && host.is_some_and(|host| hosts.contain(host.host()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_and_configured_hosts_are_allowed_and_others_are_not() {
        let hosts = AllowedHosts::new(&["Dev.example".to_owned()]);
        let allowed = |host: &str, origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, host.parse().unwrap());
            if let Some(origin) = origin {
                headers.insert(ORIGIN, origin.parse().unwrap());
            }
            allows(&headers, &hosts)
        };
        assert!(allowed("127.0.0.1:3001", None));
        assert!(allowed("[::1]:3001", None));
        assert!(allowed("localhost", Some("http://localhost:5173")));
        assert!(allowed("dev.example:80", None));
        assert!(!allowed("evil.example:3001", None));
        assert!(!allowed("127.0.0.1.evil.example", None));
        assert!(!allowed("localhost", Some("https://evil.example")));
        assert!(!allowed("localhost", Some("null")));
        assert!(!allows(&HeaderMap::new(), &hosts));
    }
}
