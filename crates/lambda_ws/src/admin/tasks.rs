//! Lists the follow-up tasks of broadcasts.

use super::cursor::{self, CursorKind};
use super::{AdminCall, AdminError, TaskPage, TaskRow, TaskState};
use crate::Timestamp;
use crate::error::BoxError;
use crate::store::{Entries, check_name};
use crate::task::{LeaseStage, LeaseState, Range};
use lambda_ws_protocol::table_layout;
use tokio::time::Instant;

/// The leases of one read. Tasks that are done are stored for 7 hours, too.
const LEASES: usize = 1000;

/// The number of tasks after which a page ends.
const ROWS: usize = 1000;

/// Lists the tasks that have started and are not done, as far as the time suffices.
pub(super) async fn list(call: &AdminCall, cursor: Option<&str>) -> Result<TaskPage, BoxError> {
    let until = call.reads_until();
    let (mut shard, mut after) = match cursor {
        None => (0, None),
        Some(cursor) => position(cursor)?,
    };
    let (store, now) = (call.sender.store(), call.sender.now());
    let mut tasks = Vec::new();
    loop {
        let space = LeaseState::namespace(shard);
        let page = store.value_entries(&space, "", after.as_deref(), LEASES, now);
        let Entries { entries, next } = page.await?;
        for (id, value) in entries {
            // A later version of the program may write another format.
            if let Ok(state) = serde_json::from_str(&value.value) {
                tasks.extend(row(id, state, now));
            }
        }
        after = next;
        if after.is_none() {
            shard += 1;
        }
        if shard == LeaseState::SHARDS {
            return Ok(TaskPage { tasks, next: None });
        }
        if tasks.len() >= ROWS || Instant::now() >= until {
            let position = format!("{shard:x}/{}", after.unwrap_or_default());
            let next = Some(cursor::write(CursorKind::Tasks, None, &position));
            return Ok(TaskPage { tasks, next });
        }
    }
}

/// Reads the position of a cursor: a shard, and the last task in it that was read.
fn position(cursor: &str) -> Result<(u8, Option<String>), AdminError> {
    let position = cursor::read(CursorKind::Tasks, None, cursor)?;
    let (shard, after) = position.split_once('/').ok_or(AdminError::Cursor)?;
    let shard = u8::from_str_radix(shard, 16).ok();
    let shard = shard.filter(|shard| *shard < LeaseState::SHARDS);
    let shard = shard.ok_or(AdminError::Cursor)?;
    if after.is_empty() {
        return Ok((shard, None));
    }
    check_name(after).map_err(|_| AdminError::Cursor)?;
    Ok((shard, Some(after.to_owned())))
}

/// Returns the number of hash bytes of a range.
fn parts(range: &Range) -> usize {
    let from = range
        .after
        .as_ref()
        .map_or(range.slice.from, table_layout::hash);
    usize::from(range.slice.to.saturating_sub(from)) + 1
}

/// Returns the row of a task that is not done.
fn row(id: String, lease: LeaseState, now: Timestamp) -> Option<TaskRow> {
    let state = match lease.stage {
        LeaseStage::Done => return None,
        _ if lease.until <= now => TaskState::Waiting,
        LeaseStage::Handing => TaskState::HandingOff,
        LeaseStage::Working => TaskState::Running,
    };
    let left = lease.left.as_ref();
    Some(TaskRow {
        id,
        state,
        until: lease.until,
        remaining_parts: left.map(|left| left.ranges.iter().map(parts).sum()),
        remaining_connections: left.map(|left| left.ids.len()),
    })
}
