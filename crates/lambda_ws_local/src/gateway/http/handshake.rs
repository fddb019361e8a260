//! The WebSocket handshake, checked (RFC 6455, 4.2) before a function sees it.

use crate::gateway::http::{HttpError, Upgrade, date, has_token};
use lambda_ws_protocol::event::Pairs;
use lambda_ws_protocol::limits;
use percent_encoding::percent_decode_str;
use std::net::SocketAddr;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

#[derive(Debug)]
pub(crate) struct Handshake {
    key: String,
    /// The host in the client's request.
    pub(crate) host: String,
    pub(crate) user_agent: Option<String>,
    /// The headers of the CONNECT event.
    pub(crate) headers: Pairs,
    /// The query string of the CONNECT event; `None` without one.
    pub(crate) query: Option<Pairs>,
}

impl Handshake {
    pub(crate) fn check(request: &Upgrade, stage: &str) -> Result<Self, HttpError> {
        if request.target.chars().count() > limits::URL_CHARS {
            // Conformance A2.
            return Err(HttpError::new(414, "BadRequestException", "URI Too Long"));
        }
        let (path, query) = split(&request.target)?;
        if self::stage(path) != Some(stage) || !after_stage(path).is_empty() {
            // Conformance A1, A4.
            return Err(HttpError::forbidden());
        }
        let value = |name: &str| request.headers.value(name);
        let count = |name: &str| {
            let same = |(n, _): &(&str, &str)| n.eq_ignore_ascii_case(name);
            request.headers.iter().filter(same).count()
        };
        if !request.http_11 {
            return Err(HttpError::bad_request("a WebSocket requires HTTP/1.1"));
        }
        if count("host") != 1 {
            return Err(HttpError::bad_request(
                "exactly one Host header is required",
            ));
        }
        let upgrades = request.headers.iter().any(|(name, value)| {
            name.eq_ignore_ascii_case("connection") && has_token(value.as_bytes(), "upgrade")
        });
        if !upgrades {
            return Err(HttpError::bad_request(
                "a Connection: upgrade header is required",
            ));
        }
        match value("sec-websocket-version") {
            Some(version) if version.trim() == "13" => {}
            Some(_) => return Err(HttpError::other_version()),
            None => {
                return Err(HttpError::bad_request(
                    "a Sec-WebSocket-Version header is required",
                ));
            }
        }
        let key = value("sec-websocket-key").map(str::trim);
        let key = key.filter(|key| is_key(key) && count("sec-websocket-key") == 1);
        let Some(key) = key else {
            return Err(HttpError::bad_request(
                "one Sec-WebSocket-Key header of 16 bytes in base64 is required",
            ));
        };
        let has_body = value("content-length").is_some_and(|length| length.trim() != "0");
        if has_body || count("transfer-encoding") > 0 {
            return Err(HttpError::bad_request("a handshake must not have a body"));
        }
        Ok(Self {
            key: key.to_owned(),
            host: value("host").unwrap_or_default().to_owned(),
            user_agent: value("user-agent").map(str::to_owned),
            headers: Pairs::default(),
            query: query.map(pairs).filter(|pairs| !pairs.is_empty()),
        })
    }

    /// Sets the headers of the CONNECT event (conformance C1): those of the client in their order and case, without
    /// hop-by-hop headers and with those of the proxy.
    pub(crate) fn forward(
        &mut self,
        sent: Pairs,
        peer: SocketAddr,
        port: u16,
        scheme: &'static str,
        trace: String,
    ) {
        let ours = |name: &str| {
            const OURS: [&str; 7] = [
                "connection",
                "upgrade",
                "content-length",
                "x-forwarded-for",
                "x-forwarded-port",
                "x-forwarded-proto",
                "x-amzn-trace-id",
            ];
            OURS.iter().any(|other| name.eq_ignore_ascii_case(other))
        };
        let trace = sent.value("x-amzn-trace-id").map_or(trace, str::to_owned);
        let source = source_ip(peer);
        let forwarded = match sent.value("x-forwarded-for") {
            Some(before) => format!("{before}, {source}"),
            None => source,
        };
        let client = sent.iter().filter(|(name, _)| !ours(name));
        let mut headers: Pairs = client
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        headers.push("X-Amzn-Trace-Id", trace);
        headers.push("X-Forwarded-For", forwarded);
        headers.push("X-Forwarded-Port", port.to_string());
        headers.push("X-Forwarded-Proto", scheme);
        self.headers = headers;
    }

