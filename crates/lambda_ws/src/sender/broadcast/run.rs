//! The loop of a broadcast.

use super::super::attempts::{Attempts, RequestKind};
use super::super::gone::{GoneCheck, KnownGone, Removal};
use super::super::{Delivery, Sender};
use super::early::{EarlyMembers, EarlyRead};
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
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The initial number of concurrent sends, because each may need a new connection. It grows by one with each success.
const FIRST: usize = 16;
const IN_FLIGHT: usize = 256;

/// The maximum number of connections that wait for a retry, in addition to the sends.
const WAITING: usize = 512;

/// The maximum number of concurrent gone checks, in addition to the sends.
const GONE_CHECKS: usize = 256;

/// The number of chunks that are read ahead, so that reading does not delay sends.
const AHEAD: usize = 8;

/// How long before the deadline no new send starts: the longest time of a send, at most a quarter of the time.
const MARGIN: Duration = Duration::from_secs(3);

const TICK: Duration = Duration::from_secs(1);

/// Saves the remaining recipients, in case the process ends early.
pub(crate) trait Checkpoint: Send + Sync {
    /// Saves the remaining recipients. An error ends the broadcast: another invocation has taken it over.
    fn save(&self, rest: Remaining) -> BoxFuture<'_, Result<(), BoxError>>;
}

#[derive(Clone, Copy, Default)]
pub(crate) struct RunOptions<'a> {
    pub(crate) deadline: Option<Instant>,
    /// Stops as soon as it is clear that the deadline is too early.
    pub(crate) stop_early: bool,
    pub(crate) checkpoint: Option<&'a dyn Checkpoint>,
}

struct Target {
    id: ConnectionId,
    attempts: Attempts,
}

