//! The HTTP side of a connection: its byte stream, the head of its first request, the WebSocket handshake, and error
//! responses.

mod error;
mod handshake;
mod head;
mod stream;
mod tls;

pub(super) use error::{HttpError, JSON, date};
pub(super) use handshake::{Handshake, after_stage, source_ip, split, stage};
pub(super) use head::{Head, HeadError, Upgrade, check_size, has_token};
pub(super) use stream::Stream;
pub use tls::{Tls, TlsError};
