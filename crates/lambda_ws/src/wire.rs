//! What travels between API Gateway and a function, and between API Gateway and a client, as JSON.
//!
//! A local gateway writes a [`ProxyRequest`], a function reads it as an
//! [`AnyEvent`](crate::AnyEvent); a function writes a [`Response`](crate::Response), a gateway reads
//! it as a [`ProxyResponse`]. The conformance numbers in this module are those of the project's list
//! of how the real service behaves.

mod authorizer;
mod closing;
mod frame;
mod id;
mod identity;
mod identity_source;
mod incoming;
mod offer;
mod origin;
mod policy;
mod request;
mod response;
#[cfg(test)]
mod tests;

pub use authorizer::{AuthorizerRequest, AuthorizerResponse, MalformedPolicy, authorizer_headers};
pub use closing::Closing;
pub use frame::{ErrorFrame, error_frame};
pub use id::{is_id, new_id};
pub use identity::{EventShape, Identity};
pub use identity_source::{IdentitySource, NoIdentitySource};
pub(crate) use incoming::{EventType, Incoming, IncomingContext, headers, query};
pub(crate) use offer::{BEARER, Offer};
pub use origin::Origin;
pub use policy::{PolicyContext, matches_pattern};
pub use request::{Pairs, ProxyRequest, RequestContext, disconnect_headers, iso8601, request_time};
pub use response::{MalformedResponse, ProxyResponse};