/// A running broadcast, which sends a message or closes connections.
pub(in crate::sender) struct Broadcast<'a> {
    sender: &'a Sender,
    scope: Scope,
    message: Option<Payload>,
    /// Whether each connection is closed after the message.
    closes: bool,
    except: HashSet<ConnectionId>,
    chunks: Option<BoxStream<'static, Result<Chunk, StoreError>>>,
    ranges: Vec<Option<Range>>,
    ahead: VecDeque<Chunk>,
    early: EarlyMembers,
    /// The next recipients, in reverse order.
    queue: Vec<ConnectionId>,
    /// The recipients without an outcome.
    pending: HashSet<ConnectionId>,
    in_flight: FuturesUnordered<BoxFuture<'a, (Target, Result<(), SendError>)>>,
    waiting: FuturesUnordered<BoxFuture<'a, Target>>,
    gone_checks: FuturesUnordered<BoxFuture<'a, (ConnectionId, GoneCheck)>>,
    removal: Removal<'a>,
    /// Whether only gone checks are left.
    idle: watch::Sender<bool>,
    window: usize,
    /// The time when the rate limiter allows the next send.
    ready: Option<Instant>,
    stopped: bool,
    unread: Option<StoreError>,
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
            early: EarlyMembers::new(None),
            queue: work.ids,
            pending: HashSet::new(),
            in_flight: FuturesUnordered::new(),
            waiting: FuturesUnordered::new(),
            gone_checks: FuturesUnordered::new(),
            idle: watch::Sender::new(false),
            window: FIRST,
            ready: None,
            stopped: false,
            unread: None,
            reached: None,
            delivery: Delivery::default(),
        }
    }

    /// Sends to the members of an early read first.
    pub(super) fn with_early(mut self, read: Option<EarlyRead>) -> Self {
        self.early = EarlyMembers::new(read);
        self
    }

    /// Sends to all recipients, or until it has to stop. The delivery contains the remaining recipients.
    pub(in crate::sender) async fn run(
        mut self,
        options: RunOptions<'_>,
    ) -> Result<Delivery, SendError> {
        let now = Instant::now();
        let never = now + Duration::from_secs(365 * 24 * 60 * 60);
        let end = options.deadline.unwrap_or(never);
        let stop = stop_before(now, end);
        let latest = options.stop_early.then_some(stop);
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
            self.notify_gone_checks();
            let is_limited = ready.deadline() != never;
            let reads = !self.stopped && self.ahead.len() < AHEAD;
            tokio::select! {
                // Timers come first, because a fast transport always has an outcome. Outcomes come before reads, so
                // that messages are sent before more recipients are read.
                biased;
                () = &mut end => break,
                () = &mut stop, if !self.stopped => self.stopped = true,
                _ = ticks.tick() => {
                    self.progress.log(&self.delivery, self.rate());
                    if let (Some(checkpoint), None) = (options.checkpoint, &saving) {
                        saving = Some(checkpoint.save(self.rest()));
                    }
                }
                Some(saved) = saved(&mut saving) => saved.map_err(SendError::Unavailable)?,
                () = &mut ready, if is_limited => ready.as_mut().reset(never),
                Some(target) = self.waiting.next() => self.attempt(target),
                Some((id, checked)) = self.gone_checks.next() => self.resolve(id, checked),
                Some((target, outcome)) = self.in_flight.next() => self.settle(target, outcome)?,
                Some(()) = self.removal.next() => {}
                Some(ids) = self.early.next(), if reads => self.fill_queue(ids),
                Some(chunk) = next(&mut self.chunks), if reads => {
                    self.read(chunk);
                    self.stopped |= latest.is_some_and(|latest| self.ends() > latest);
                }
            }
            if self.is_done() {
                break;
            }
        }
        self.finish().await
    }

    /// Makes these the next recipients. There are no others in the queue.
    fn fill_queue(&mut self, ids: Vec<ConnectionId>) {
        self.queue = ids;
        let slow = self.sender.0.rate_limiter.slow();
        slow.defer(&mut self.queue, Instant::now());
    }

    fn begin(&mut self) {
        while !self.stopped
            && self.in_flight.len() < self.window
            && self.waiting.len() < WAITING
            && self.gone_checks.len() < GONE_CHECKS
        {
            let Some(id) = self.queue.pop() else {
                let Some(mut chunk) = self.ahead.pop_front() else {
                    return;
                };
                self.ranges[chunk.range] = chunk.left;
                self.early.remove_from(&mut chunk.ids);
                self.fill_queue(chunk.ids);
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
            Err(error @ (SendError::Forbidden { .. } | SendError::NoEndpoint)) => {
                return Err(error);
            }
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
        // A client must receive the message before it is closed.
        let idle = (!closes).then(|| self.idle.subscribe());
        self.gone_checks.push(Box::pin(async move {
            let mut checked = sender.check_gone(&id, message.as_ref(), idle).await;
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
            GoneCheck::Suspected(suspect) => {
                self.delivery.gone += 1;
                self.removal.suspect(suspect);
            }
            GoneCheck::Unknown(error) => self.delivery.failure(id, error),
        }
    }

    /// Notifies the gone checks whether they are the only work that is left.
    fn notify_gone_checks(&self) {
        if self.gone_checks.is_empty() {
            return;
        }
        let is_idle = self.has_begun_all() && self.in_flight.is_empty() && self.waiting.is_empty();
        if *self.idle.borrow() != is_idle {
            self.idle.send_replace(is_idle);
        }
    }

    fn read(&mut self, chunk: Option<Result<Chunk, StoreError>>) {
        self.early.cancel();
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

    /// Returns whether no other send will begin, except for retries.
    fn has_begun_all(&self) -> bool {
        let begun = self.chunks.is_none() && self.ahead.is_empty() && self.queue.is_empty();
        begun || self.stopped
    }

    fn is_done(&self) -> bool {
        self.has_begun_all() && self.pending.is_empty()
    }

    /// Returns the expected rate in messages per second: the limit, if the measured rate reaches it.
    fn rate(&self) -> f64 {
        let allowed = self.sender.0.rate_limiter.rate();
        let reached = self.progress.rate(&self.delivery);
        reached.map_or(allowed, |rate| rate.min(allowed))
    }

    fn ends(&self) -> Instant {
        let left = self.progress.eta(&self.delivery, self.rate());
        Instant::now() + left.min(Duration::from_secs(24 * 60 * 60))
    }

    fn rest(&self) -> Remaining {
        let ids = self.queue.iter().chain(&self.pending);
        let mut rest = Remaining {
            scope: self.scope.clone(),
            message: self.message.clone(),
            closes: self.closes,
            except: self.except.clone(),
            ids: ids.cloned().collect(),
            ranges: self.ranges.iter().flatten().cloned().collect(),
        };
        self.early.exclude_from(&mut rest);
        rest
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

/// Returns the time after which no new send starts.
pub(super) fn stop_before(now: Instant, end: Instant) -> Instant {
    end - MARGIN.min(end.saturating_duration_since(now) / 4)
}

/// Returns the next chunk. Pending forever if there are no more.
async fn next(
    chunks: &mut Option<BoxStream<'static, Result<Chunk, StoreError>>>,
) -> Option<Option<Result<Chunk, StoreError>>> {
    match chunks {
        Some(chunks) => Some(chunks.next().await),
        None => None,
    }
}

/// Returns the result of saving. Pending forever if nothing is being saved.
async fn saved(
    saving: &mut Option<BoxFuture<'_, Result<(), BoxError>>>,
) -> Option<Result<(), BoxError>> {
    let saved = saving.as_mut()?.await;
    *saving = None;
    Some(saved)
}
