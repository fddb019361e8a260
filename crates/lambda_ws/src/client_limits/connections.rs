//! The connections of a user.

use crate::ConnectionId;
use crate::error::SendError;
use crate::sender::Sender;
use crate::store::{Scope, Slice, StoreError};
use std::time::Duration;

/// The most connections that one search inspects.
const INSPECTED: usize = 20;

/// The age from which a connection that API Gateway does not know has ended: its handshake is over.
const OPEN: Duration = Duration::from_secs(30);

/// Returns whether a user has more than `most` open connections.
///
/// `$disconnect` is best effort, so the store may contain ended connections. At the limit API Gateway is asked about the
/// oldest, if `may_search` allows it.
pub(super) async fn exceed(
    user: &str,
    most: usize,
    sender: &Sender,
    may_search: bool,
) -> Result<bool, StoreError> {
    let ids = members(user, most + INSPECTED, sender).await?;
    if ids.len() <= most {
        return Ok(false);
    }
    if ids.len() > most + INSPECTED || !may_search {
        return Ok(true);
    }
    let now = sender.now();
    let mut records = sender.store().records(&ids, now).await?;
    // A member without a record, or with a confirmed 410, has ended.
    records.retain(|record| !record.gone);
    records.sort_by_key(|record| record.at);
    let mut open = records.len();
    let old = records.iter().filter(|record| now - record.at > OPEN);
    for record in old.take(INSPECTED) {
        if open <= most {
            break;
        }
        let inspected = sender.inspect(&record.id).await;
        open -= usize::from(matches!(inspected, Err(SendError::Gone)));
    }
    Ok(open > most)
}

/// Returns the connections of a user in the store, at least one more than `enough` if there are so many.
async fn members(
    user: &str,
    enough: usize,
    sender: &Sender,
) -> Result<Vec<ConnectionId>, StoreError> {
    let (store, scope, now) = (sender.store(), Scope::User(user.to_owned()), sender.now());
    let mut ids = Vec::new();
    let mut after = None;
    loop {
        let page = store.page(&scope, Slice::ALL, after.as_ref(), now).await?;
        ids.extend(page.ids);
        after = page.next;
        if after.is_none() || ids.len() > enough {
            return Ok(ids);
        }
    }
}
