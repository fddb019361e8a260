//! Answers `$ping`.

use super::Channels;
use super::answer::{Asked, Failed, text};
use super::frames::{LogPart, PongFrame};
use crate::Position;
use crate::error::Error;
use crate::response::Response;
use crate::store::{MAX_ROOMS, StoreError};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use std::collections::{BTreeMap, BTreeSet};

/// How many rooms are read at once.
const AT_ONCE: usize = 8;

/// The bytes of the rooms of a `pong`: a frame is at most 128 KB.
const PONG_BYTES: usize = 120 * 1024;

/// The bytes of a room without its name and messages, and of a message without its data.
const ROOM_BYTES: usize = 100;
const MESSAGE_BYTES: usize = 24;

/// The names of rooms, with the positions of those that have a history.
type Positions = BTreeMap<String, Option<Position>>;

impl Channels {
    /// Answers with what the client missed in its rooms.
    pub(super) async fn ping(
        &self,
        asked: &Asked<'_>,
        rooms: Positions,
    ) -> Result<Response, Failed> {
        if rooms.len() > MAX_ROOMS {
            return Err(Error::client(
                "bad_frame",
                format!("`rooms` is not valid: expected at most {MAX_ROOMS} rooms"),
            )
            .into());
        }
        let (id, at) = (asked.connection_id(), asked.event.context.connected_at());
        let record = asked
            .event
            .record_cache
            .read(asked.sender(), id, at)
            .await?;
        let record = record.filter(|record| !record.gone);
        let record = record.ok_or(StoreError::NotConnected)?;
        let left = rooms.keys().filter(|room| !record.rooms.contains(*room));
        let left: Vec<_> = left.map(String::as_str).collect();
        let rooms = self.missed(asked, &rooms, &record.rooms).await?;
        text(&PongFrame {
            kind: "pong",
            id: asked.id,
            rooms,
            left,
        })
    }

    /// Reads what follows the positions, of rooms in which something follows. What does not fit into one frame is left
    /// for the client's next `$ping`.
    async fn missed<'a>(
        &self,
        asked: &Asked<'_>,
        rooms: &'a Positions,
        joined: &BTreeSet<String>,
    ) -> Result<BTreeMap<&'a str, LogPart>, Failed> {
        let known = rooms.iter().filter_map(|(room, since)| {
            let since = since.as_ref().filter(|_| joined.contains(room))?;
            Some((room.as_str(), since))
        });
        let known: Vec<_> = known.collect();
        // Each room needs space for its name and its position at least.
        let names = rooms.keys().map(|room| room.len() + ROOM_BYTES);
        let mut free = PONG_BYTES.saturating_sub(names.sum());
        let reads = known.into_iter().map(|(room, since)| async move {
            let recovery = self.read(asked, room, Some(since)).await?;
            Ok::<_, Failed>((room, since, recovery))
        });
        let reads: Vec<_> = reads.collect();
        let mut reads = stream::iter(reads).buffered(AT_ONCE);
        let (mut parts, mut large) = (BTreeMap::new(), None);
        let mut fits = false;
        while let Some((room, since, recovery)) = reads.try_next().await? {
            let Some(recovery) = recovery.filter(|r| r.position != *since || !r.recovered) else {
                continue;
            };
            let messages = recovery.messages.iter();
            let bytes: usize = messages.map(|(_, data)| data.len() + MESSAGE_BYTES).sum();
            if bytes <= free {
                free -= bytes;
                fits = true;
                parts.insert(room, LogPart::new(recovery, true));
            } else {
                parts.insert(room, LogPart::later(since));
                large.get_or_insert((room, recovery));
            }
        }
        match large {
            // One room alone always fits. The others follow with a later `$ping`.
            Some((room, recovery)) if !fits => {
                Ok(BTreeMap::from([(room, LogPart::new(recovery, true))]))
            }
            _ => Ok(parts),
        }
    }
}
