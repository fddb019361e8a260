//! The local gateway in a separate process, with a function whose clients are in one room.

use lambda_ws::store::{KeyValueStore, Record, Scope, Store};
use lambda_ws::{ConnectionId, Timestamp};
use serde_json::Value;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;
use tests::Meter;
use tests::{Endpoint, Gateway, MIB, Setup, Table, allow_many_files, optimized_gateway, until};

/// The room.
const ROOM: &str = "hall";

/// The number of namespaces of the leases of tasks, `task:0` to `task:f`.
const LEASES: u8 = 16;

/// Another build of the function's program, if one is measured.
static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Measures another build of the function's program.
pub(super) fn use_program(program: &Path) {
    let program = program.canonicalize().expect("the program exists");
    PROGRAM.get_or_init(|| program);
}

/// The function's program.
fn program() -> PathBuf {
    PROGRAM.get().cloned().unwrap_or_else(|| {
        let program = Path::new(env!("CARGO_BIN_EXE_crowd"));
        program.canonicalize().expect("cargo has built it")
    })
}

/// How many clients can connect: so many, or what the limit of open files leaves for them. It counts for
/// the gateway as for this process: `others` is how many other files a gateway needs at most.
pub(super) fn room_for(wanted: usize, others: usize) -> usize {
    let limit = allow_many_files();
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    let Some(limit) = limit else { return wanted };
    let count = wanted.min(limit.saturating_sub(others));
    if count < wanted {
        println!(
            "{count} connections instead of {wanted}: a process may have {limit} files open, and the gateway \
             needs up to {others} for those who send, for DynamoDB and for the function's processes."
        );
    }
    count
}

/// The gateway, until it is dropped.
#[derive(Debug)]
pub(super) struct Hall {
    pub(super) gateway: Gateway,
    table: Table,
}

/// The connections by DynamoDB and by the gateway.
#[derive(Debug)]
pub(super) struct Roll {
    /// Whose sockets are open.
    pub(super) live: HashSet<ConnectionId>,
    /// Whose records are there and not marked.
    pub(super) recorded: HashSet<ConnectionId>,
    /// The members of the room.
    pub(super) members: HashSet<ConnectionId>,
}

impl Roll {
    /// The open connections without a record or outside the room.
    pub(super) fn lost(&self) -> usize {
        let known = |id: &&ConnectionId| self.recorded.contains(*id) && self.members.contains(*id);
        self.live.len() - self.live.iter().filter(known).count()
    }

    /// The closed connections with a record or in the room.
    pub(super) fn dead(&self) -> usize {
        let known = self.recorded.union(&self.members);
        known.filter(|id| !self.live.contains(*id)).count()
    }
}

/// The tasks that there were.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Leases {
    pub(super) all: usize,
    pub(super) done: usize,
}

/// The resources that the gateway and the function used.
#[derive(Debug)]
pub(super) struct Used {
    pub(super) gateway: Duration,
    pub(super) function: Duration,
}

impl Hall {
    /// Starts it with the parameters `Rate` (messages per second) and `Seconds` of its template.
    pub(super) async fn start(rate: usize, seconds: u32, args: &[&str]) -> Self {
        let rate = format!("Rate={rate}");
        let seconds = format!("Seconds={seconds}");
        let setup = Setup::new().gateway(optimized_gateway());
        let setup = setup.template("crowd.yaml").program([program()]);
        let setup = setup.args(["--parameter-overrides", &rate, &seconds, "--quiet"]);
        let gateway = setup.args(args).start().await;
        let table = gateway.table().await;
        Self { gateway, table }
    }

    pub(super) fn endpoint(&self) -> Endpoint {
        Endpoint::of(&self.gateway.url)
    }

    pub(super) fn meter(&self) -> Meter {
        Meter::Process(self.gateway.program.id())
    }

