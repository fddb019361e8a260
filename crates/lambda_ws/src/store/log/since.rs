//! Reads a log.

use super::append::end;
use super::{BYTES, CallClock, Entry, History, LogTable, MESSAGES, Newest};
use super::{Recovery, Tail};
use crate::store::StoreError;
use crate::{Position, Timestamp};

/// How often a part is read whose numbers have a hole: a part is not a snapshot, so an entry that is written meanwhile
/// may be missing although a later one is there.
const READINGS: usize = 2;

/// Reads the messages of a room after a position, or finds the end of its log.
pub(in crate::store) async fn since(
    table: &impl LogTable,
    room: &str,
    since: Option<&Position>,
    history: &History,
    now: Timestamp,
) -> Result<Recovery, StoreError> {
    let clock = CallClock::start(now);
    let Some(since) = since else {
        let end = end(table, room, history, &clock, None).await?;
        return Ok(Recovery {
            position: end.position,
            recovered: true,
            messages: Vec::new(),
            more: false,
        });
    };
    if since.is_valid() {
        for _ in 0..READINGS {
            match after(table, room, since, history, &clock).await? {
                After::Recovered(recovery) => return Ok(recovery),
                After::Lost => break,
                After::Hole => {}
            }
        }
    }
    let end = end(table, room, history, &clock, None).await?;
    lost(table, room, end, history, &clock).await
}

/// What follows a position.
enum After {
    Recovered(Recovery),
    /// Messages are missing, or the position is not valid.
    Lost,
    /// A number is missing.
    Hole,
}

/// Reads what follows a position. One request is enough if all of it fits.
async fn after(
    table: &impl LogTable,
    room: &str,
    since: &Position,
    history: &History,
    clock: &CallClock,
) -> Result<After, StoreError> {
    // One more than can be served shows that there are more.
    let most = history.messages.min(MESSAGES) + 2;
    let part = table.part(room, since, most).await?;
    let mut entries = part.entries.into_iter();
    let is_valid = |first: &Entry| first.position == *since && first.tail().is_valid(clock.now());
    if !entries.next().is_some_and(|first| is_valid(&first)) {
        return Ok(After::Lost);
    }
    let entries: Vec<_> = entries.collect();
    let is_over = |entry: &Entry| entry.is_end() || entry.position.epoch != since.epoch;
    if entries.iter().any(is_over) {
        return Ok(After::Lost);
    }
    let numbers = entries.iter().map(|entry| entry.position.seq);
    if !numbers.eq((since.seq + 1..).take(entries.len())) {
        return Ok(After::Hole);
    }
    let last = match part.more {
        false => since.seq + entries.len() as u64,
        // There may be millions.
        true => match table.newest(room).await? {
            Newest::Entry(newest) if newest.position.epoch == since.epoch => newest.position.seq,
            _ => return Ok(After::Lost),
        },
    };
    let oldest = clock
        .now()
        .millis()
        .saturating_sub(history.age.as_millis() as u64);
    let is_old = entries
        .first()
        .is_some_and(|first| first.at.millis() < oldest);
    if is_old || last - since.seq > history.messages as u64 {
        return Ok(After::Lost);
    }
    Ok(After::Recovered(served(entries, since.clone(), last, true)))
}

/// Reads the messages that the history still has, after some were lost.
async fn lost(
    table: &impl LogTable,
    room: &str,
    end: Tail,
    history: &History,
    clock: &CallClock,
) -> Result<Recovery, StoreError> {
    let end = end.position;
    if end.seq == 0 {
        return Ok(served(Vec::new(), end, 0, false));
    }
    let first = end.seq.saturating_sub(history.messages as u64) + 1;
    let from = Position::new(&*end.epoch, first);
    let most = history.messages.min(MESSAGES) + 1;
    let mut entries = table.part(room, &from, most).await?.entries;
    let oldest = clock
        .now()
        .millis()
        .saturating_sub(history.age.as_millis() as u64);
    entries.retain(|entry| entry.position.epoch == end.epoch && entry.at.millis() >= oldest);
    // Only what follows the last hole has no hole.
    let holes = entries
        .windows(2)
        .rposition(|pair| pair[0].position.next() != pair[1].position);
    let entries = entries.split_off(holes.map_or(0, |hole| hole + 1));
    let last = entries
        .last()
        .map_or(end.seq, |last| last.position.seq.max(end.seq));
    Ok(served(entries, end, last, false))
}

/// The first entries, as many as one reading has. `position` is that of a reading without any.
fn served(entries: Vec<Entry>, mut position: Position, last: u64, recovered: bool) -> Recovery {
    let (mut messages, mut bytes) = (Vec::new(), 0);
    for entry in entries {
        // Only messages have data, and an epoch that has ended is not served.
        let Some(data) = entry.data else { continue };
        bytes += data.len();
        if messages.len() == MESSAGES || (bytes > BYTES && !messages.is_empty()) {
            break;
        }
        position = entry.position;
        messages.push((position.seq, data));
    }
    Recovery {
        recovered,
        more: position.seq < last,
        position,
        messages,
    }
}
