//! The peer: serverless-offline, with the same echo in JavaScript.

use super::client::{Client, Place};
use super::server::PATIENCE;
use std::ffi::OsString;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tests::Meter;
use tests::bench::{Cores, run_within};
use tests::{Endpoint, until, within_time};
use tokio::process::Child;

const FILES: [&str; 4] = [
    "package.json",
    "package-lock.json",
    "serverless.yml",
    "handler.js",
];

/// How long npm may take to install it.
const INSTALL: Duration = Duration::from_secs(300);

/// serverless-offline, installed in the target folder.
#[derive(Debug)]
pub(super) struct Peer {
    folder: PathBuf,
}

/// serverless-offline while it serves, until it is dropped.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) place: Place,
    pub(super) meter: Meter,
    _child: Child,
}

impl Peer {
    /// Installs it, if it is not there.
    ///
    /// # Errors
    ///
    /// The missing tools.
    pub(super) fn install() -> Result<Self, String> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peer");
        let folder = target().join("peer");
        let lock = |folder: &Path| fs::read(folder.join("package-lock.json"));
        let installed = folder.join("node_modules/.package-lock.json").exists();
        let installed =
            installed && matches!((lock(&folder), lock(&source)), (Ok(a), Ok(b)) if a == b);
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        for file in FILES {
            let copied = fs::copy(source.join(file), folder.join(file));
            copied.map_err(|error| format!("{file} is not copied: {error}"))?;
        }
        if !installed {
            eprintln!("serverless-offline is installed, once");
            let mut npm = Command::new("npm");
            npm.args([
                "ci",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--prefix",
            ]);
            run_within(INSTALL, npm.arg(&folder))?;
        }
        Ok(Self { folder })
    }

    /// Starts it and waits until it serves.
    pub(super) async fn start(&self, cores: Cores) -> Running {
        let ports = free_ports();
        let [websocket, http, lambda] = ports.map(|port| port.to_string());
        let mut command = cores.command();
        command.extend(
            [
                "node",
                "node_modules/.bin/osls",
                "offline",
                "--useInProcess",
            ]
            .map(OsString::from),
        );
        command.extend(["--host", "127.0.0.1", "--websocketPort", &websocket].map(OsString::from));
        command.extend(["--httpPort", &http, "--lambdaPort", &lambda].map(OsString::from));
        // It logs every message, and nothing reads that log. The same holds for the gateway.
        let child = tokio::process::Command::new(&command[0])
            .args(&command[1..])
            .current_dir(&self.folder)
            .env("MANAGEMENT_URL", format!("http://127.0.0.1:{websocket}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("node starts, since npm did");
        let place = Place::Websocket(Endpoint::of(&format!("ws://127.0.0.1:{websocket}/dev")));
        let serves = until("serverless-offline", async || {
            Client::connect(&place).await.ok()
        });
        within_time(PATIENCE, "serverless-offline", serves).await;
        let id = child.id().expect("it has not been waited for");
        Running {
            place,
            meter: Meter::Process(id),
            _child: child,
        }
    }
}

/// Returns ports that were free just now, because serverless-offline does not print its ports.
fn free_ports() -> [u16; 3] {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listeners = [(); 3].map(|()| TcpListener::bind(any).expect("a port is free"));
    listeners.map(|listener| listener.local_addr().expect("it is bound").port())
}

/// The target folder: this program is `release/deps/gateway-*` in it.
fn target() -> PathBuf {
    let program = std::env::current_exe().expect("Linux tells programs where they are");
    let target = program.ancestors().nth(3);
    target
        .expect("cargo puts benchmarks three levels deep")
        .to_owned()
}