    /// The function's processes.
    pub(super) fn function(&self) -> Vec<Meter> {
        let ids = self.gateway.processes.running(&program());
        ids.into_iter().map(Meter::Process).collect()
    }

    /// Returns the resources used until now, by the processes that still run.
    pub(super) fn used(&self) -> Used {
        Used {
            gateway: self.meter().time(),
            function: self.function().into_iter().map(Meter::time).sum(),
        }
    }

    pub(super) fn forget_peaks(&self) {
        self.meter().forget_peak();
        self.function().into_iter().for_each(Meter::forget_peak);
    }

    /// The most that one of the function's processes has occupied, in MB.
    pub(super) fn function_peak(&self) -> f64 {
        let peaks = self.function().into_iter().map(Meter::peak);
        peaks.max().unwrap_or_default() as f64 / MIB
    }

    /// Returns the connections by the gateway and by the table.
    pub(super) async fn roll(&self) -> Roll {
        let (store, now) = (self.table.store(), Timestamp::now());
        let mut recorded = self.read(&Scope::Everyone).await;
        let ids: Vec<_> = recorded.drain().collect();
        for ids in ids.chunks(100) {
            let records = store.records(ids, now).await.expect("it answers");
            let records = records.into_iter().filter(|record| !record.gone);
            recorded.extend(records.map(|Record { id, .. }| id));
        }
        let members = self.read(&Scope::Room(ROOM.to_owned())).await;
        Roll {
            live: self.live().await,
            recorded,
            members,
        }
    }

    async fn read(&self, scope: &Scope) -> HashSet<ConnectionId> {
        let (store, now) = (self.table.store(), Timestamp::now());
        let mut all = HashSet::new();
        for slice in scope.slices() {
            let mut after = None;
            loop {
                let page = store.page(scope, slice, after.as_ref(), now).await;
                let page = page.expect("it answers");
                all.extend(page.ids);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
        }
        all
    }

    async fn live(&self) -> HashSet<ConnectionId> {
        let mut live = HashSet::new();
        let mut path = "connections?limit=1000".to_owned();
        loop {
            let page = self.gateway.admin("GET", &path, "").await;
            let ids = page["connections"].as_array().expect("a list").iter();
            live.extend(ids.filter_map(|one| Some(ConnectionId::from(one["id"].as_str()?))));
            let Some(next) = page["next"].as_str() else {
                return live;
            };
            let next = next.replace('+', "%2B").replace('=', "%3D");
            path = format!("connections?limit=1000&after={next}");
        }
    }

    /// The tasks that there were, by their leases.
    pub(super) async fn leases(&self) -> Leases {
        let (store, now) = (self.table.store(), Timestamp::now());
        let mut leases = Leases::default();
        for shard in 0..LEASES {
            let space = format!("task:{shard:x}");
            let mut after = None::<String>;
            loop {
                let keys = store.keys(&space, "", after.as_deref(), now).await;
                let keys = keys.expect("it answers");
                for key in keys.keys {
                    let lease = store.read(&space, &key, now).await.expect("it answers");
                    let lease = lease.map(|lease| lease.value).unwrap_or_default();
                    let lease: Value = serde_json::from_str(&lease).unwrap_or_default();
                    leases.all += 1;
                    leases.done += usize::from(lease["stage"] == "done");
                }
                after = keys.next;
                if after.is_none() {
                    break;
                }
            }
        }
        leases
    }

    /// Waits until all tasks are done, and returns how many there were.
    pub(super) async fn tasks(&self) -> usize {
        until("the end of all tasks", async || {
            let leases = self.leases().await;
            (leases.all == leases.done).then_some(leases.all)
        })
        .await
    }

    /// Lets other things go wrong.
    pub(super) async fn set_faults(&self, plan: &str) {
        self.gateway.admin("PUT", "faults", plan).await;
    }

    /// How often everything has gone wrong.
    pub(super) async fn fired(&self) -> Value {
        self.gateway.admin("GET", "faults", "").await["fired"].take()
    }
}
