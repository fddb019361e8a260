//! Close codes and reasons, as clients and DISCONNECT events see them.

use lambda_ws_protocol::CloseReason;
use std::borrow::Cow;

/// Why a connection ended (conformance C3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Close {
    pub(crate) code: u16,
    pub(crate) reason: Cow<'static, str>,
}

impl Close {
    pub(crate) const NORMAL: Self = Self::of(CloseReason::NORMAL);
    pub(crate) const GOING_AWAY: Self = Self::of(CloseReason::GOING_AWAY);
    pub(crate) const PROTOCOL_ERROR: Self = Self::of(CloseReason::PROTOCOL_ERROR);
    pub(crate) const UNSUPPORTED: Self = Self::of(CloseReason::UNSUPPORTED);
    pub(crate) const NO_STATUS: Self = Self::of(CloseReason::NO_STATUS);
    pub(crate) const LOST: Self = Self::of(CloseReason::LOST);
    pub(crate) const NOT_UTF8: Self = Self::of(CloseReason::NOT_UTF8);
    pub(crate) const TOO_BIG: Self = Self::of(CloseReason::TOO_BIG);

    const fn of(closing: CloseReason) -> Self {
        Self {
            code: closing.code,
            reason: Cow::Borrowed(closing.reason),
        }
    }

    /// Parses the client's close frame.
    ///
    /// # Errors
    ///
    /// The close frame for the client, if its own is not valid (conformance F10; RFC 6455, 7.4).
    pub(crate) fn read(payload: &[u8]) -> Result<Self, Self> {
        let (code, reason) = match payload {
            [] => return Ok(Self::NO_STATUS),
            [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
            [_] => return Err(Self::PROTOCOL_ERROR),
        };
        // The codes of the protocol and its registry, of libraries and of applications.
        if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
            return Err(Self::PROTOCOL_ERROR);
        }
        let reason = std::str::from_utf8(reason).map_err(|_| Self::NOT_UTF8)?;
        Ok(Self {
            code,
            reason: Cow::Owned(reason.to_owned()),
        })
    }

    /// Returns the payload of the close frame for the client, which is empty if the client's was.
    pub(crate) fn payload(&self) -> Vec<u8> {
        if self.code == CloseReason::NO_STATUS.code {
            return Vec::new();
        }
        let mut payload = self.code.to_be_bytes().to_vec();
        payload.extend_from_slice(self.reason.as_bytes());
        payload
    }
}
