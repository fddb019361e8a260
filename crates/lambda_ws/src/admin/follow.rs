//! Reads the log of a room.

use super::{AdminError, Follow, Followed};
use crate::error::BoxError;
use crate::sender::{Histories, Sender};
use crate::store::check_name;
use serde_json::value::RawValue;

/// Returns the messages of a room after a position.
pub(super) async fn follow(sender: &Sender, follow: &Follow) -> Result<Followed, BoxError> {
    let Follow { room, since } = follow;
    check_name(room).map_err(AdminError::invalid)?;
    if since.as_ref().is_some_and(|since| !since.is_valid()) {
        let problem = "`since` is not valid: expected the `position` of an answer";
        return Err(AdminError::invalid(problem).into());
    }
    let history = sender
        .histories()
        .and_then(|found| Histories::of(found, room));
    let Some(history) = history else {
        return Err(AdminError::NoHistory { room: room.clone() }.into());
    };
    let store = sender.store();
    let found = store
        .since(room, since.as_ref(), history, sender.now())
        .await?;
    let messages = found.messages.into_iter();
    let messages = messages.map(|(seq, data)| Ok((seq, RawValue::from_string(data)?)));
    Ok(Followed {
        position: found.position,
        recovered: found.recovered,
        messages: messages.collect::<Result<_, BoxError>>()?,
        more: found.more,
    })
}
