//! The gateway, which restarts at the same address with the same tables.

use crate::broadcast::args::Args;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tests::{Gateway, Setup, Table, allow_many_files, optimized_gateway, within};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::RwLock;

/// What goes wrong.
pub(super) const FAULTS: &str =
    "gone=2%,false-gone=1%,throttle=3%,crash=1%,lost-disconnect=20%,post-latency=20ms";

pub(super) const ROOMS: [&str; 20] = [
    "long/01", "long/02", "long/03", "long/04", "long/05", "long/06", "long/07", "long/08",
    "long/09", "long/10", "long/11", "long/12", "long/13", "long/14", "long/15", "long/16",
    "long/17", "long/18", "long/19", "long/20",
];

/// The function's program.
pub(super) const PROGRAM: &str = env!("CARGO_BIN_EXE_lossless");

pub(super) struct World {
    /// `None` only while it restarts.
    gateway: RwLock<Option<Gateway>>,
    program: PathBuf,
    port: u16,
    dynamodb_port: u16,
    seed: u64,
    /// The folder with the tables. `None` keeps them in memory.
    folder: Option<tempfile::TempDir>,
}

impl World {
    /// Starts a gateway that keeps its tables in a file, so that it can restart.
    pub(super) async fn start(args: &Args) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self::with_folder(args, Some(folder)).await
    }

    /// Starts a gateway that keeps its tables in memory: the disk of this machine is not part of what is measured.
    pub(super) async fn in_memory(args: &Args) -> Self {
        Self::with_folder(args, None).await
    }

    async fn with_folder(args: &Args, folder: Option<tempfile::TempDir>) -> Self {
        allow_many_files();
        let program = args.gateway.clone().unwrap_or_else(optimized_gateway);
        let world = Self {
            gateway: RwLock::new(None),
            program: program.canonicalize().expect("the gateway exists"),
            port: free_port().await,
            dynamodb_port: free_port().await,
            seed: args.seed,
            folder,
        };
        let gateway = world.serve().await;
        *world.gateway.write().await = Some(gateway);
        world
    }

    async fn serve(&self) -> Gateway {
        let setup = Setup::new().gateway(self.program.clone()).port(self.port);
        let (port, seed) = (self.dynamodb_port.to_string(), self.seed.to_string());
        let setup = match &self.folder {
            Some(folder) => {
                let data = folder.path().join("tables");
                setup.args(["--data".as_ref(), data.as_os_str()])
            }
            None => setup,
        };
        let setup = setup.args(["--dynamodb-port", &port, "--fault-seed", &seed]);
        // The jobs have other credentials than the function.
        let setup = setup.args(["--quiet", "--no-auth"]);
        setup.program([PROGRAM]).start().await
    }

    /// Calls `action` with the gateway. A restart waits for it.
    pub(super) async fn with<T>(&self, action: impl AsyncFnOnce(&Gateway) -> T) -> T {
        let gateway = self.gateway.read().await;
        action(
            gateway
                .as_ref()
                .expect("it is started again before the lock is released"),
        )
        .await
    }

    /// Restarts the gateway with its faults.
    pub(super) async fn restart(&self) {
        let mut gateway = self.gateway.write().await;
        if let Some(before) = gateway.take() {
            before.stop().await;
        }
        let again = self.serve().await;
        again.admin("PUT", "faults", FAULTS).await;
        *gateway = Some(again);
    }

    /// Sets the faults. Returns how often each of the last ones happened.
    pub(super) async fn set_faults(&self, plan: &str) -> serde_json::Value {
        self.with(async |gateway| {
            let fired = gateway.admin("GET", "faults", "").await["fired"].take();
            gateway.admin("PUT", "faults", plan).await;
            fired
        })
        .await
    }

    /// Starts a process that publishes to a room from outside.
    pub(super) async fn job(&self, room: &str, name: &str, seconds: u64, pause: u64) -> Child {
        let (management, dynamodb) = self
            .with(async |gateway| (gateway.management.clone(), gateway.dynamodb.clone()))
            .await;
        let management = management.trim_end_matches("/@connections/{id}");
        let table = Table::at(&dynamodb).await;
        let mut command = Command::new(Path::new(PROGRAM));
        command
            .args([
                "publish",
                room,
                name,
                &seconds.to_string(),
                &pause.to_string(),
            ])
            .env("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", management)
            .env("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb)
            .env("CONNECTIONS_TABLE", table.name())
            .envs([("AWS_REGION", "us-east-1"), ("AWS_ACCESS_KEY_ID", "job")])
            .env("AWS_SECRET_ACCESS_KEY", "job")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        command.spawn().expect("cargo has built it")
    }

    pub(super) async fn stop(self) {
        let gateway = self.gateway.into_inner().expect("it is started");
        gateway.stop().await;
    }
}

async fn free_port() -> u16 {
    let listener = within("a port", TcpListener::bind("127.0.0.1:0")).await;
    let address = listener.and_then(|listener| listener.local_addr());
    address.expect("a free port").port()
}
