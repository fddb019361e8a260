//! The frames of the protocol: see `PROTOCOL.md`.

use crate::Position;
use crate::error::Error;
use crate::store::{Recovery, check_name};
use serde::de::DeserializeOwned;
use serde::ser::{SerializeSeq, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// A frame of a client.
pub(super) enum Frame {
    Subscribe {
        room: String,
        since: Option<Position>,
        token: Option<String>,
    },
    Unsubscribe {
        room: String,
    },
    Ping {
        /// The rooms, with the positions of those that have a history.
        rooms: BTreeMap<String, Option<Position>>,
    },
}

/// The members of a frame, unread, so that an error can name the member.
#[derive(Deserialize)]
pub(super) struct Members<'a> {
    #[serde(borrow)]
    action: Option<&'a RawValue>,
    #[serde(rename = "$id", borrow)]
    pub(super) id: Option<&'a RawValue>,
    #[serde(borrow)]
    room: Option<&'a RawValue>,
    #[serde(borrow)]
    since: Option<&'a RawValue>,
    #[serde(borrow)]
    token: Option<&'a RawValue>,
    #[serde(borrow)]
    rooms: Option<&'a RawValue>,
}

impl<'a> Members<'a> {
    /// Reads a message. Returns its action, if that begins with `$`.
    pub(super) fn read(body: &'a str) -> Option<(Self, String)> {
        if !body.contains("\"$") {
            return None;
        }
        let members: Self = serde_json::from_str(body).ok()?;
        let action: String = serde_json::from_str(members.action?.get()).ok()?;
        action.starts_with('$').then_some((members, action))
    }

    pub(super) fn frame(&self, action: &str) -> Result<Frame, Error> {
        match action {
            "$subscribe" => Ok(Frame::Subscribe {
                room: self.room()?,
                since: member(self.since, "since", "a position, [epoch, number]")?,
                token: member(self.token, "token", "a text")?,
            }),
            "$unsubscribe" => Ok(Frame::Unsubscribe { room: self.room()? }),
            "$ping" => {
                let expected = "an object of positions, {room: [epoch, number]}";
                let rooms = member(self.rooms, "rooms", expected)?.unwrap_or_default();
                Ok(Frame::Ping { rooms })
            }
            _ => Err(bad_frame(
                "`action` is not valid: expected `$subscribe`, `$unsubscribe` or `$ping`; other names that begin with \
                 `$` are reserved",
            )),
        }
    }

    fn room(&self) -> Result<String, Error> {
        const EXPECTED: &str = "the name of a room, of 1 to 256 bytes";
        let room: Option<String> = member(self.room, "room", EXPECTED)?;
        let room = room.filter(|room| check_name(room).is_ok());
        room.ok_or_else(|| bad_frame(format!("`room` is not valid: expected {EXPECTED}")))
    }
}

pub(super) fn bad_frame(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::client("bad_frame", message)
}

fn member<T: DeserializeOwned>(
    json: Option<&RawValue>,
    name: &str,
    expected: &str,
) -> Result<Option<T>, Error> {
    let value: Result<Option<T>, _> = match json {
        Some(json) => serde_json::from_str(json.get()),
        None => Ok(None),
    };
    value.map_err(|_| bad_frame(format!("`{name}` is not valid: expected {expected}")))
}

/// The answer to a request.
#[derive(Serialize)]
pub(super) struct ReplyFrame<'a> {
    #[serde(rename = "$")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    data: Option<&'a RawValue>,
}

impl<'a> ReplyFrame<'a> {
    pub(super) fn new(id: Option<&'a RawValue>, data: Option<&'a RawValue>) -> Self {
        let kind = "reply";
        Self { kind, id, data }
    }
}

/// The answer to a message that failed.
#[derive(Serialize)]
pub(super) struct ErrorFrame<'a> {
    #[serde(rename = "$")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a str>,
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ErrorBody<'a> {
    pub(super) code: &'a str,
    pub(super) message: &'a str,
    pub(super) request_id: &'a str,
    /// The time in ms after which the client may try again, after an error of a limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) retry: Option<u64>,
}

impl<'a> ErrorFrame<'a> {
    pub(super) fn new(
        id: Option<&'a RawValue>,
        room: Option<&'a str>,
        error: ErrorBody<'a>,
    ) -> Self {
        let kind = "error";
        Self {
            kind,
            id,
            room,
            error,
        }
    }
}

/// The answer to `$subscribe` and `$unsubscribe`.
#[derive(Serialize)]
pub(super) struct RoomFrame<'a> {
    #[serde(rename = "$")]
    pub(super) kind: &'static str,
    pub(super) room: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a RawValue>,
    #[serde(flatten)]
    pub(super) part: Option<LogPart>,
}

/// A part of the log of a room.
#[derive(Serialize)]
pub(super) struct LogPart {
    epoch: String,
    seq: u64,
    recovered: bool,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "messages")]
    messages: Option<Vec<(u64, String)>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more: bool,
}

impl LogPart {
    /// `is_since` is whether the client sent a position.
    pub(super) fn new(recovery: Recovery, is_since: bool) -> Self {
        Self {
            epoch: recovery.position.epoch,
            seq: recovery.position.seq,
            recovered: recovery.recovered,
            messages: is_since.then_some(recovery.messages),
            more: recovery.more,
        }
    }

    /// Returns a part without messages: the client asks again.
    pub(super) fn later(since: &Position) -> Self {
        Self {
            epoch: since.epoch.clone(),
            seq: since.seq,
            recovered: true,
            messages: Some(Vec::new()),
            more: true,
        }
    }
}

/// Pairs of a number and the data, which is JSON already.
fn messages<S: Serializer>(
    messages: &Option<Vec<(u64, String)>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let messages = messages.as_deref().unwrap_or_default();
    let mut list = serializer.serialize_seq(Some(messages.len()))?;
    for (seq, data) in messages {
        let data: &RawValue = serde_json::from_str(data).map_err(serde::ser::Error::custom)?;
        list.serialize_element(&(seq, data))?;
    }
    list.end()
}

/// The answer to `$ping`.
#[derive(Serialize)]
pub(super) struct PongFrame<'a> {
    #[serde(rename = "$")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) id: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) rooms: BTreeMap<&'a str, LogPart>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) left: Vec<&'a str>,
}
