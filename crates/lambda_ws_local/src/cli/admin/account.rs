//! The Region and the credentials of an AWS account.

use lambda_ws_local::emulator::Failure;
use lambda_ws_protocol::sigv4::Credentials;
use serde::Deserialize;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

/// The timeout of the AWS CLI. It may ask AWS for temporary credentials.
const CLI: Duration = Duration::from_secs(60);

/// How long credentials of the AWS CLI are used. They are valid for at least 15 minutes.
const FRESH: Duration = Duration::from_secs(5 * 60);

const NO_CREDENTIALS: &str = "no AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or install \
    the AWS CLI (version 2), which reads profiles";

/// The Region and the credentials of an AWS account.
pub(super) struct Account {
    pub(super) region: String,
    source: Source,
}

enum Source {
    /// The variables of the environment.
    Environment(Credentials),
    /// A profile, through the AWS CLI: it knows roles, single sign-on and external processes.
    Profile {
        name: Option<String>,
        last: Mutex<Option<(Instant, Credentials)>>,
    },
}

/// The output of `aws configure export-credentials`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Exported {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

impl Account {
    /// Returns the account that calls `function`.
    ///
    /// # Errors
    ///
    /// The Region is unknown, or is not that of the function's ARN.
    pub(super) async fn new(
        profile: Option<String>,
        region: Option<String>,
        function: &str,
    ) -> Result<Self, Failure> {
        let variables = ["AWS_REGION", "AWS_DEFAULT_REGION"];
        let region = match (arn_region(function), region) {
            (Some(of_arn), Some(region)) if of_arn != region => {
                return Err(Failure::new(format!(
                    "the function is in the Region {of_arn}, and --region is {region}: remove --region"
                )));
            }
            (Some(region), _) => Some(region.to_owned()),
            (None, Some(region)) => Some(region),
            // The Region of a named profile comes first, as in the AWS CLI.
            (None, None) if profile.is_some() => region_of(profile.as_deref()).await,
            (None, None) => match variables.into_iter().find_map(variable) {
                Some(region) => Some(region),
                None => region_of(None).await,
            },
        };
        let region = region.ok_or_else(|| {
            Failure::new("the Region is unknown: add --region, set AWS_REGION, or give the ARN")
        })?;
        let is_region = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if region.is_empty() || !region.chars().all(is_region) {
            return Err(Failure::new(format!(
                "`{region}` is not a valid Region: expected a name such as eu-west-1"
            )));
        }
        let source = match environment().filter(|_| profile.is_none()) {
            Some(credentials) => Source::Environment(credentials),
            None => Source::Profile {
                name: profile,
                last: Mutex::default(),
            },
        };
        Ok(Self { region, source })
    }

    /// Returns an account with these credentials.
    #[cfg(test)]
    pub(super) fn fixed(region: &str, credentials: Credentials) -> Self {
        Self {
            region: region.to_owned(),
            source: Source::Environment(credentials),
        }
    }

    /// Returns credentials that are valid now.
    pub(super) async fn credentials(&self) -> Result<Credentials, Failure> {
        let (name, last) = match &self.source {
            Source::Environment(credentials) => return Ok(credentials.clone()),
            Source::Profile { name, last } => (name.as_deref(), last),
        };
        let mut last = last.lock().await;
        if let Some((at, credentials)) = &*last
            && at.elapsed() < FRESH
        {
            return Ok(credentials.clone());
        }
        let exported = export(name).await?;
        let mut credentials = Credentials::new(exported.access_key_id, exported.secret_access_key);
        credentials.session_token = exported.session_token.filter(|token| !token.is_empty());
        *last = Some((Instant::now(), credentials.clone()));
        Ok(credentials)
    }
}

/// Returns the credentials in the environment. Like the SDKs, it treats an empty variable as unset.
fn environment() -> Option<Credentials> {
    let (id, secret) = (
        variable("AWS_ACCESS_KEY_ID")?,
        variable("AWS_SECRET_ACCESS_KEY")?,
    );
    let mut credentials = Credentials::new(id, secret);
    credentials.session_token = variable("AWS_SESSION_TOKEN");
    Some(credentials)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Returns the Region of an ARN: `arn:aws:lambda:eu-west-1:123456789012:function:chat`.
fn arn_region(function: &str) -> Option<&str> {
    let mut parts = function.split(':');
    let (arn, _, service, region) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    (arn == "arn" && service == "lambda").then_some(region)
}

async fn export(profile: Option<&str>) -> Result<Exported, Failure> {
    let args = ["configure", "export-credentials", "--format", "process"];
    let output = aws(&args, profile).await?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        let reason = match reason.contains("Invalid choice") {
            true => "the AWS CLI here is version 1, which cannot export credentials",
            false => reason.trim(),
        };
        return Err(Failure::new(match profile {
            Some(name) => {
                format!("the AWS CLI has no credentials of the profile `{name}`: {reason}")
            }
            None => format!("{NO_CREDENTIALS}: {reason}"),
        }));
    }
    // The error of serde would not contain the output, which is secret.
    serde_json::from_slice(&output.stdout).map_err(|_| {
        Failure::new("the AWS CLI returned credentials in an unknown format: update it")
    })
}

/// Returns the Region of a profile, if there is the AWS CLI and the profile has one.
async fn region_of(profile: Option<&str>) -> Option<String> {
    let output = aws(&["configure", "get", "region"], profile).await.ok()?;
    let region = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !region.is_empty()).then_some(region)
}

async fn aws(args: &[&str], profile: Option<&str>) -> Result<std::process::Output, Failure> {
    let mut command = Command::new("aws");
    command.args(args).stdin(Stdio::null()).kill_on_drop(true);
    if let Some(profile) = profile {
        command.args(["--profile", profile]);
    }
    match timeout(CLI, command.output()).await {
        Ok(output) => output.map_err(|error| Failure::because(NO_CREDENTIALS, error)),
        Err(_) => Err(Failure::new(format!(
            "the AWS CLI did not return credentials within {} s",
            CLI.as_secs()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_arn_contains_a_region() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:chat";
        assert_eq!(arn_region(arn), Some("eu-west-1"));
        assert_eq!(arn_region(&format!("{arn}:live")), Some("eu-west-1"));
        for other in [
            "chat",
            "chat:live",
            "123456789012:function:chat",
            "arn:aws:s3:x:y",
        ] {
            assert_eq!(arn_region(other), None, "{other}");
        }
    }

    #[tokio::test]
    async fn a_region_that_contradicts_the_arn_is_rejected() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:chat";
        for (region, fault) in [
            ("us-east-1", "remove --region"),
            ("evil.example/", "remove"),
        ] {
            let account = Account::new(None, Some(region.to_owned()), arn).await;
            let failure = account.err().expect("a contradiction");
            assert!(failure.text().contains(fault), "{}", failure.text());
        }
        let account = Account::new(None, Some("evil.example/".to_owned()), "chat").await;
        let failure = account.err().expect("not a Region");
        assert!(failure.text().contains("not a valid Region"));
    }
}
