//! Faults of a running gateway.

use super::gateway_client::GatewayClient;
use super::output::Style;
use clap::Args;
use http::{Method, Uri};
use lambda_ws_local::emulator::Failure;
use lambda_ws_local::faults::{Kind, Plan};
use serde_json::Value;
use std::io::Write;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(5);

/// Show or change the faults that a running gateway injects
///
/// SPEC is a list of NAME=RATE or NAME=TIME with commas. Faults that it does not name stay as they are. `off` ends all
/// faults.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lambda-ws-local faults                              show the faults and how often each has happened
  lambda-ws-local faults gone=0.5%,post-latency=20ms  turn two faults on
  lambda-ws-local faults gone=off                     turn one fault off
  lambda-ws-local faults off                          turn all faults off
  lambda-ws-local faults --url http://127.0.0.1:3002 throttle=2%")]
pub(super) struct FaultsArgs {
    /// The faults to change
    #[arg(value_name = "SPEC")]
    spec: Option<String>,
    /// The URL of the gateway
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3001")]
    url: Uri,
}

impl FaultsArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (method, spec) = match self.spec {
            None => (Method::GET, String::new()),
            Some(spec) => {
                // An invalid SPEC is reported without a request.
                spec.parse::<Plan>()?;
                (Method::PATCH, spec)
            }
        };
        let gateway = GatewayClient::at(&self.url)?;
        let shown = gateway
            .call(method, "/_admin/faults", spec, PATIENCE)
            .await?;
        print(&shown)
    }
}

fn print(shown: &Value) -> Result<(), Failure> {
    let style = Style::stdout();
    let mut stdout = std::io::stdout().lock();
    for kind in Kind::ALL {
        let name = kind.name();
        let setting = shown["faults"][name].as_str().unwrap_or("off");
        let fired = shown["fired"][name].as_u64().unwrap_or_default();
        let fired = match fired {
            0 => String::new(),
            count => format!("{count} times"),
        };
        let about = style.faint(shown["known"][name].as_str().unwrap_or_default());
        let name = style.strong(&format!("{name:<16}"));
        writeln!(stdout, "{name}{setting:<14}{fired:<14}{about}")?;
    }
    let seed = shown["seed"].as_str().unwrap_or_default();
    writeln!(stdout, "{} {seed}", style.strong("seed"))?;
    stdout.flush()?;
    Ok(())
}
