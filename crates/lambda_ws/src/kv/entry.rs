//! A value with its version.

use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// A value of a [`Kv`](crate::Kv) with its version and expiry.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry<T> {
    /// The value.
    pub value: T,
    /// The version. It changes with every write.
    pub version: Version,
    /// The expiry, if there is one.
    pub expires: Option<Timestamp>,
}

/// The version of a value. It changes with every write, in no order. Its JSON is a number that JavaScript represents
/// exactly, for clients that change the value they have read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub(super) u64);
