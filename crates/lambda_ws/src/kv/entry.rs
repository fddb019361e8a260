//! A value with its version.

use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// A value of a [`Kv`](crate::Kv), with what the store knows of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry<T> {
    /// The value.
    pub value: T,
    /// Another one after every change.
    pub version: Version,
    /// When it is over, if it ever is.
    pub expires: Option<Timestamp>,
}

/// A version of a value: another one after every change, in no order. As JSON it is a number that
/// JavaScript holds, for clients that change what they have read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Version(pub(super) u64);
