//! The identity sources of authorizers.

use super::AuthorizerRequest;
use crate::event::Pairs;
use serde_json::Value;
use std::fmt;
use std::str::FromStr;

/// A value that a handshake must contain. Without it, API Gateway does not invoke the authorizer and the client gets a
/// 401 (conformance B9).
///
/// ```
/// use lambda_ws_protocol::authorizer::IdentitySource;
///
/// let source: IdentitySource = "route.request.querystring.token".parse()?;
/// assert_eq!(source, IdentitySource::QueryString("token".to_owned()));
/// # Ok::<(), lambda_ws_protocol::authorizer::InvalidIdentitySource>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentitySource {
    /// `route.request.header.NAME`: a header. The case of its name is ignored.
    Header(String),
    /// `route.request.querystring.NAME`: a parameter of the query string.
    QueryString(String),
    /// `stageVariables.NAME`: a variable of the stage.
    StageVariable(String),
    /// `context.NAME`: a member of `requestContext`, such as `identity.sourceIp`.
    Context(String),
}

/// The error of a text that is not a valid identity source.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a valid identity source: expected route.request.header.NAME, route.request.querystring.NAME, \
     stageVariables.NAME or context.NAME"
)]
pub struct InvalidIdentitySource(String);

impl IdentitySource {
    /// Returns whether an authorizer's event contains a value of this source that is not empty.
    pub fn is_in(&self, event: &AuthorizerRequest<'_>) -> bool {
        let any = |pairs: Option<&Pairs>, is: &dyn Fn(&str) -> bool| {
            let mut pairs = pairs.into_iter().flat_map(Pairs::iter);
            pairs.any(|(name, value)| is(name) && !value.is_empty())
        };
        match self {
            Self::Header(name) => any(event.headers, &|n| n.eq_ignore_ascii_case(name)),
            Self::QueryString(name) => any(event.query_string_parameters, &|n| n == name),
            Self::StageVariable(name) => any(event.stage_variables, &|n| n == name),
            Self::Context(path) => {
                let context = serde_json::to_value(&event.request_context).unwrap_or_default();
                let value = path.split('.').try_fold(&context, |value, n| value.get(n));
                !matches!(value, None | Some(Value::Null))
                    && value.and_then(Value::as_str) != Some("")
            }
        }
    }
}

impl FromStr for IdentitySource {
    type Err = InvalidIdentitySource;

    fn from_str(text: &str) -> Result<Self, InvalidIdentitySource> {
        type Kind = fn(String) -> IdentitySource;
        const KINDS: [(&str, Kind); 4] = [
            ("route.request.header.", IdentitySource::Header),
            ("route.request.querystring.", IdentitySource::QueryString),
            ("stageVariables.", IdentitySource::StageVariable),
            ("context.", IdentitySource::Context),
        ];
        let is_name = |name: &&str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            !name.is_empty() && name.bytes().all(allowed)
        };
        let found = KINDS.iter().find_map(|(prefix, kind)| {
            let name = text.strip_prefix(prefix).filter(is_name)?;
            Some(kind(name.to_owned()))
        });
        found.ok_or_else(|| InvalidIdentitySource(text.to_owned()))
    }
}

impl fmt::Display for IdentitySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(f, "route.request.header.{name}"),
            Self::QueryString(name) => write!(f, "route.request.querystring.{name}"),
            Self::StageVariable(name) => write!(f, "stageVariables.{name}"),
            Self::Context(name) => write!(f, "context.{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b9_an_identity_source_has_the_form_of_websocket_apis() {
        for text in [
            "route.request.header.Sec-WebSocket-Protocol",
            "route.request.querystring.user_id",
            "stageVariables.color",
            "context.identity.sourceIp",
        ] {
            assert_eq!(text.parse::<IdentitySource>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "$request.header.Auth",
            "method.request.header.Auth",
            "route.request.header.",
            "route.request.header.a b",
            "route.request.body.token",
        ] {
            let error = text.parse::<IdentitySource>().unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}`")), "{error}");
        }
    }
}
