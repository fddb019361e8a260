//! The `@connections` management API (conformance G), and the responses to all other plain requests.

mod call;
mod error;
mod operations;
mod serve;

pub(super) use operations::{delete_unsigned, post_unsigned};
pub(super) use serve::serve;
