//! Positions in the log of a room.

use crate::table_layout::{MAX_SEQ, epoch_millis};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The position of a message in the log of its room. In JSON it is `["k3f9x0a2b", 57]`.
///
/// Positions of a log are ordered: first by the epoch, then by the number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// The epoch: 9 characters, which increase from epoch to epoch.
    pub epoch: String,
    /// The sequence number within the epoch. The first message has the number 1.
    pub seq: u64,
}

impl Position {
    /// Returns the position of message `seq` of an epoch.
    pub fn new(epoch: impl Into<String>, seq: u64) -> Self {
        let epoch = epoch.into();
        Self { epoch, seq }
    }

    /// Returns the position of the next message of the epoch.
    pub fn next(&self) -> Self {
        Self::new(&*self.epoch, self.seq + 1)
    }

    /// Returns whether a message of any log can have this position.
    pub fn is_valid(&self) -> bool {
        self.seq <= MAX_SEQ && epoch_millis(&self.epoch).is_some()
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut pair = serializer.serialize_tuple(2)?;
        pair.serialize_element(&self.epoch)?;
        pair.serialize_element(&self.seq)?;
        pair.end()
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (epoch, seq) = <(String, u64)>::deserialize(deserializer)?;
        Ok(Self { epoch, seq })
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.epoch, self.seq)
    }
}
