//! What travels between API Gateway and a function, and between API Gateway and a client, as JSON.
//!
//! A local gateway writes a [`ProxyRequest`], a function reads it as an
//! [`AnyEvent`](crate::AnyEvent); a function writes a [`Response`](crate::Response), a gateway reads
//! it as a [`ProxyResponse`]. The conformance numbers in this module are those of the project's list
//! of how the real service behaves.

mod closing;
mod frame;
mod id;
mod incoming;
mod request;
mod response;
#[cfg(test)]
mod tests;

pub use closing::Closing;
pub use frame::{ErrorFrame, error_frame};
pub use id::{is_id, new_id};
pub(crate) use incoming::{EventType, Incoming, IncomingContext, headers, query};
pub use request::{
    Identity, Pairs, ProxyRequest, RequestContext, disconnect_headers, iso8601, request_time,
};
pub use response::{MalformedResponse, ProxyResponse};
