//! Closes connections.

use super::{Disconnected, Target, scope};
use crate::error::{BoxError, SendError};
use crate::sender::Sender;
use crate::store::{Scope, check_name};

/// Closes the connections of a target, at the rate of a broadcast.
pub(super) async fn disconnect(sender: &Sender, target: Target) -> Result<Disconnected, BoxError> {
    let target = match target {
        Target::Connection(id) => return one(sender, &id).await,
        target => scope(target)?,
    };
    let audience = match target {
        Scope::Everyone => sender.everyone(),
        Scope::Room(name) => sender.room(name),
        Scope::User(name) => sender.user(name),
    };
    let delivery = audience.close().await?;
    Ok(Disconnected {
        closed: delivery.sent,
        gone: delivery.gone,
        throttled: delivery.throttled,
        failed: delivery.failed,
        tasks: delivery.tasks,
        incomplete: delivery.rest.is_some(),
    })
}

async fn one(sender: &Sender, id: &str) -> Result<Disconnected, BoxError> {
    check_name(id).map_err(super::AdminError::invalid)?;
    let mut disconnected = Disconnected::default();
    match sender.close(&id.into()).await {
        Ok(()) => disconnected.closed = 1,
        Err(SendError::Gone) => disconnected.gone = 1,
        Err(SendError::Throttled) => disconnected.throttled = 1,
        Err(error) => return Err(error.into()),
    }
    Ok(disconnected)
}
