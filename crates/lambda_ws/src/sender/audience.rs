//! A group of connections to send to.

use super::doubt::Doubt;
use super::{Delivery, Sender};
use crate::ConnectionId;
use crate::payload::{IntoPayload, Payload};
use crate::send_error::SendError;
use crate::store::{Page, Record, Scope, Slice, StoreError, check_name};
use futures_util::stream::{self, BoxStream, FuturesUnordered, Stream, StreamExt, TryStreamExt};
use std::collections::HashSet;
use tracing::{info, warn};

/// A group of connections: a room, a user's, or everyone.
#[must_use = "an audience hears nothing until you call `send`"]
#[derive(Debug, Clone)]
pub struct Audience {
    sender: Sender,
    scope: Scope,
    except: HashSet<ConnectionId>,
}

/// How many messages are under way at once.
const IN_FLIGHT: usize = 64;

/// How many doubts are looked into at once, beside the messages.
const DOUBTS: usize = 256;

/// How many slices of a group are read at once.
const READS: usize = 4;

/// How many records are read at once: a BatchGetItem's worth.
const BATCH: usize = 100;

/// When fewer than this are reached, any share of them may be gone.
const MASS: usize = 20;

impl Audience {
    pub(super) fn new(sender: Sender, scope: Scope) -> Self {
        Self {
            sender,
            scope,
            except: HashSet::new(),
        }
    }

    /// The same group without one connection.
    pub fn except(mut self, id: &ConnectionId) -> Self {
        self.except.insert(id.clone());
        self
    }

    /// Sends a message to all of them, 64 at a time, and says what became of it. The order in which
    /// they get it is not defined. One who is gone, slow or fails keeps nobody else from getting it.
    ///
    /// # Errors
    ///
    /// [`SendError::TooLarge`] and [`SendError::Encode`], before anything is sent;
    /// [`SendError::Store`] if not all could be read, though those that could were sent to;
    /// [`SendError::Forbidden`] at the first 403, which all would get.
    pub async fn send(self, message: impl IntoPayload) -> Result<Delivery, SendError> {
        let payload = message.into_payload()?;
        let (sender, message) = (self.sender.clone(), payload.clone());
        let post = move |id: ConnectionId| {
            let (sender, payload) = (sender.clone(), message.clone());
            async move {
                let sent = match sender.check_open(&id) {
                    Ok(()) => sender.post(&id, &payload).await,
                    Err(not_open) => Err(not_open),
                };
                (id, sent)
            }
        };
        self.each(post, Some(payload)).await
    }

    /// Closes all of them, with code 1000: throws a user out of all devices, say.
    ///
    /// # Errors
    ///
    /// As [`Audience::send`].
    pub async fn close(self) -> Result<Delivery, SendError> {
        let sender = self.sender.clone();
        let close = move |id: ConnectionId| {
            let sender = sender.clone();
            async move {
                let closed = sender.close(&id).await;
                (id, closed)
            }
        };
        self.each(close, None).await
    }

    /// The connections, read page by page.
    pub fn members(self) -> impl Stream<Item = Result<ConnectionId, StoreError>> + Send + 'static {
        self.ids()
    }

    /// What is known of the connections, their users and sessions above all, in batches.
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

    fn ids(&self) -> BoxStream<'static, Result<ConnectionId, StoreError>> {
        let named = match &self.scope {
            Scope::Everyone => Ok(()),
            Scope::Room(name) | Scope::User(name) => check_name(name),
        };
        if let Err(error) = named {
            return stream::iter([Err(error)]).boxed();
        }
        let this = self.clone();
        let slices = stream::iter(self.scope.slices());
        slices
            .flat_map_unordered(READS, move |slice| this.clone().slice(slice).boxed())
            .boxed()
    }

    fn slice(self, slice: Slice) -> impl Stream<Item = Result<ConnectionId, StoreError>> {
        let except = self.except.clone();
        let pages = stream::try_unfold(Some(None), move |after: Option<Option<ConnectionId>>| {
            let (sender, scope) = (self.sender.clone(), self.scope.clone());
            async move {
                let Some(after) = after else { return Ok(None) };
                let page = sender
                    .store()
                    .page(&scope, slice, after.as_ref(), sender.now());
                let Page { ids, next } = page.await?;
                Ok(Some((
                    stream::iter(ids.into_iter().map(Ok)),
                    next.map(Some),
                )))
            }
        });
        let ids = pages.try_flatten();
        ids.try_filter(move |id| std::future::ready(!except.contains(id)))
    }

    /// Does the same to each connection, and looks into those that are called gone.
    async fn each<F>(
        &self,
        act: impl Fn(ConnectionId) -> F + Send + 'static,
        payload: Option<Payload>,
    ) -> Result<Delivery, SendError>
    where
        F: Future<Output = (ConnectionId, Result<(), SendError>)> + Send + 'static,
    {
        let mut delivery = Delivery::default();
        let mut unread = None;
        let mut gone = Vec::new();
        let mut doubts = FuturesUnordered::new();
        let acts = self.ids().map(move |id| id.map(&act));
        let acts = acts.map(|act| async { Ok::<_, StoreError>(act?.await) });
        let mut acts = std::pin::pin!(acts.buffer_unordered(IN_FLIGHT));
        loop {
            tokio::select! {
                Some(done) = acts.next(), if doubts.len() < DOUBTS => match done {
                    Ok((_, Ok(()))) => delivery.sent += 1,
                    Ok((id, Err(SendError::Gone))) => match payload.clone() {
                        Some(payload) => {
                            let sender = self.sender.clone();
                            doubts.push(async move {
                                let doubt = sender.doubt(&id, &payload).await;
                                (id, doubt)
                            });
                        }
                        None => delivery.gone += 1,
                    },
                    Ok((_, Err(error @ SendError::Forbidden { .. }))) => return Err(error),
                    Ok((id, Err(error))) => delivery.failure(id, error),
                    Err(error) => unread = Some(error),
                },
                Some((id, doubt)) = doubts.next() => match doubt {
                    Doubt::Unfounded => delivery.sent += 1,
                    Doubt::Confirmed(record) => {
                        delivery.gone += 1;
                        gone.push((id, record));
                    }
                    Doubt::Unresolved(error) => delivery.failure(id, error),
                },
                else => break,
            }
        }
        self.clean_up(gone, &delivery).await;
        match unread {
            Some(error) => Err(SendError::Store(error)),
            None => Ok(delivery),
        }
    }

    /// Removes those that are gone, unless they are suspiciously many.
    async fn clean_up(&self, gone: Vec<(ConnectionId, Option<Record>)>, delivery: &Delivery) {
        if gone.is_empty() {
            return;
        }
        let reached = delivery.audience();
        if reached >= MASS && delivery.gone * 2 > reached {
            warn!(
                gone = delivery.gone,
                reached,
                url = self.sender.url(),
                "most of an audience is gone: nothing is removed, because the endpoint may be wrong"
            );
            return;
        }
        info!(gone = delivery.gone, reached, "connections are gone");
        let (sender, scope) = (self.sender.clone(), self.scope.clone());
        let clean_up = async move {
            let clean_ups = gone.into_iter().map(|(id, record)| {
                let (sender, scope) = (sender.clone(), scope.clone());
                async move { sender.clean_up(&id, record, &scope).await }
            });
            let clean_ups = stream::iter(clean_ups).buffer_unordered(BATCH);
            clean_ups.collect::<()>().await;
        };
        self.sender.0.cleanup.run(clean_up).await;
    }
}
