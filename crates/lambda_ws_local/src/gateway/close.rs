//! Close codes and reasons, as clients and DISCONNECT events see them.

use lambda_ws::wire::Closing;
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
    pub(super) const NORMAL: Self = Self::of(Closing::NORMAL);
    pub(super) const GOING_AWAY: Self = Self::of(Closing::GOING_AWAY);
    pub(super) const PROTOCOL_ERROR: Self = Self::of(Closing::PROTOCOL_ERROR);
    pub(super) const UNSUPPORTED: Self = Self::of(Closing::UNSUPPORTED);
    pub(super) const LOST: Self = Self::of(Closing::LOST);
    pub(super) const NOT_UTF8: Self = Self::of(Closing::NOT_UTF8);
    pub(super) const TOO_BIG: Self = Self::of(Closing::TOO_BIG);

    const fn of(closing: Closing) -> Self {
        Self {
            code: closing.code,
            reason: Cow::Borrowed(closing.reason),
        }
    }

    /// What the client said when it closed.
    pub(super) fn by_client(frame: Option<CloseFrame>) -> Self {
        frame.map_or(Self::of(Closing::NO_STATUS), |frame| Self {
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
