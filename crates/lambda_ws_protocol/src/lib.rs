//! The formats and rules of Amazon API Gateway WebSocket APIs, shared by [`lambda_ws`] and its local gateway.
//!
//! | module | contains |
//! |---|---|
//! | [`event`] | the JSON events that a gateway sends to a function |
//! | [`response`] | the JSON responses of a function, and the error frames that clients get |
//! | [`authorizer`] | the events, responses and policies of Lambda authorizers |
//! | [`selection`] | route selection expressions |
//! | [`limits`] | the quotas of the service |
//! | [`admin`] | the commands of admin events, and their answers |
//! | [`table_layout`] | the keys of the connections table in DynamoDB |
//! | [`sigv4`] | AWS Signature Version 4: canonical requests, signing and verification (feature `sigv4`) |
//!
//! Applications use [`lambda_ws`]. This crate has no I/O.
//!
//! The conformance numbers in this crate, such as C1, refer to the project's list of the behaviour of the real service.
//!
//! [`lambda_ws`]: https://docs.rs/lambda_ws

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod admin;
pub mod authorizer;
mod close_reason;
mod connection_id;
pub mod event;
mod hex;
pub mod limits;
mod position;
pub mod response;
pub mod selection;
#[cfg(feature = "sigv4")]
pub mod sigv4;
pub mod table_layout;
mod timestamp;

pub use close_reason::CloseReason;
pub use connection_id::ConnectionId;
pub use hex::hex;
pub use position::Position;
pub use timestamp::Timestamp;
