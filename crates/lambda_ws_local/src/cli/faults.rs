//! Faults of a gateway that runs.

use super::failure::Failure;
use super::output::Style;
use bytes::Bytes;
use clap::Args;
use http::{Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use lambda_ws_local::faults::{Kind, Plan};
use serde_json::Value;
use std::io::Write;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest answer, in bytes.
const ANSWER: usize = 1024 * 1024;

/// Show what goes wrong on purpose in a running gateway, or change it
///
/// SPEC is NAME=RATE or NAME=TIME, several with commas; what it does not name stays as it is, and `off` ends all faults.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lambda-ws-local faults                              show them, and how often each has happened
  lambda-ws-local faults gone=0.5%,post-latency=20ms  turn these on
  lambda-ws-local faults gone=off                     turn this one off
  lambda-ws-local faults off                          turn all of them off
  lambda-ws-local faults --url http://127.0.0.1:3002 throttle=2%")]
pub(super) struct FaultsOf {
    /// What is to change
    #[arg(value_name = "SPEC")]
    spec: Option<String>,
    /// Where the gateway is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3001")]
    url: Uri,
}

impl FaultsOf {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (method, spec) = match self.spec {
            None => (Method::GET, String::new()),
            Some(spec) => {
                // What is a mistake here need not be asked elsewhere.
                spec.parse::<Plan>()?;
                (Method::PATCH, spec)
            }
        };
        let shown = timeout(PATIENCE, call(&self.url, method, spec)).await;
        let shown = shown
            .map_err(|_| Failure::new(format!("the gateway at {} does not answer", self.url)))??;
        print(&shown)
    }
}

async fn call(url: &Uri, method: Method, spec: String) -> Result<Value, Failure> {
    let authority = match (url.scheme_str(), url.authority()) {
        (Some("http"), Some(authority)) => authority,
        _ => {
            return Err(Failure::new(format!(
                "`{url}` is no URL of a gateway: --url http://HOST:PORT"
            )));
        }
    };
    let address = (
        authority.host().trim_matches(['[', ']']),
        authority.port_u16().unwrap_or(80),
    );
    let stream = TcpStream::connect(address).await.map_err(|error| {
        Failure::because(
            &format!("no gateway runs at {url}: give its address with --url"),
            error,
        )
    })?;
    let (mut client, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Its errors are those of the request.
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri("/_admin/faults")
        .header(http::header::HOST, authority.as_str())
        .body(Full::new(Bytes::from(spec)))?;
    let (head, body) = client.send_request(request).await?.into_parts();
    let body = Limited::new(body, ANSWER).collect().await;
    let body = body.map_err(|error| Failure::new(format!("the answer breaks off: {error}")))?;
    let body: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
    match (head.status, body["message"].as_str()) {
        (StatusCode::OK, _) if body["known"].is_object() => Ok(body),
        (_, Some(message)) => Err(Failure::new(format!("the gateway refuses: {message}"))),
        (status, None) => Err(Failure::new(format!(
            "{url} is no gateway of this kind: it answers {status}"
        ))),
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
