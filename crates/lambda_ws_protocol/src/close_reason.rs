//! The close codes and reasons of connections.

/// The code and the reason of a close. The client and the DISCONNECT event get both (conformance C3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CloseReason {
    /// The close code.
    pub code: u16,
    /// The close reason.
    pub reason: &'static str,
}

impl CloseReason {
    /// A `DELETE @connections` closed the connection (conformance G9).
    pub const NORMAL: Self = Self::new(1000, "Connection Closed Normally");
    /// The connection was idle or reached its maximum duration (conformance F5, F6).
    pub const GOING_AWAY: Self = Self::new(1001, "Going away");
    /// The client violated the websocket protocol (conformance F10).
    pub const PROTOCOL_ERROR: Self = Self::new(1002, "Protocol error");
    /// The client sent a binary frame (conformance F1).
    pub const UNSUPPORTED: Self = Self::new(1003, "Binary frames are not supported");
    /// The client closed the connection without a code (conformance C3).
    pub const NO_STATUS: Self = Self::new(1005, "Client-side close frame status not set");
    /// The TCP connection was lost (conformance C3).
    pub const LOST: Self = Self::new(1006, "Connection closed abnormally");
    /// The client sent text that is not UTF-8 (conformance F10).
    pub const NOT_UTF8: Self = Self::new(1007, "Text is not UTF-8");
    /// The client sent a frame over 32 KB or a message over 128 KB (conformance F2).
    pub const TOO_BIG: Self = Self::new(1009, "Frame over 32 KB or message over 128 KB");

    const fn new(code: u16, reason: &'static str) -> Self {
        Self { code, reason }
    }
}
