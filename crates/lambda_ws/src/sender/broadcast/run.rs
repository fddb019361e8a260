//! The loop of a broadcast.

use super::super::attempts::{Attempts, RequestKind};
use super::super::gone::{GoneCheck, KnownGone, Removal};
use super::super::{Delivery, Sender};
use super::progress::Progress;
use super::reader::{Chunk, chunks};
use crate::ConnectionId;
use crate::error::BoxError;
use crate::error::SendError;
use crate::payload::Payload;
use crate::store::{Scope, StoreError};
use crate::task::{Range, Remaining};
use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, FuturesUnordered, StreamExt};
use std::collections::{HashSet, VecDeque};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// The number of messages that are under way at once: few at first, because each may need a new connection, and
/// one more for each that has arrived.
const FIRST: usize = 16;
const IN_FLIGHT: usize = 256;

/// The number of connections that wait for another attempt at once, besides the messages.
const WAITING: usize = 512;

/// The number of gone checks that run at once, besides the messages.
const GONE_CHECKS: usize = 256;

/// The number of chunks that are read ahead, so that reading delays no message.
const AHEAD: usize = 8;

/// How long before its deadline nothing more is begun: as long as what is under way may take, but no
/// more than a quarter of the time.
const MARGIN: Duration = Duration::from_secs(3);

/// How often progress is looked at.
const TICK: Duration = Duration::from_secs(1);

/// Saves the remaining recipients, in case the process ends before it is done.
pub(crate) trait Checkpoint: Send + Sync {
    /// Saves them. An error ends the broadcast: another invocation has taken it over.
    fn keep(&self, rest: Remaining) -> BoxFuture<'_, Result<(), BoxError>>;
}

/// How a broadcast runs, and when it ends before it is done.
#[derive(Clone, Copy, Default)]
pub(crate) struct RunOptions<'a> {
    /// When it must have returned.
    pub(crate) deadline: Option<Instant>,
    /// Stops at once if it could not be done by then.
    pub(crate) stop_early: bool,
    pub(crate) checkpoint: Option<&'a dyn Checkpoint>,
}

/// One connection, and how often it was tried.
struct Target {
    id: ConnectionId,
    attempts: Attempts,
}

/// A message on its way to many connections, or the end of them.
pub(in crate::sender) struct Broadcast<'a> {
    sender: &'a Sender,
    scope: Scope,
    message: Option<Payload>,
    /// Whether each connection is closed after the message.
    closes: bool,
    except: HashSet<ConnectionId>,
    chunks: Option<BoxStream<'static, Result<Chunk, StoreError>>>,
    /// The rest of each range.
    ranges: Vec<Option<Range>>,
    /// The chunks that were read, and are not begun with.
    ahead: VecDeque<Chunk>,
    /// The next recipients, the last first.
    queue: Vec<ConnectionId>,
    /// The recipients that were begun with, and have no outcome yet.
    pending: HashSet<ConnectionId>,
    in_flight: FuturesUnordered<BoxFuture<'a, (Target, Result<(), SendError>)>>,
    waiting: FuturesUnordered<BoxFuture<'a, Target>>,
    gone_checks: FuturesUnordered<BoxFuture<'a, (ConnectionId, GoneCheck)>>,
    removal: Removal<'a>,
    /// How many may be under way.
    window: usize,
    /// When the rate limiter allows the next.
    ready: Option<Instant>,
    stopped: bool,
    unread: Option<StoreError>,
    /// A connection that was reached.
    reached: Option<ConnectionId>,
    progress: Progress,
    delivery: Delivery,
}

impl<'a> Broadcast<'a> {
    pub(in crate::sender) fn new(sender: &'a Sender, work: Remaining) -> Self {
        Self {
            chunks: Some(chunks(sender, &work.scope, work.ranges.clone())),
            progress: Progress::new(&work.scope, &work.ranges),
            ranges: work.ranges.into_iter().map(Some).collect(),
            removal: Removal::new(sender, &work.scope),
            sender,
            scope: work.scope,
            message: work.message,
            closes: work.closes,
            except: work.except,
            ahead: VecDeque::new(),
            queue: work.ids,
            pending: HashSet::new(),
            in_flight: FuturesUnordered::new(),
            waiting: FuturesUnordered::new(),
            gone_checks: FuturesUnordered::new(),
            window: FIRST,
            ready: None,
            stopped: false,
            unread: None,
            reached: None,
            delivery: Delivery::default(),
        }
    }

