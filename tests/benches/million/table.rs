//! A model of DynamoDB around the memory store: the requests, units and partitions of each operation.

mod values;

use super::bucket::{Bucket, Series};
use super::world::Quotas;
use lambda_ws::store::{Memory, Page, Record, Scope, Slice, Store, StoreError};
use lambda_ws::{ConnectionId, Timestamp};
use lambda_ws_protocol::table_layout;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The sizes of a record with a user and a room, and of a member, in bytes. `tests/tests/store/cost.rs` measures the
/// units of all operations.
const RECORD: usize = 130;
const MEMBER: usize = 38;

/// The size of a page, and of a read unit.
const PAGE: usize = 1_000_000;
const UNIT: f64 = 4_096.0;

/// The latency of a request and of a full page, in ms. Both are assumptions.
const REQUEST: f64 = 4.0;
const FULL_PAGE: f64 = 25.0;

/// The write units per second of the partition of leases.
const LEASES: f64 = 1_000.0;

/// The attempts of the SDK, and its first pause.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(50);

/// The retries of unprocessed items, as in the library's store for DynamoDB: up to 640 ms, with full jitter.
const BATCH_RETRIES: u32 = 12;

/// The use of the table.
#[derive(Debug)]
pub(super) struct Used {
    pub(super) writes: Series,
    pub(super) reads: f64,
    pub(super) requests: u64,
    pub(super) throttled: u64,
    /// The operations that failed after all retries.
    pub(super) failed: u64,
    /// The most write units that one partition got in a second, by kind of key.
    pub(super) hottest: HashMap<&'static str, f64>,
}

struct Partition {
    writes: Bucket,
    reads: Bucket,
    second: u64,
    written: f64,
}

struct State {
    partitions: HashMap<String, Partition>,
    table: Bucket,
    /// The table's write units per second. They double when the load reaches a half of them.
    table_writes: f64,
    /// Partitions with a limit of their own.
    limited: HashMap<String, f64>,
    random: fastrand::Rng,
    used: Used,
}

/// The table. Clones share it.
#[derive(Clone)]
pub(super) struct Table {
    pub(super) memory: Memory,
    state: Arc<Mutex<State>>,
    quotas: Arc<Quotas>,
    origin: Instant,
}

