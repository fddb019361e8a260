//! The start of a function and its first `$connect`.

use super::archive::kilobytes;
use super::args::Args;
use super::peers::{NODE, OURS, PYTHON, Peers, RUST};
use crate::runtime::function::Function;
use crate::runtime::launcher::Launcher;
use crate::runtime::runtime_api::RuntimeApi;
use serde_json::Value;
use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};
use tests::Setup;
use tests::bench::Table;
use tokio::time::timeout;

/// How long a start and its first event may take.
const PATIENCE: Duration = Duration::from_secs(30);

const WAIT: &str = "process start to the first wait for an event, ms";
const CONNECT: &str = "the first `$connect`, ms";
const BOTH: &str = "both, ms";
const ARCHIVE: &str = "ZIP archive, KB";

pub(super) async fn measure(args: &Args, peers: &Peers) -> Result<Vec<Table>, String> {
    let title = "start, first `$connect` and archive";
    let mut table = Table::new(title, OURS, &[RUST, NODE, PYTHON]);
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/compare/template.yaml");
    // Its DynamoDB and its management API serve all functions.
    let setup = Setup::new().gateway(peers.gateway.clone());
    let setup = setup
        .args(["--quiet", "--no-auth", "--template"])
        .args([template]);
    let gateway = setup.program(&peers.all[0].program).start().await;
    let management = gateway.management.split("/@connections").next();
    let variables = [
        ("AWS_ENDPOINT_URL_DYNAMODB", gateway.dynamodb.clone()),
        (
            "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI",
            management.unwrap_or_default().to_owned(),
        ),
        ("AWS_DEFAULT_REGION", "us-east-1".to_owned()),
        ("CONNECTIONS_TABLE", "connections".to_owned()),
        ("PEERS_TABLE", "peers".to_owned()),
    ];
    let launcher = Launcher::new();
    // More rounds than those of broadcasts, because each is short.
    for round in 0..=args.rounds * 3 {
        for peer in peers.careful() {
            let program: Vec<OsString> = peer.program.iter().map(Into::into).collect();
            let started = timeout(PATIENCE, start(&program, &launcher, &variables)).await;
            let late = format!(
                "{}: no first event within {} s",
                peer.who,
                PATIENCE.as_secs()
            );
            let [wait, connect] = started.map_err(|_| late)??;
            // The first one is read from the disk.
            if round > 0 {
                table.add(WAIT, peer.who, wait);
                table.add(CONNECT, peer.who, connect);
                table.add(BOTH, peer.who, wait + connect);
            }
        }
    }
    for peer in peers.careful() {
        table.add(ARCHIVE, peer.who, kilobytes(&peer.archive)?);
    }
    gateway.end(rustix::process::Signal::TERM).await;
    Ok(vec![table])
}

/// Starts a process and lets it handle its first event. Returns the times of both in ms.
async fn start(
    program: &[OsString],
    launcher: &Launcher,
    variables: &[(&str, String)],
) -> Result<[f64; 2], String> {
    let failed = |error: Box<dyn std::error::Error>| format!("{}: {error}", program[0].display());
    // A process that is killed must not keep a request of the next one's Runtime API.
    let mut api = RuntimeApi::new().await.map_err(failed)?;
    let function = Function::start(program, launcher, &api, variables).map_err(failed)?;
    let waiting = api.next().await.map_err(failed)?;
    let wait = function.began.elapsed();
    let began = Instant::now();
    let response = api.invoke(waiting, &event()).await.map_err(failed)?;
    let connect = began.elapsed();
    let response: Value = serde_json::from_str(&response).unwrap_or_default();
    match response["statusCode"].as_u64() {
        Some(200) => Ok([wait, connect].map(|time| time.as_secs_f64() * 1e3)),
        _ => Err(format!(
            "{}: `$connect` fails: {response}",
            program[0].display()
        )),
    }
}

/// The `$connect` of a new connection.
fn event() -> String {
    let text = include_str!("../../../events/connect.json");
    let mut event: Value = serde_json::from_str(text).expect("a fixture");
    let id = std::iter::repeat_with(fastrand::alphanumeric).take(15);
    let id: String = id.collect();
    let now = std::time::SystemTime::UNIX_EPOCH.elapsed();
    let now = u64::try_from(now.unwrap_or_default().as_millis()).unwrap_or_default();
    let context = &mut event["requestContext"];
    context["connectionId"] = format!("{id}=").into();
    context["connectedAt"] = now.into();
    context["requestTimeEpoch"] = now.into();
    event.to_string()
}
