//! Adds a message to a log.

use super::{CallClock, Entry, History, LogTable, Newest, Tail, Tails, Written};
use crate::backoff::{Backoff, Jitter};
use crate::store::StoreError;
use crate::{Position, Timestamp};
use lambda_ws_protocol::table_layout;

/// Pauses of at most 4 to 64 ms. Each conflict means that another process has appended, so somebody makes progress.
const BACKOFF: Backoff = Backoff::new(4, 2, 64, 100, Jitter::Full);

/// How many numbers are tried one after another behind an end that was read, before it is read again.
const TRIED: u32 = 3;

/// Adds a message to the log of a room. Returns its position.
///
/// One write is enough if this process knows the end of the log, and nobody else appends. While others append as well,
/// each call reads the end first.
pub(in crate::store) async fn append(
    table: &impl LogTable,
    tails: &Tails,
    room: &str,
    data: &str,
    history: &History,
    now: Timestamp,
) -> Result<Position, StoreError> {
    let clock = CallClock::start(now);
    let nonce = getrandom::u64().map_err(StoreError::unavailable)?;
    let known = tails.of(room);
    let mut known = known.lock().await;
    let mut backoff = BACKOFF;
    let (mut ended, mut next, mut tried) = (None::<String>, None, 0);
    loop {
        // A call that is cut off leaves nothing known.
        let last = known.tail.take();
        let is_known = last.is_some() && !known.is_shared;
        let tail = last.clone().filter(|_| is_known).or(next.take());
        let tail = match tail.filter(|tail| tail.is_continued(clock.now())) {
            Some(tail) => tail,
            None => {
                let end = end(table, room, history, &clock, ended.as_deref()).await?;
                // Nobody else has appended meanwhile.
                known.is_shared &= last.is_none_or(|last| last != end);
                end
            }
        };
        let entry = tail.follow(data, clock.now(), history.stored(), nonce);
        let entry = match table.put(room, &entry).await? {
            Written::Done => entry,
            // An attempt of this call whose answer was lost.
            Written::Refused(found) if found.nonce == nonce => found,
            Written::Refused(found) => {
                // A known end may be old. Behind one that was read there are few messages.
                match tried {
                    _ if is_known => known.is_shared = true,
                    TRIED => {
                        tried = 0;
                        pause(&mut backoff, room).await?;
                    }
                    _ => {
                        tried += 1;
                        next = Some(found.tail()).filter(|_| !found.is_end());
                    }
                }
                continue;
            }
        };
        if tail.is_complete(clock.now()) {
            known.tail = Some(entry.tail());
            return Ok(entry.position);
        }
        pause(&mut backoff, room).await?;
        ended = Some(entry.position.epoch);
    }
}

/// Returns the end of a log. Begins an epoch if no epoch can be continued; `ended` cannot.
pub(super) async fn end(
    table: &impl LogTable,
    room: &str,
    history: &History,
    clock: &CallClock,
    ended: Option<&str>,
) -> Result<Tail, StoreError> {
    let nonce = getrandom::u64().map_err(StoreError::unavailable)?;
    let mut backoff = BACKOFF;
    let mut head: Option<String> = None;
    loop {
        let newest = table.newest(room).await?;
        if let Newest::Entry(entry) = &newest
            && !entry.is_end()
            && ended != Some(&*entry.position.epoch)
            && entry.tail().is_continued(clock.now())
        {
            return Ok(entry.tail());
        }
        // The entries of the last epoch may have been deleted, and others not.
        let former = newest.epoch().max(head.as_deref());
        let at = clock.now();
        let after = former.and_then(table_layout::epoch_millis);
        let epoch = table_layout::epoch(at.millis().max(after.map_or(0, |former| former + 1)));
        let first = Entry::start(epoch, at, history.stored(), nonce);
        let mark = match &newest {
            Newest::Entry(entry) => Some(first.end(&entry.position.next())),
            Newest::Nothing | Newest::Head(_) => None,
        };
        match table.begin(room, former, mark.as_ref(), &first).await? {
            Written::Done => return Ok(first.tail()),
            Written::Refused(found) => head = found.or(head),
        }
        pause(&mut backoff, room).await?;
    }
}

async fn pause(backoff: &mut Backoff, room: &str) -> Result<(), StoreError> {
    match backoff.next() {
        Some(pause) => tokio::time::sleep(pause).await,
        None => {
            let error = format!(
                "too many processes publish to `{room}` at the same time: publish less often, or spread the messages \
                 over several rooms"
            );
            return Err(StoreError::unavailable(error));
        }
    }
    Ok(())
}