impl Table {
    pub(super) fn new(quotas: &Quotas, origin: Instant, seed: u64) -> Self {
        let used = Used {
            writes: Series::new(origin),
            reads: 0.0,
            requests: 0,
            throttled: 0,
            failed: 0,
            hottest: HashMap::new(),
        };
        let state = State {
            partitions: HashMap::new(),
            table: Bucket::new(quotas.table_writes, quotas.table_writes),
            table_writes: quotas.table_writes,
            limited: HashMap::new(),
            random: fastrand::Rng::with_seed(seed),
            used,
        };
        Self {
            memory: Memory::new(),
            state: Arc::new(Mutex::new(state)),
            quotas: Arc::new(quotas.clone()),
            origin,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("a simulation has one thread")
    }

    pub(super) fn used<T>(&self, read: impl FnOnce(&Used) -> T) -> T {
        read(&self.state().used)
    }

    /// Gives a partition another limit of write units per second.
    pub(super) fn limit(&self, partition: &str, writes: f64) {
        let mut state = self.state();
        state.limited.insert(partition.to_owned(), writes);
        state.partitions.remove(partition);
    }

    /// Takes the units of a request from its partition and from the table.
    fn take(&self, kind: &'static str, key: &str, writes: f64, reads: f64) -> bool {
        let mut state = self.state();
        let state = &mut *state;
        state.used.requests += 1;
        let second = (Instant::now() - self.origin).as_secs();
        // The partition of each user is used a few times only.
        let has = match kind {
            "U" => true,
            _ => {
                let limit = state.limited.get(key).copied();
                let limit = limit.unwrap_or(match kind {
                    // Leases do not become fewer in a smaller run.
                    "K task" => LEASES,
                    _ => self.quotas.partition_writes,
                });
                let reads_limit = self.quotas.partition_reads;
                let partition = state.partitions.entry(key.to_owned());
                let partition = partition.or_insert_with(|| Partition {
                    writes: Bucket::new(limit, limit),
                    reads: Bucket::new(reads_limit, reads_limit),
                    second,
                    written: 0.0,
                });
                let has = partition.writes.take(writes) && partition.reads.take(reads);
                if has {
                    if partition.second != second {
                        (partition.second, partition.written) = (second, 0.0);
                    }
                    partition.written += writes;
                    let hottest = state.used.hottest.entry(kind).or_default();
                    *hottest = hottest.max(partition.written);
                }
                has
            }
        };
        let has = has && (kind == "K task" || state.table.take(writes));
        if !has {
            state.used.throttled += 1;
            return false;
        }
        state.used.writes.add(writes);
        state.used.reads += reads;
        // The capacity follows the load: on demand it is twice the previous peak.
        let peak = state.used.writes.counts.last().copied().unwrap_or_default();
        if 2.0 * peak > state.table_writes && second > 0 {
            let done = state.used.writes.counts.iter().rev().nth(1).copied();
            let wanted = 2.0 * done.unwrap_or_default();
            if wanted > state.table_writes {
                state.table_writes = wanted;
                state.table.set_rate(wanted);
            }
        }
        true
    }

    async fn latency(&self, ms: f64) {
        let factor = self.state().random.f64();
        let ms = ms * (0.7 + 0.3 * (-(1.0 - factor).ln()));
        sleep(Duration::from_micros((ms * 1_000.0) as u64)).await;
    }

    fn jitter(&self, pause: Duration) -> Duration {
        pause.mul_f64(self.state().random.f64())
    }

    /// A request for one partition, with the retries of the SDK.
    async fn request(
        &self,
        (kind, key): (&'static str, String),
        writes: f64,
        reads: f64,
    ) -> Result<(), StoreError> {
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                let pause = self.jitter(PAUSE * 2_u32.pow(attempt - 1));
                sleep(pause).await;
            }
            let page = (reads * UNIT / PAGE as f64).min(1.0);
            self.latency(REQUEST + page * FULL_PAGE).await;
            if self.take(kind, &key, writes, reads) {
                return Ok(());
            }
        }
        self.state().used.failed += 1;
        let error = "ThrottlingException: the partition or the table exceeds its throughput";
        Err(StoreError::Unavailable(error.into()))
    }

    /// A BatchWriteItem of single units, with the library's retries of unprocessed items.
    async fn batch(&self, mut keys: Vec<(&'static str, String)>) -> Result<(), StoreError> {
        let mut pause = Duration::from_millis(10);
        for _ in 0..=BATCH_RETRIES {
            if keys.is_empty() {
                return Ok(());
            }
            self.latency(REQUEST).await;
            keys.retain(|(kind, key)| !self.take(kind, key, 1.0, 0.0));
            if !keys.is_empty() {
                let wait = self.jitter(pause);
                sleep(wait).await;
                pause = (2 * pause).min(Duration::from_millis(640));
            }
        }
        self.state().used.failed += 1;
        Err(StoreError::Unavailable(
            "some items of a batch are unprocessed".into(),
        ))
    }
}

fn connection(id: &ConnectionId) -> (&'static str, String) {
    ("C", table_layout::connections(table_layout::hash(id)))
}

fn members(scope: &Scope) -> (&'static str, String) {
    match scope {
        Scope::Everyone => ("C", String::new()),
        Scope::Room(room) => ("R", format!("R {room}")),
        Scope::User(user) => ("U", format!("U {user}")),
    }
}

fn write_units(bytes: usize) -> f64 {
    (bytes + 100).div_ceil(1_024) as f64
}

fn read_units(bytes: usize) -> f64 {
    (bytes as f64 / UNIT).ceil().max(1.0)
}

impl Store for Table {
    async fn register(&self, record: &Record) -> Result<(), StoreError> {
        self.request(connection(&record.id), 1.0, 0.0).await?;
        let scopes: Vec<_> = record.scopes().collect();
        self.batch(scopes.iter().map(members).collect()).await?;
        self.memory.register(record).await
    }

