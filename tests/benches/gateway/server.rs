//! The local gateway in a separate process.

use super::args::Args;
use super::client::Place;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tests::bench::Cores;
use tests::{Endpoint, Gateway, Meter, Setup, optimized_gateway};

/// How long a server may take to start.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Which routes the gateway has.
#[derive(Debug, Clone, Copy)]
pub(super) enum Routes {
    /// `ask`, which is two-way, and `post`.
    Messages,
    /// Those, and `$connect`.
    Connect,
}

/// The local gateway with its function, until it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) place: Place,
    pub(super) meter: Meter,
    gateway: Gateway,
}

impl Server {
    /// Starts it quietly, without a terminal.
    pub(super) async fn start(args: &Args, routes: Routes, cores: Cores) -> Self {
        let template = match routes {
            Routes::Messages => "messages.yaml",
            Routes::Connect => "connect.yaml",
        };
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/gateway");
        let setup = Setup::new()
            .folder(&here)
            .args(["--quiet", "--template", template]);
        let setup = setup.gateway(args.gateway.clone().unwrap_or_else(optimized_gateway));
        let setup = setup.under(cores.command()).program([own_program()]);
        let gateway = setup.patience(PATIENCE).start().await;
        Self {
            place: Place::Websocket(Endpoint::of(&gateway.url)),
            meter: Meter::Process(gateway.program.id()),
            gateway,
        }
    }

    /// The processor time of the function's processes.
    pub(super) fn function_time(&self) -> Duration {
        let ids = self.gateway.processes.running(&own_program()).into_iter();
        ids.map(|id| Meter::Process(id).time()).sum()
    }
}

/// This program, which is the function too.
fn own_program() -> PathBuf {
    std::env::current_exe().expect("Linux tells programs where they are")
}
