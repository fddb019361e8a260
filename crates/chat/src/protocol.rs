//! What clients say and hear.

use crate::name::Name;
use lambda_ws::Error;
use serde::{Deserialize, Serialize};

/// How a client introduces itself, in the query string.
#[derive(Debug, Deserialize)]
pub(crate) struct Who {
    pub(crate) user: Option<String>,
    pub(crate) room: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Say {
    pub(crate) text: Text,
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

/// What somebody says.
#[derive(Debug, Deserialize)]
pub(crate) struct Text(String);

const MOST_CHARS: usize = 4000;

impl Text {
    /// The text, unless it is too long.
    pub(crate) fn checked(&self) -> Result<&str, Error> {
        match self.0.chars().nth(MOST_CHARS) {
            None => Ok(&self.0),
            Some(_) => Err(Error::client(
                "too_large",
                format!("a text has at most {MOST_CHARS} characters"),
            )),
        }
    }
}

/// What a client hears.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(crate) enum Heard<'a> {
    Welcome {
        user: &'a str,
        room: &'a str,
        users: &'a [String],
        /// Whether there are more.
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
        /// Whether there are more.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        more: bool,
    },
}
