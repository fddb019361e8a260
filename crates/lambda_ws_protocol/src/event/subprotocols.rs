//! The sub-protocols that a client offers, and the token among them.

use http::HeaderMap;
use http::header::SEC_WEBSOCKET_PROTOCOL;

/// The sub-protocol that precedes a token. The next value in the list is the token.
pub const BEARER: &str = "bearer";

/// The sub-protocols that a client offers, and the optional token among them.
#[derive(Default)]
#[non_exhaustive]
pub struct OfferedProtocols {
    /// The sub-protocols in the client's order of preference, without `bearer` and the token.
    pub protocols: Vec<String>,
    /// The token after `bearer`.
    pub token: Option<String>,
}

impl OfferedProtocols {
    /// Reads the sub-protocols from the headers of a handshake.
    pub fn of(headers: &HeaderMap) -> Self {
        let lists = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
        let lists = lists.filter_map(|value| value.to_str().ok());
        let protocols = lists.flat_map(|list| list.split(',')).map(str::trim);
        let mut protocols = protocols.filter(|protocol| !protocol.is_empty());
        let mut offer = Self::default();
        while let Some(protocol) = protocols.next() {
            let token = match protocol {
                BEARER => protocols.next(),
                _ => None,
            };
            match token {
                Some(token) => offer.token = offer.token.or_else(|| Some(token.to_owned())),
                None => offer.protocols.push(protocol.to_owned()),
            }
        }
        offer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(header: &'static str) -> (Vec<String>, Option<String>) {
        let value = http::HeaderValue::from_static(header);
        let headers = HeaderMap::from_iter([(SEC_WEBSOCKET_PROTOCOL, value)]);
        let OfferedProtocols { protocols, token } = OfferedProtocols::of(&headers);
        (protocols, token)
    }

    #[test]
    fn b8_a_token_is_not_among_the_protocols() {
        let token = Some("t".to_owned());
        assert_eq!(offer("bearer, t"), (vec![], token.clone()));
        assert_eq!(offer("bearer,t,a"), (vec!["a".to_owned()], token.clone()));
        assert_eq!(offer("a, bearer , t"), (vec!["a".to_owned()], token));
        let expected = (vec!["a".to_owned(), "bearer".to_owned()], None);
        assert_eq!(offer("a, bearer"), expected);
        assert_eq!(offer(""), (vec![], None));
    }
}
