//! The function that gets the commands: of a running gateway, or deployed.

use super::account::Account;
use super::deployed::DeployedFunction;
use crate::cli::gateway_client::GatewayClient;
use clap::Args;
use http::{Method, Uri};
use lambda_ws_local::emulator::Failure;
use lambda_ws_protocol::admin::{Command, ERROR_TYPE, Event};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use tokio::time::sleep;

/// The timeout of an invocation: Lambda's longest.
pub(super) const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// The pauses before another attempt.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(3),
];

/// The URL of a gateway with the default port.
const GATEWAY: &str = "http://127.0.0.1:3001";

// The ids differ from those of the options without a command: clap copies the values of global options by id, also
// defaults.
#[derive(Debug, Args)]
pub(super) struct FunctionArgs {
    /// A deployed function: its name or ARN. With --url: the function of the gateway, if its template has several
    #[arg(
        id = "admin-function",
        long = "function",
        value_name = "NAME",
        global = true
    )]
    function: Option<String>,
    /// The URL of a running gateway [default: http://127.0.0.1:3001, without --function]
    #[arg(id = "admin-url", long = "url", value_name = "URL", global = true)]
    url: Option<Uri>,
    /// The Region of the deployed function [default: of the ARN, AWS_REGION, or the profile]
    #[arg(
        id = "admin-region",
        long = "region",
        value_name = "REGION",
        global = true
    )]
    region: Option<String>,
    /// The profile whose credentials are used, through the AWS CLI [default: the AWS_* variables, or the default
    /// profile]
    #[arg(
        id = "admin-profile",
        long = "profile",
        value_name = "NAME",
        global = true
    )]
    profile: Option<String>,
    /// The URL of Lambda's API
    #[arg(
        id = "admin-endpoint-url",
        long = "endpoint-url",
        value_name = "URL",
        env = "AWS_ENDPOINT_URL_LAMBDA",
        global = true
    )]
    endpoint_url: Option<Uri>,
}

/// The function that gets the commands.
pub(super) enum AdminFunction {
    /// A function of a running gateway.
    Local { url: Uri, path: String },
    /// A function behind Lambda's API.
    Deployed(Box<DeployedFunction>),
}

/// The error of a command.
#[derive(Debug)]
pub(super) enum CommandError {
    /// The function rejects the command. Another attempt is useless.
    Rejected(Failure),
    /// The function did not get the command.
    NotInvoked(Failure),
    /// The command may have had an effect.
    Failed(Failure),
}

impl From<CommandError> for Failure {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::Rejected(failure)
            | CommandError::NotInvoked(failure)
            | CommandError::Failed(failure) => failure,
        }
    }
}

impl FunctionArgs {
    /// Returns the function.
    ///
    /// # Errors
    ///
    /// An argument is not valid, or credentials or the Region are missing.
    pub(super) async fn function(self) -> Result<AdminFunction, Failure> {
        match (self.url, self.function) {
            (None, Some(function)) => {
                let account = Account::new(self.profile, self.region, &function).await?;
                let deployed = DeployedFunction::new(&function, account, self.endpoint_url)?;
                Ok(AdminFunction::Deployed(Box::new(deployed)))
            }
            (url, function) => {
                if self.region.is_some() || self.profile.is_some() {
                    return Err(Failure::new(
                        "--region and --profile are for a deployed function: add --function NAME, without --url",
                    ));
                }
                let query = function.map(|name| {
                    let name = utf8_percent_encode(&name, NON_ALPHANUMERIC);
                    format!("?function={name}")
                });
                let url = url.unwrap_or_else(|| Uri::from_static(GATEWAY));
                let path = format!("/_admin/invoke{}", query.unwrap_or_default());
                // The URL is checked before a question.
                GatewayClient::at(&url)?;
                Ok(AdminFunction::Local { url, path })
            }
        }
    }
}

impl AdminFunction {
    /// Sends a command, and again if the function did not get it. A command that changes nothing is sent again after
    /// other failures, too.
    pub(super) async fn ask<T: DeserializeOwned>(&self, command: &Command) -> Result<T, Failure> {
        let is_reading = !matches!(command, Command::Disconnect(_) | Command::Broadcast(_));
        let mut pauses = PAUSES.into_iter();
        loop {
            let error = match self.attempt(command).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let may_retry = match &error {
                CommandError::Rejected(_) => false,
                // A gateway that is not there does not start by itself.
                CommandError::NotInvoked(_) => matches!(self, Self::Deployed(_)),
                CommandError::Failed(_) => is_reading && matches!(self, Self::Deployed(_)),
            };
            match pauses.next().filter(|_| may_retry) {
                Some(pause) => sleep(pause).await,
                None => return Err(error.into()),
            }
        }
    }

    /// Sends a command once.
    pub(super) async fn attempt<T: DeserializeOwned>(
        &self,
        command: &Command,
    ) -> Result<T, CommandError> {
        let event = Event {
            admin: command.clone(),
        };
        let event = serde_json::to_string(&event);
        let event = event.map_err(|error| CommandError::Rejected(error.into()))?;
        let answer = match self {
            Self::Local { url, path } => local(url, path, event).await?,
            Self::Deployed(deployed) => deployed.invoke(event).await?,
        };
        serde_json::from_str(&answer).map_err(|_| {
            let name = command.name();
            CommandError::Rejected(Failure::new(format!(
                "the function does not answer the admin command `{name}`: only programs of lambda_ws with \
                 `Router::admin()` do; its response is {}",
                shortened(&answer)
            )))
        })
    }
}

/// Invokes a function of a running gateway.
async fn local(url: &Uri, path: &str, event: String) -> Result<String, CommandError> {
    let gateway = GatewayClient::at(url).map_err(CommandError::Rejected)?;
    let answer = gateway.call(Method::POST, path, event, PATIENCE).await;
    match answer {
        Ok(answer) => Ok(match answer.get("response") {
            Some(response) => response.to_string(),
            None => Value::Null.to_string(),
        }),
        Err(failure) => {
            let text = failure.text();
            let rejected = format!("the function failed: {ERROR_TYPE}: ");
            Err(match text.strip_prefix(&rejected) {
                Some(reason) => CommandError::Rejected(Failure::new(reason)),
                None => CommandError::Failed(failure),
            })
        }
    }
}

/// Returns the beginning of a text.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 200;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.to_owned(),
    }
}