    async fn record(
        &self,
        id: &ConnectionId,
        now: Timestamp,
    ) -> Result<Option<Record>, StoreError> {
        self.request(connection(id), 0.0, 1.0).await?;
        self.memory.record(id, now).await
    }

    async fn records(
        &self,
        ids: &[ConnectionId],
        now: Timestamp,
    ) -> Result<Vec<Record>, StoreError> {
        for ids in ids.chunks(100) {
            if let Some(first) = ids.first() {
                self.request(connection(first), 0.0, ids.len() as f64)
                    .await?;
            }
        }
        self.memory.records(ids, now).await
    }

    async fn remove(&self, id: &ConnectionId, at: Timestamp) -> Result<Option<Record>, StoreError> {
        self.request(connection(id), 1.0, 0.0).await?;
        let record = self.memory.remove(id, at).await?;
        if let Some(record) = &record {
            let scopes: Vec<_> = record.scopes().collect();
            // The library logs a failure here, and the members expire.
            let _ = self.batch(scopes.iter().map(members).collect()).await;
        }
        Ok(record)
    }

    async fn mark_gone(&self, id: &ConnectionId, at: Timestamp) -> Result<bool, StoreError> {
        self.request(connection(id), 1.0, 0.0).await?;
        self.memory.mark_gone(id, at).await
    }

    async fn join(
        &self,
        id: &ConnectionId,
        at: Timestamp,
        room: &str,
        expires: Timestamp,
    ) -> Result<(), StoreError> {
        self.request(connection(id), 4.0, 0.0).await?;
        self.memory.join(id, at, room, expires).await
    }

    async fn leave(&self, id: &ConnectionId, at: Timestamp, room: &str) -> Result<(), StoreError> {
        self.request(connection(id), 4.0, 0.0).await?;
        self.memory.leave(id, at, room).await
    }

    async fn switch_room(&self, record: &Record, room: &str) -> Result<(), StoreError> {
        self.request(connection(&record.id), 6.0, 0.0).await?;
        self.memory.switch_room(record, room).await
    }

    async fn mark_seen(
        &self,
        id: &ConnectionId,
        at: Timestamp,
        now: Timestamp,
        interval: Duration,
    ) -> Result<(), StoreError> {
        self.request(connection(id), 1.0, 0.0).await?;
        self.memory.mark_seen(id, at, now, interval).await
    }

    async fn save(
        &self,
        id: &ConnectionId,
        at: Timestamp,
        session: &str,
        version: u64,
    ) -> Result<u64, StoreError> {
        let units = write_units(session.len());
        self.request(connection(id), units, 0.0).await?;
        self.memory.save(id, at, session, version).await
    }

    async fn page(
        &self,
        scope: &Scope,
        slice: Slice,
        after: Option<&ConnectionId>,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        let (item, share) = match scope {
            Scope::Everyone => (RECORD, 0.5),
            Scope::Room(_) | Scope::User(_) => (MEMBER, 1.0),
        };
        // A page of DynamoDB is larger than one of the memory store.
        let mut page = Page::default();
        let mut after = after.cloned();
        loop {
            let part = self.memory.page(scope, slice, after.as_ref(), now).await?;
            page.ids.extend(part.ids);
            page.next = part.next;
            if page.next.is_none() || page.ids.len() * item >= PAGE {
                break;
            }
            after = page.next.clone();
        }
        let key = match scope {
            Scope::Everyone => ("C", table_layout::connections(slice.from)),
            scope => members(scope),
        };
        let units = share * read_units(page.ids.len() * item);
        self.request(key, 0.0, units).await?;
        Ok(page)
    }

    async fn forget(&self, scope: &Scope, id: &ConnectionId) -> Result<(), StoreError> {
        let key = match scope {
            Scope::Everyone => connection(id),
            scope => members(scope),
        };
        self.request(key, 1.0, 0.0).await?;
        self.memory.forget(scope, id).await
    }
}
