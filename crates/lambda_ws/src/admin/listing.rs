//! Counts and lists connections.

use super::cursor::CursorKind;
use super::walk::Walk;
use super::{AdminCall, Counted, Listed, Listing};
use crate::ConnectionId;
use crate::error::BoxError;
use crate::store::{Record, Scope};
use std::collections::HashMap;
use tokio::time::Instant;

/// The number of rows after which a list reads no further page. A page of DynamoDB has up to 28 000 members.
const ROWS: usize = 1000;

/// The size of rows with details after which a list ends, in bytes of names. Lambda's limit of a response is 6 MB. One
/// batch more has at most 2.6 MB.
const DETAIL_BYTES: usize = 2_000_000;

/// The number of records per read: the limit of a BatchGetItem.
const BATCH: usize = 100;

/// Counts connections, as far as the time suffices.
pub(super) async fn count(
    call: &AdminCall,
    scope: Scope,
    cursor: Option<&str>,
) -> Result<Counted, BoxError> {
    let until = call.reads_until();
    let mut walk = Walk::new(&call.sender, scope, CursorKind::Count, cursor)?;
    let mut count = 0;
    loop {
        count += walk.page().await?.len() as u64;
        if walk.is_over() || Instant::now() >= until {
            let next = walk.cursor();
            return Ok(Counted { count, next });
        }
    }
}

/// Lists at least [`ROWS`] connections, as far as the time suffices.
pub(super) async fn list(
    call: &AdminCall,
    scope: Scope,
    details: bool,
    cursor: Option<&str>,
) -> Result<Listed, BoxError> {
    let until = call.reads_until();
    let mut walk = Walk::new(&call.sender, scope, CursorKind::List, cursor)?;
    let mut connections = Vec::new();
    let mut bytes = 0;
    loop {
        let ids = walk.page().await?;
        match details {
            false => connections.extend(ids.into_iter().map(Listing::new)),
            true => {
                let mut batches = ids.chunks(BATCH).peekable();
                while let Some(batch) = batches.next() {
                    for row in detailed(call, batch).await? {
                        bytes += size(&row);
                        connections.push(row);
                    }
                    let is_full = connections.len() >= ROWS || bytes >= DETAIL_BYTES;
                    if (is_full || Instant::now() >= until) && batches.peek().is_some() {
                        walk.back_to(batch[batch.len() - 1].clone());
                        let next = walk.cursor();
                        return Ok(Listed { connections, next });
                    }
                }
            }
        }
        let is_full = connections.len() >= ROWS || bytes >= DETAIL_BYTES;
        if is_full || walk.is_over() || Instant::now() >= until {
            let next = walk.cursor();
            return Ok(Listed { connections, next });
        }
    }
}

/// Returns the rows of connections in their order. Connections that have ended are omitted.
async fn detailed(call: &AdminCall, ids: &[ConnectionId]) -> Result<Vec<Listing>, BoxError> {
    let (store, now) = (call.sender.store(), call.sender.now());
    let records = store.records(ids, now).await?.into_iter();
    let mut records: HashMap<_, _> = records
        .filter(|record| !record.gone)
        .map(|record| (record.id.clone(), record))
        .collect();
    let rows = ids.iter().filter_map(|id| records.remove(id)).map(row);
    Ok(rows.collect())
}

fn row(record: Record) -> Listing {
    Listing {
        connection: record.id,
        user: record.user,
        rooms: Some(record.rooms.into_iter().collect()),
        connected_at: Some(record.at),
        session_bytes: Some(record.session.map_or(0, |session| session.len())),
    }
}

/// Returns the approximate size of a row in JSON.
fn size(row: &Listing) -> usize {
    let rooms = row.rooms.iter().flatten().map(|room| room.len() + 3);
    150 + row.user.as_ref().map_or(0, String::len) + rooms.sum::<usize>()
}
