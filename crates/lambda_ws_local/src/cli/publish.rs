//! Sends messages through the function of a running gateway.

use super::gateway_client::GatewayClient;
use super::output::{Style, print_lines};
use super::recipients::Recipients;
use clap::Args;
use http::{Method, Uri};
use lambda_ws_local::emulator::Failure;
use lambda_ws_protocol::admin::Target;
use serde_json::{Value, json};
use std::io::Read;
use std::time::Duration;

/// The timeout: Lambda's longest.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Send a message to clients of a running gateway, as jobs and other functions do
///
/// The command invokes the function with {"publish": ..}, which lambda_ws handles, and prints the result as JSON.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lambda-ws-local publish --room tea 'hello'
  lambda-ws-local publish --user ann '{\"type\":\"price\",\"cents\":250}'
  date | lambda-ws-local publish --everyone -
The same on AWS:
  aws lambda invoke --function-name chat --cli-binary-format raw-in-base64-out \\
    --payload '{\"publish\":{\"room\":\"tea\",\"data\":\"hello\"}}' /dev/stdout")]
pub(super) struct Publish {
    #[command(flatten)]
    to: Recipients,
    /// The message; `-` reads it from standard input
    #[arg(value_name = "MESSAGE")]
    message: String,
    /// The function, if the template has several
    #[arg(long, value_name = "NAME")]
    function: Option<String>,
    /// The URL of the gateway
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3001")]
    url: Uri,
}

impl Publish {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let message = match self.message.as_str() {
            "-" => {
                let mut text = String::new();
                let read = std::io::stdin().read_to_string(&mut text);
                read.map_err(|error| Failure::because("cannot read the message", error))?;
                text.trim_end_matches('\n').to_owned()
            }
            message => message.to_owned(),
        };
        let mut publish = json!({"data": message});
        let (name, recipients) = match self.to.target() {
            Target::Room(room) => ("room", room.into()),
            Target::User(user) => ("user", user.into()),
            Target::Connection(id) => ("connection", id.into()),
            Target::Everyone => ("everyone", true.into()),
        };
        publish[name] = recipients;
        let query = self.function.map(|name| {
            let name =
                percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC);
            format!("?function={name}")
        });
        let path = format!("/_admin/invoke{}", query.unwrap_or_default());
        let event = json!({ "publish": publish }).to_string();
        let gateway = GatewayClient::at(&self.url)?;
        let answer = gateway.call(Method::POST, &path, event, PATIENCE).await?;
        show(&answer["response"])
    }
}

fn show(response: &Value) -> Result<(), Failure> {
    let sent = response["sent"].as_u64();
    print_lines([response.to_string()])?;
    match sent {
        Some(0) => {
            let style = Style::stderr();
            eprintln!("{} no recipient was connected", style.faint("note:"));
            Ok(())
        }
        Some(_) => Ok(()),
        None => Err(Failure::new(
            "the function does not handle `publish` events: only programs that use lambda_ws do"
                .to_owned(),
        )),
    }
}
