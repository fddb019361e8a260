//! A group of connections to send to.

use super::broadcast::{EarlyRead, Resumed, chunks};
use super::{Delivery, Sender};
use crate::error::SendError;
use crate::payload::{IntoPayload, Payload};
use crate::store::{Record, Scope, StoreError};
use crate::task::Remaining;
use crate::{ConnectionId, Timestamp};
use futures_util::stream::{self, Stream, StreamExt, TryStreamExt};
use std::collections::HashSet;

/// A group of connections: the members of a room, the connections of a user, or everyone.
///
/// # Costs
///
/// A broadcast reads the members of the group. It writes only to remove gone connections. API Gateway charges $1.00
/// for a million messages of up to 32 KB, and the table adds little to it. These figures are measured with the
/// embedded DynamoDB, at $0.125 for a million read units and $0.625 for a million write units (on demand in
/// us-east-1, November 2026):
///
/// | recipients | members | requests | read units | write units | $ for a million recipients |
/// |---|---|---|---|---|---|
/// | a room | 1 000 | 1 | 10 | 0 | 0.0013 |
/// | a room | 10 000 | 1 | 93 | 0 | 0.0012 |
/// | a room | 100 000 | 4 | 928 | 0 | 0.0012 |
/// | everyone | 1 000 | 16 | 11.5 | 0 | 0.0014 |
/// | everyone | 10 000 | 16 | 82.5 | 0 | 0.0010 |
/// | everyone | 100 000 | 16 | 785 | 0 | 0.0010 |
/// | a room with 1 % gone connections, which are removed | 100 000 | 3 004 | 1 928 | 2 000 | 0.0149 |
///
/// Reads of a room are strongly consistent. Reads of everyone are eventually consistent at half the price, and read
/// whole records, so sessions and long lists of rooms make them more expensive.
///
/// Memory does not grow with the number of recipients. These figures are the library's own cost: members in
/// [`Memory`](crate::store::Memory), and a management API without sockets that responds at once (2 cores, November
/// 2026; the better of two runs at a load of 2.4):
///
/// | members | messages a second | CPU us each | more memory |
/// |---|---|---|---|
/// | 100 000 | 1 700 000 | 0.6 | 0.1 MB |
/// | 1 000 000 | 1 200 000 | 0.8 | 0.1 MB |
///
/// Over sockets, with 19 500 clients of the local gateway on the same 2 cores: 2.0 to 2.5 s, 34 us of the function's
/// CPU per message, a process of 32 MB. `cargo bench -p tests --bench broadcast` repeats these measurements.
#[must_use = "an audience sends nothing until you call `send`"]
#[derive(Debug, Clone)]
pub struct Audience {
    sender: Sender,
    scope: Scope,
    except: HashSet<ConnectionId>,
}

/// The number of records per read: the limit of a BatchGetItem.
const BATCH: usize = 100;

impl Audience {
    pub(super) fn new(sender: Sender, scope: Scope) -> Self {
        Self {
            sender,
            scope,
            except: HashSet::new(),
        }
    }

    /// Excludes one connection from the group.
    pub fn except(mut self, id: &ConnectionId) -> Self {
        self.except.insert(id.clone());
        self
    }

    /// Sends a message to all connections of the group, in any order, and returns how many received it. A recipient
    /// that is gone, slow or failing does not delay the others.
    ///
    /// Up to 256 sends run at once, at the pace of `SEND_RATE`, while the members are read. In an event it returns
    /// before the deadline: 25 s after the start of a `$connect` or a message, and Lambda's timeout for all other
    /// events. A broadcast that cannot finish in time continues in follow-up [tasks](crate::guide::tasks), which
    /// start as soon as this is clear. The [`Delivery`] counts the sends of this invocation. Where tasks are not
    /// available, it contains the remaining recipients.
    ///
    /// # Errors
    ///
    /// - [`SendError::TooLarge`] and [`SendError::Encode`], before anything is sent.
    /// - [`SendError::Store`] if the store cannot be read at all; nothing is sent. If only a part of the group cannot
    ///   be read, the other members get the message, and that part goes into the delivery's `rest` or to a task.
    /// - [`SendError::Forbidden`] at the first 403, because every send would get one.
    pub async fn send(self, message: impl IntoPayload) -> Result<Delivery, SendError> {
        let payload = message.into_payload()?;
        self.each(Some(payload)).await
    }

    /// Closes all connections of the group with code 1000, for example to sign a user out on all devices.
    ///
    /// # Errors
    ///
    /// As [`Audience::send`].
    pub async fn close(self) -> Result<Delivery, SendError> {
        self.each(None).await
    }

    /// Returns the connections, read page by page.
    pub fn members(self) -> impl Stream<Item = Result<ConnectionId, StoreError>> + Send + 'static {
        self.ids()
    }

    /// Returns the records of the connections in batches, with their users and sessions.
    pub fn records(self) -> impl Stream<Item = Result<Record, StoreError>> + Send + 'static {
        let sender = self.sender.clone();
        self.ids()
            .try_chunks(BATCH)
            .then(move |ids| {
                let sender = sender.clone();
                async move {
                    let ids = ids.map_err(|error| error.1)?;
                    let records = sender.store().records(&ids, sender.now()).await?;
                    Ok(stream::iter(
                        records.into_iter().filter(|r| !r.gone).map(Ok),
                    ))
                }
            })
            .try_flatten()
    }

    /// Returns when the clients of the group were last [seen](crate::Router::last_seen): the newest time of all its
    /// connections, or `None` without connections. It reads the records of the group, so it is meant for a user.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unavailable`].
    pub async fn last_seen(self) -> Result<Option<Timestamp>, StoreError> {
        let records = self.records();
        let newest = records.try_fold(None, async |newest, record| {
            Ok(newest.max(Some(record.last_seen())))
        });
        newest.await
    }

    fn ids(self) -> impl Stream<Item = Result<ConnectionId, StoreError>> + Send + 'static {
        let except = self.except;
        let ranges = Remaining::all(self.scope.clone(), HashSet::new()).ranges;
        let ids = chunks(&self.sender, &self.scope, ranges)
            .map_ok(|chunk| stream::iter(chunk.ids).map(Ok))
            .try_flatten();
        ids.try_filter(move |id| std::future::ready(!except.contains(id)))
    }

    /// The sender, the group, and whether all of it is meant.
    pub(super) fn parts(&self) -> (&Sender, &Scope, bool) {
        (&self.sender, &self.scope, self.except.is_empty())
    }

    /// Sends a last message to all of them, and closes them.
    pub(super) async fn end(self, message: Payload) -> Result<Delivery, SendError> {
        self.run(Some(message), true, None).await
    }

    async fn each(self, message: Option<Payload>) -> Result<Delivery, SendError> {
        self.run(message, false, None).await
    }

    /// Sends a message to all of them, to the members of the early read first.
    pub(super) async fn send_early(
        self,
        message: Payload,
        early: Option<EarlyRead>,
    ) -> Result<Delivery, SendError> {
        self.run(Some(message), false, early).await
    }

    async fn run(
        self,
        message: Option<Payload>,
        closes: bool,
        early: Option<EarlyRead>,
    ) -> Result<Delivery, SendError> {
        let mut except = self.except;
        except.extend(self.sender.0.origin.excluded().cloned());
        let mut work = Remaining::all(self.scope, except);
        work.message = message;
        work.closes = closes;
        self.sender.deliver(work, Resumed::No, early).await
    }
}
