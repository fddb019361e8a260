//! The local gateway, a process of its own.

use super::args::Args;
use super::client::Place;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tests::Meter;
use tests::bench::Cores;
use tests::{Endpoint, Processes, Program, optimized_gateway, within_time};

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
    function: Processes,
    _program: Program,
}

impl Server {
    /// Starts it, without a terminal and with few words.
    pub(super) async fn start(args: &Args, routes: Routes, cores: Cores) -> Self {
        let template = match routes {
            Routes::Messages => "messages.yaml",
            Routes::Connect => "connect.yaml",
        };
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/gateway");
        // What tells the processes of this gateway's function from all others.
        let secret = format!("bench-{:016x}", fastrand::u64(..));
        let mut command = cores.command();
        command.push(
            args.gateway
                .clone()
                .unwrap_or_else(optimized_gateway)
                .into(),
        );
        command
            .extend(["--quiet", "--port", "0", "--secret-access-key", &secret].map(OsString::from));
        command.extend(["--template".into(), here.join(template).into_os_string()]);
        command.extend(["--".into(), own_program().into_os_string()]);
        let mut program = Program::start(Path::new(&command[0]), &here, &command[1..]);
        let ready = program.stdout.find(|line| line.starts_with("credentials"));
        let ready = within_time(PATIENCE, "a gateway that serves", ready).await;
        assert!(
            ready.is_some(),
            "the gateway ends: {:?}",
            program.stderr.now()
        );
        let url = program.stdout.now().into_iter();
        let mut url =
            url.filter_map(|line| Some(line.strip_prefix("websocket")?.trim().to_owned()));
        Self {
            place: Place::Websocket(Endpoint::of(
                &url.next_back().expect("it prints its address"),
            )),
            meter: Meter::Process(program.id()),
            function: Processes::with(format!("AWS_SECRET_ACCESS_KEY={secret}")),
            _program: program,
        }
    }

    /// The processor time of the function's processes.
    pub(super) fn function_time(&self) -> Duration {
        let ids = self.function.running(&own_program()).into_iter();
        ids.map(|id| Meter::Process(id).time()).sum()
    }
}

/// This program, which is the function too.
fn own_program() -> PathBuf {
    std::env::current_exe().expect("Linux tells programs where they are")
}
