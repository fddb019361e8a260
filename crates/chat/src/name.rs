//! Names of users and rooms.

use serde::{Deserialize, Serialize};

/// The name of a user or a room: 1 to 32 letters, digits, `_` and `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Name(String);

impl Name {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let good = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        match (1..=32).contains(&name.len()) && name.bytes().all(good) {
            true => Ok(Self(name)),
            false => Err("a name is 1 to 32 of the characters A-Z a-z 0-9 _ -"),
        }
    }
}
