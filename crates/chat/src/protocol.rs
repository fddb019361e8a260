//! The messages of clients and of the chat.

use crate::name::Name;
use lambda_ws::Error;
use serde::{Deserialize, Serialize};

/// The query string of a handshake.
#[derive(Debug, Deserialize)]
pub(crate) struct ConnectQuery {
    pub(crate) user: Option<String>,
    pub(crate) room: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Say {
    pub(crate) text: Text,
    /// The room, for clients that are in several. Otherwise the client's only room.
    pub(crate) room: Option<Name>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Who {
    pub(crate) room: Option<Name>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Join {
    pub(crate) room: Name,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Direct {
    pub(crate) to: Name,
    pub(crate) text: Text,
}

/// The text of a message.
#[derive(Debug, Deserialize)]
pub(crate) struct Text(String);

const MAX_CHARS: usize = 4000;

impl Text {
    /// Returns the text, or an error if it has more than [`MAX_CHARS`] characters.
    pub(crate) fn checked(&self) -> Result<&str, Error> {
        match self.0.chars().nth(MAX_CHARS) {
            None => Ok(&self.0),
            Some(_) => Err(Error::client(
                "too_large",
                format!("the text is too long: expected at most {MAX_CHARS} characters"),
            )),
        }
    }
}

/// A message in the log of a room.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Entry<'a> {
    pub(crate) user: &'a str,
    pub(crate) text: &'a str,
    /// The time in ms since 1970.
    pub(crate) at: u64,
}

/// A message that the chat sends to a client.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Outgoing<'a> {
    Welcome {
        user: &'a str,
        room: &'a str,
        users: &'a [String],
        /// Whether the room has more users than `users` contains.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        more: bool,
    },
    Joined {
        users: &'a [String],
        room: &'a str,
    },
    Left {
        users: &'a [String],
        room: &'a str,
    },
    Said {
        user: &'a str,
        room: &'a str,
        text: &'a str,
    },
    Direct {
        user: &'a str,
        text: &'a str,
    },
    Entered {
        room: &'a str,
    },
    Members {
        room: &'a str,
        users: &'a [String],
        /// Whether the room has more users than `users` contains.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        more: bool,
    },
}
