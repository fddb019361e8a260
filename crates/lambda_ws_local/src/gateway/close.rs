//! Close codes and reasons, as clients and DISCONNECT events see them.

use std::borrow::Cow;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

/// Why a connection ended (conformance C3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Close {
    pub(super) code: u16,
    pub(super) reason: Cow<'static, str>,
}

impl Close {
    /// `DELETE @connections` (conformance G9).
    pub(super) const NORMAL: Self = Self::new(1000, "Connection Closed Normally");
    /// Idle, too old, or the gateway itself ends (conformance F5, F6).
    pub(super) const GOING_AWAY: Self = Self::new(1001, "Going away");
    /// The client broke the protocol (conformance F10).
    pub(super) const PROTOCOL_ERROR: Self = Self::new(1002, "Protocol error");
    /// A binary frame (conformance F1).
    pub(super) const UNSUPPORTED: Self = Self::new(1003, "Binary frames are not supported");
    /// The client closed without a code (conformance C3).
    pub(super) const NO_STATUS: Self = Self::new(1005, "Client-side close frame status not set");
    /// The TCP connection was lost (conformance C3).
    pub(super) const LOST: Self = Self::new(1006, "Connection closed abnormally");
    /// Text that is not UTF-8 (conformance F10).
    pub(super) const NOT_UTF8: Self = Self::new(1007, "Text is not UTF-8");
    /// A frame over 32 KB or a message over 128 KB (conformance F2).
    pub(super) const TOO_BIG: Self = Self::new(1009, "Frame over 32 KB or message over 128 KB");

    const fn new(code: u16, reason: &'static str) -> Self {
        Self {
            code,
            reason: Cow::Borrowed(reason),
        }
    }

    /// What the client said when it closed.
    pub(super) fn by_client(frame: Option<CloseFrame>) -> Self {
        frame.map_or(Self::NO_STATUS, |frame| Self {
            code: frame.code.into(),
            reason: Cow::Owned(frame.reason.as_str().to_owned()),
        })
    }

    /// What the client is told.
    pub(super) fn frame(&self) -> CloseFrame {
        CloseFrame {
            code: CloseCode::from(self.code),
            reason: self.reason.as_ref().into(),
        }
    }
}
