//! The parts of a simulated deployment, and its quotas.

use super::app::{self, Heard};
use super::gateway::Gateway;
use super::lambda::Lambda;
use super::table::Table;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The audience that all quotas are for.
pub(super) const MILLION: f64 = 1_000_000.0;

/// The default quotas of an account and the settings of the function. A run with fewer connections divides rates and
/// counts by the same factor, so that all times stay the same.
#[derive(Debug, Clone)]
pub(super) struct Quotas {
    /// New connections per second (API Gateway).
    pub(super) handshakes: f64,
    /// Messages and posts per second (API Gateway), and the burst.
    pub(super) requests: f64,
    pub(super) burst: f64,
    /// Concurrent executions (Lambda), and how many are added per second: 1 000 in 10 s.
    pub(super) concurrency: usize,
    pub(super) starts: f64,
    /// Write and read units per second of a partition (DynamoDB).
    pub(super) partition_writes: f64,
    pub(super) partition_reads: f64,
    /// The write units per second of a new on-demand table. It doubles with the load.
    pub(super) table_writes: f64,
    /// `SEND_RATE` and `SEND_TASKS` of the function.
    pub(super) send_rate: f64,
    pub(super) tasks: usize,
    /// The timeout of the function: 29 s in the template.
    pub(super) timeout: Duration,
    /// The timeout of tasks: 270 s with the template's function for tasks.
    pub(super) task_timeout: Duration,
}

impl Quotas {
    /// Returns the quotas for a run with this many connections.
    pub(super) fn for_connections(connections: usize) -> Self {
        let factor = connections as f64 / MILLION;
        let scaled = |quota: f64| (quota * factor).max(1.0);
        Self {
            handshakes: scaled(500.0),
            requests: scaled(10_000.0),
            burst: scaled(5_000.0),
            // Tasks are not scaled, so neither is the concurrency.
            concurrency: 1_000,
            starts: 100.0,
            partition_writes: scaled(1_000.0),
            // A page has the same size in every run.
            partition_reads: 3_000.0,
            table_writes: scaled(4_000.0),
            send_rate: scaled(5_000.0),
            tasks: 4,
            timeout: Duration::from_secs(29),
            task_timeout: Duration::from_secs(29),
        }
    }
}

/// A deployment: an API, a function and a table. Clones share it.
#[derive(Clone)]
pub(super) struct World {
    pub(super) gateway: Arc<Gateway>,
    pub(super) lambda: Arc<Lambda>,
    pub(super) table: Table,
    pub(super) heard: Arc<Heard>,
    pub(super) origin: Instant,
}

impl World {
    /// Creates a deployment with this seed. `app` is the application.
    pub(super) fn new(quotas: Quotas, seed: u64, app: app::Kind) -> Self {
        // The library draws its random numbers from the generator of the thread.
        fastrand::seed(seed);
        let origin = Instant::now();
        let gateway = Arc::new(Gateway::new(&quotas, origin, seed));
        let table = Table::new(&quotas, origin, seed);
        let heard = Arc::new(Heard::new(origin));
        let lambda = Lambda::new(
            &quotas,
            origin,
            app::factory(app, &gateway, &table, &heard, &quotas, origin),
        );
        Self {
            gateway,
            lambda,
            table,
            heard,
            origin,
        }
    }
}