    /// Sends to all recipients, or until it has to stop. What is left then is in the delivery.
    pub(in crate::sender) async fn run(
        mut self,
        options: RunOptions<'_>,
    ) -> Result<Delivery, SendError> {
        let now = Instant::now();
        let never = now + Duration::from_secs(365 * 24 * 60 * 60);
        let end = options.deadline.unwrap_or(never);
        let stop = end - MARGIN.min(end.saturating_duration_since(now) / 4);
        let early = options.stop_early.then_some(stop);
        let mut stop = std::pin::pin!(sleep_until(stop));
        let mut end = std::pin::pin!(sleep_until(end));
        let mut ready = std::pin::pin!(sleep_until(never));
        let mut ticks = tokio::time::interval(TICK);
        let mut saving = None;
        loop {
            self.begin();
            if let Some(at) = self.ready.take() {
                ready.as_mut().reset(at);
            }
            let is_limited = ready.deadline() != never;
            let reads = !self.stopped && self.ahead.len() < AHEAD;
            tokio::select! {
                // Timers first, because with a fast transport there is always an outcome; and outcomes before
                // reading, so that messages leave before more is read.
                biased;
                () = &mut end => break,
                () = &mut stop, if !self.stopped => self.stopped = true,
                _ = ticks.tick() => {
                    self.progress.log(&self.delivery, self.rate());
                    if let (Some(checkpoint), None) = (options.checkpoint, &saving) {
                        saving = Some(checkpoint.keep(self.rest()));
                    }
                }
                Some(saved) = saved(&mut saving) => saved.map_err(SendError::Unavailable)?,
                () = &mut ready, if is_limited => ready.as_mut().reset(never),
                Some(target) = self.waiting.next() => self.attempt(target),
                Some((id, checked)) = self.gone_checks.next() => self.resolve(id, checked),
                Some((target, outcome)) = self.in_flight.next() => self.settle(target, outcome)?,
                Some(()) = self.removal.next() => {}
                Some(chunk) = next(&mut self.chunks), if reads => {
                    self.read(chunk);
                    self.stopped |= early.is_some_and(|early| self.ends() > early);
                }
            }
            if self.is_done() {
                break;
            }
        }
        self.finish().await
    }

    /// Begins with as many recipients as may be under way.
    fn begin(&mut self) {
        while !self.stopped
            && self.in_flight.len() < self.window
            && self.waiting.len() < WAITING
            && self.gone_checks.len() < GONE_CHECKS
        {
            let Some(id) = self.queue.pop() else {
                let Some(chunk) = self.ahead.pop_front() else {
                    return;
                };
                self.ranges[chunk.range] = chunk.left;
                self.queue = chunk.ids;
                let slow = self.sender.0.rate_limiter.slow();
                slow.defer(&mut self.queue, Instant::now());
                continue;
            };
            if self.except.contains(&id) {
                continue;
            }
            if let Err(not_open) = self.sender.check_open(&id) {
                self.delivery.failure(id, not_open);
                continue;
            }
            let now = || self.sender.now();
            if let Some(known) = self.sender.0.gone.find(&id, now) {
                self.delivery.gone += 1;
                if known == KnownGone::Stale {
                    self.removal.add(id, None, &self.delivery);
                }
                continue;
            }
            if let Err(at) = self.sender.0.rate_limiter.try_acquire(Instant::now()) {
                self.queue.push(id);
                self.ready = Some(at);
                return;
            }
            self.pending.insert(id.clone());
            let request = match self.message {
                Some(_) => RequestKind::Post,
                None => RequestKind::Other,
            };
            self.go(Target {
                id,
                attempts: Attempts::new(request),
            });
        }
    }

    /// Makes another attempt.
    fn attempt(&mut self, target: Target) {
        self.sender.0.rate_limiter.charge(Instant::now());
        self.go(target);
    }

    fn go(&mut self, target: Target) {
        let (sender, message, closes) = (self.sender, self.message.clone(), self.closes);
        self.in_flight.push(Box::pin(async move {
            let outcome = match &message {
                Some(message) => match sender.post_once(&target.id, message).await {
                    Ok(()) if closes => sender.0.transport.close(&target.id).await,
                    posted => posted,
                },
                None => sender.0.transport.close(&target.id).await,
            };
            (target, outcome)
        }));
    }

