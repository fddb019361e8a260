//! Answers `$ping`.

use super::Channels;
use super::answer::{Asked, Failed, text};
use super::frames::{LogPart, PongFrame, bad_frame};
use crate::Position;
use crate::error::Error;
use crate::json::Json;
use crate::payload::IntoPayload;
use crate::response::Response;
use crate::store::{MAX_ROOMS, StoreError};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::value::{RawValue, to_raw_value};
use std::collections::{BTreeMap, BTreeSet};

/// How many rooms are read at once.
const AT_ONCE: usize = 8;

/// The most bytes of the rooms of one `pong`. Longer answers have several.
const PONG_BYTES: usize = 100 * 1024;

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
        let missed = self.missed(asked, &rooms, &record.rooms).await?;
        let left = rooms.keys().filter(|room| !record.rooms.contains(*room));
        let mut pong = PongFrame {
            kind: "pong",
            id: asked.id,
            rooms: BTreeMap::new(),
            left: left.map(String::as_str).collect(),
        };
        let mut bytes = pong.left.iter().map(|room| room.len() + 3).sum::<usize>();
        for (room, part) in missed {
            let more = room.len() + part.get().len();
            if bytes + more > PONG_BYTES && bytes > 0 {
                send(asked, &mut pong).await?;
                bytes = 0;
            }
            bytes += more;
            pong.rooms.insert(room, part);
        }
        text(&pong)
    }

    /// The parts of logs that follow the positions, of rooms in which something follows.
    async fn missed<'a>(
        &self,
        asked: &Asked<'_>,
        rooms: &'a Positions,
        joined: &BTreeSet<String>,
    ) -> Result<Vec<(&'a str, Box<RawValue>)>, Failed> {
        let known = rooms.iter().filter_map(|(room, since)| {
            let since = since.as_ref().filter(|_| joined.contains(room))?;
            Some((room.as_str(), since))
        });
        let known: Vec<_> = known.collect();
        let reads = known.into_iter().map(|(room, since)| async move {
            let recovery = self.read(asked, room, Some(since)).await?;
            let missed = recovery.filter(|read| read.position != *since || !read.recovered);
            let part = missed.map(|recovery| to_raw_value(&LogPart::new(recovery, true)));
            let part = part.transpose().map_err(Error::from)?;
            Ok::<_, Failed>(part.map(|part| (room, part)))
        });
        let reads: Vec<_> = reads.collect();
        let parts: Vec<_> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
        Ok(parts.into_iter().flatten().collect())
    }
}

/// Sends a part of the answer, and empties it.
async fn send(asked: &Asked<'_>, pong: &mut PongFrame<'_>) -> Result<(), Failed> {
    let payload = Json(&*pong).into_payload();
    let payload =
        payload.map_err(|_| bad_frame("the answer is too large: expected shorter names"))?;
    let sent = asked.sender().send(asked.connection_id(), payload).await;
    sent.map_err(Error::from)?;
    pong.rooms.clear();
    pong.left.clear();
    Ok(())
}
