//! The names of users and rooms.

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
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        match (1..=32).contains(&name.len()) && name.bytes().all(allowed) {
            true => Ok(Self(name)),
            false => {
                Err("the name is not valid: expected 1 to 32 of the characters A-Z a-z 0-9 _ -")
            }
        }
    }
}