    fn settle(
        &mut self,
        mut target: Target,
        outcome: Result<(), SendError>,
    ) -> Result<(), SendError> {
        let another = self
            .sender
            .another(&target.id, &mut target.attempts, &outcome);
        let error = match outcome {
            Ok(()) => {
                self.window = (self.window + 1).min(IN_FLIGHT);
                self.pending.remove(&target.id);
                self.delivery.sent += 1;
                self.sender.0.endpoint.prove();
                self.reached.get_or_insert(target.id);
                return Ok(());
            }
            Err(SendError::Gone) => {
                self.check_gone(target.id);
                return Ok(());
            }
            Err(error @ SendError::Forbidden { .. }) => return Err(error),
            Err(error) => error,
        };
        match another {
            None => {
                self.pending.remove(&target.id);
                self.delivery.failure(target.id, error);
            }
            Some(Duration::ZERO) => self.attempt(target),
            Some(pause) => {
                let sender = self.sender;
                self.waiting.push(Box::pin(async move {
                    sender.wait(&target.id, &target.attempts, pause).await;
                    target
                }));
            }
        }
        Ok(())
    }

    fn check_gone(&mut self, id: ConnectionId) {
        let (sender, message, closes) = (self.sender, self.message.clone(), self.closes);
        self.gone_checks.push(Box::pin(async move {
            let mut checked = sender.check_gone(&id, message.as_ref()).await;
            // The message has arrived after all.
            if closes
                && matches!(checked, GoneCheck::Alive)
                && let Err(error) = sender.0.transport.close(&id).await
                && !matches!(error, SendError::Gone)
            {
                checked = GoneCheck::Unknown(error);
            }
            (id, checked)
        }));
    }

    fn resolve(&mut self, id: ConnectionId, checked: GoneCheck) {
        self.pending.remove(&id);
        match checked {
            GoneCheck::Alive => self.delivery.sent += 1,
            GoneCheck::Gone(record) => {
                self.delivery.gone += 1;
                self.removal.add(id, record, &self.delivery);
            }
            GoneCheck::Unknown(error) => self.delivery.failure(id, error),
        }
    }

    fn read(&mut self, chunk: Option<Result<Chunk, StoreError>>) {
        match chunk {
            Some(Ok(chunk)) => {
                self.progress
                    .read(chunk.range, chunk.ids.len(), chunk.left.as_ref());
                self.ahead.push_back(chunk);
            }
            Some(Err(error)) => self.unread = Some(error),
            None => self.chunks = None,
        }
    }

    fn is_done(&self) -> bool {
        let begun = self.chunks.is_none() && self.ahead.is_empty() && self.queue.is_empty();
        (begun || self.stopped) && self.pending.is_empty()
    }

    /// How many messages a second leave: as many as may, if that is known to be possible.
    fn rate(&self) -> f64 {
        let allowed = self.sender.0.rate_limiter.rate();
        let reached = self.progress.rate(&self.delivery);
        reached.map_or(allowed, |rate| rate.min(allowed))
    }

    /// When the broadcast is expected to end.
    fn ends(&self) -> Instant {
        let left = self.progress.eta(&self.delivery, self.rate());
        Instant::now() + left.min(Duration::from_secs(24 * 60 * 60))
    }

    /// The remaining recipients.
    fn rest(&self) -> Remaining {
        let ids = self.queue.iter().chain(&self.pending);
        Remaining {
            scope: self.scope.clone(),
            message: self.message.clone(),
            closes: self.closes,
            except: self.except.clone(),
            ids: ids.cloned().collect(),
            ranges: self.ranges.iter().flatten().cloned().collect(),
        }
    }

    async fn finish(self) -> Result<Delivery, SendError> {
        let rest = self.rest();
        let mut delivery = self.delivery;
        self.removal.finish(&delivery, self.reached.as_ref()).await;
        delivery.unread = self.unread;
        if !rest.is_empty() {
            delivery.rest = Some(rest);
        }
        Ok(delivery)
    }
}

/// The next chunk. It is never ready if there are no more.
async fn next(
    chunks: &mut Option<BoxStream<'static, Result<Chunk, StoreError>>>,
) -> Option<Option<Result<Chunk, StoreError>>> {
    match chunks {
        Some(chunks) => Some(chunks.next().await),
        None => None,
    }
}

/// The result of saving. It is never ready if nothing is being saved.
async fn saved(
    saving: &mut Option<BoxFuture<'_, Result<(), BoxError>>>,
) -> Option<Result<(), BoxError>> {
    let saved = saving.as_mut()?.await;
    *saving = None;
    Some(saved)
}
