//! The JSON events that a gateway sends to a function (conformance C).
//!
//! A gateway writes a [`ProxyRequest`]. A function reads an [`IncomingEvent`], which has only the members that
//! `lambda_ws` uses and borrows most of them.

mod connection_details;
mod id;
mod identity;
mod incoming;
mod request;
mod subprotocols;
#[cfg(test)]
mod tests;

pub use connection_details::ConnectionDetails;
pub use id::{is_id, new_id};
pub use identity::{EventShape, Identity};
pub use incoming::{EventType, IncomingContext, IncomingEvent, IncomingIdentity};
pub use request::{Pairs, ProxyRequest, RequestContext, disconnect_headers, iso8601, request_time};
pub(crate) use request::{all, last};
pub use subprotocols::{BEARER, OfferedProtocols};