    /// Returns the 101 in the service's spelling (conformance B7), with the sub-protocol that the function chose
    /// (conformance B6, B8).
    pub(crate) fn accept(&self, protocol: Option<&str>) -> Vec<u8> {
        let accept = derive_accept_key(self.key.as_bytes());
        let mut head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nDate: {}\r\nConnection: upgrade\r\n\
             upgrade: websocket\r\nsec-websocket-accept: {accept}\r\n",
            date()
        );
        if let Some(protocol) = protocol {
            head.push_str("sec-websocket-protocol: ");
            head.push_str(protocol);
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// Returns the client's address in the format of events.
pub(crate) fn source_ip(peer: SocketAddr) -> String {
    peer.ip().to_canonical().to_string()
}

/// Returns the first segment of a path, which is the stage.
pub(crate) fn stage(path: &str) -> Option<&str> {
    path.strip_prefix('/')?.split('/').next()
}

/// Returns the path after the stage, without the slash between them.
pub(crate) fn after_stage(path: &str) -> &str {
    let rest = path.strip_prefix('/').unwrap_or(path);
    rest.split_once('/').map_or("", |(_, rest)| rest)
}

/// Returns the path and query of a request target, which may be a complete URL.
pub(crate) fn split(target: &str) -> Result<(&str, Option<&str>), HttpError> {
    let path = match target.split_once("://") {
        Some((scheme, rest)) if !scheme.contains(['/', '?']) => {
            &rest[rest.find('/').unwrap_or(rest.len())..]
        }
        _ => target,
    };
    if !path.starts_with('/') {
        return Err(HttpError::bad_request("the request's path is malformed"));
    }
    Ok(match path.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path, None),
    })
}

fn pairs(query: &str) -> Pairs {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let decoded = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    });
    decoded.collect()
}

fn decode(text: &str) -> String {
    let spaced = text.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
}

/// Whether `key` is 16 bytes in base64.
fn is_key(key: &str) -> bool {
    let digits = key.strip_suffix("==");
    digits.is_some_and(|digits| {
        let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
        digits.len() == 22 && digits.bytes().all(is_digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str, headers: &[(&str, &str)]) -> Upgrade {
        let headers = headers.iter();
        Upgrade {
            target: target.to_owned(),
            http_11: true,
            headers: headers
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            rest: Vec::new(),
        }
    }

    const HEADERS: [(&str, &str); 4] = [
        ("Host", "localhost:3001"),
        ("connection", "keep-alive, Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("Sec-WebSocket-Version", "13"),
    ];

    fn status(target: &str, headers: &[(&str, &str)]) -> u16 {
        match Handshake::check(&request(target, headers), "dev") {
            Ok(_) => 101,
            Err(error) => error.status,
        }
    }

    #[test]
    fn a1_the_stage_is_the_whole_path() {
        for target in ["/dev", "/dev/", "/dev?x", "ws://localhost:3001/dev"] {
            assert_eq!(status(target, &HEADERS), 101, "{target}");
        }
        for target in ["/", "/other", "/dev/more", "/dev//", "//dev", "http://x"] {
            assert!(matches!(status(target, &HEADERS), 403 | 400), "{target}");
        }
    }

    #[test]
    fn a2_a_url_has_4096_characters_at_most() {
        let url = |chars: usize| format!("/dev?{}", "x".repeat(chars - 5));
        assert_eq!(status(&url(4096), &HEADERS), 101);
        assert_eq!(status(&url(4097), &HEADERS), 414);
    }

    #[test]
    fn an_improper_handshake_is_refused() {
        let with = |index: usize, value: &'static str| {
            let mut headers = HEADERS;
            headers[index].1 = value;
            status("/dev", &headers)
        };
        assert_eq!(with(1, "keep-alive"), 400);
        assert_eq!(with(2, "short=="), 400);
        assert_eq!(with(3, "8"), 426);
        for missing in 0..4 {
            let mut headers = HEADERS.to_vec();
            headers.remove(missing);
            assert_eq!(status("/dev", &headers), 400, "without {missing}");
        }
        let mut headers = HEADERS.to_vec();
        headers.push(("Content-Length", "3"));
        assert_eq!(status("/dev", &headers), 400);
    }

    #[test]
    fn c1_a_query_string_is_decoded_and_absent_without_one() {
        let query = |target| {
            let handshake = Handshake::check(&request(target, &HEADERS), "dev").unwrap();
            handshake.query.map(|query| {
                let pairs = query.iter().map(|(n, v)| format!("{n}={v}"));
                pairs.collect::<Vec<_>>().join(";")
            })
        };
        assert_eq!(query("/dev"), None);
        assert_eq!(query("/dev?"), None);
        let expected = "a=1;a=é x;b=;c=d=e";
        assert_eq!(query("/dev?a=1&a=%C3%A9+x&&b&c=d=e").unwrap(), expected);
    }

    #[test]
    fn j1_an_ipv4_address_stays_one_on_an_ipv6_socket() {
        let source = |address: &str| source_ip(address.parse().unwrap());
        assert_eq!(source("[::ffff:192.0.2.1]:80"), "192.0.2.1");
        assert_eq!(source("[2001:db8::1]:80"), "2001:db8::1");
        assert_eq!(source("[fe80::1%2]:80"), "fe80::1");
    }

    #[test]
    fn the_accept_key_is_that_of_the_rfc() {
        let handshake = Handshake::check(&request("/dev", &HEADERS), "dev").unwrap();
        let head = String::from_utf8(handshake.accept(Some("chat.v1"))).unwrap();
        assert!(head.contains("sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
        assert!(head.ends_with("sec-websocket-protocol: chat.v1\r\n\r\n"));
    }
}
