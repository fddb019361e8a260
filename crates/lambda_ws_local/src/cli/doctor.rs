//! Finds mistakes in a template.

use super::output::{Style, print_error};
use clap::Args;
use clap::builder::PossibleValuesParser;
use lambda_ws_local::emulator::Failure;
use lambda_ws_local::emulator::{DEFAULT_TEMPLATE, default_template, parameter};
use lambda_ws_local::template::doctor::{
    Examination, Examined, Finding, LibraryRules, Weight, checks, examine,
};
use lambda_ws_local::template::{Options, TemplateError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Find the known mistakes in a template, with their effect on AWS and a fix
///
/// The functions of the API may be written in any language. The command does not run or build anything, and does not
/// contact AWS. It does not check values that only AWS knows. The last lines state what was examined and what was not.
#[derive(Debug, Args)]
#[command(
    after_help = "A mistake breaks the deployment or the application on AWS:
  template, template-kind, references, circular-dependency, sam, selection-expression, route-response, deployment,
  throttling, lambda-permission; for functions that use lambda_ws also lifecycle-routes, connections-table, table-keys,
  endpoint, manage-connections, dynamodb-actions, task-function, batch-failures

A remark is about cost, or about behaviour that few applications need:
  default-route, timeout, log-retention, late route responses (deployment); for functions that use lambda_ws also
  table-ttl, invoke-itself, a missing endpoint, a connections-table or a task-function that may be in
  another stack.
  With lambda_ws, a missing default-route is a mistake if no other route matches messages.

Examples:
  lambda-ws-local doctor                  examine ./template.yaml
  lambda-ws-local doctor infra/chat.yaml
  lambda-ws-local doctor cdk.out/Chat.template.json
  lambda-ws-local doctor --parameter-overrides StageName=prod
  lambda-ws-local doctor --allow timeout  leave out one check
  lambda-ws-local doctor --lambda-ws packaged.yaml
  lambda-ws-local doctor --json | jq -r '.[].check'

Exit code: 0 if there are no mistakes, 1 if there are some, 2 if nothing was examined: the command or the file is not
valid, or the template contains no WebSocket API. Remarks do not count."
)]
pub(super) struct Doctor {
    /// The SAM or CloudFormation template [default: template.yaml, or the template in cdk.out]
    #[arg(value_name = "TEMPLATE")]
    template: Option<PathBuf>,
    /// Values of the template's parameters
    #[arg(long, value_name = "NAME=VALUE", num_args = 1.., value_parser = parameter)]
    parameter_overrides: Vec<(String, String)>,
    /// The stage's name [default: the template's]
    #[arg(long)]
    stage: Option<String>,
    /// Apply the rules of lambda_ws to all functions [default: to functions whose Cargo.toml depends on lambda_ws]
    #[arg(long)]
    lambda_ws: bool,
    /// A check to leave out; may be repeated
    #[arg(long, value_name = "CHECK", value_parser = PossibleValuesParser::new(checks()))]
    allow: Vec<String>,
    /// Print the findings as one JSON array, and what was examined to stderr
    #[arg(long)]
    json: bool,
}

const UNUSABLE: u8 = 2;

impl Doctor {
    pub(super) fn run(self) -> ExitCode {
        match self.examine() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(failure) => {
                print_error(&failure);
                ExitCode::from(UNUSABLE)
            }
        }
    }

    /// Prints the findings, and returns whether there are no mistakes.
    fn examine(&self) -> Result<bool, Failure> {
        let path = match &self.template {
            Some(path) => path.clone(),
            None => default_template(Path::new(""))?.unwrap_or_else(|| DEFAULT_TEMPLATE.into()),
        };
        let path = &*path;
        let text = std::fs::read_to_string(path).map_err(|error| {
            let what = format!(
                "cannot read {}: pass the path of another template",
                path.display()
            );
            Failure::because(&what, error)
        })?;
        let options = Options {
            parameters: self.parameter_overrides.iter().cloned().collect(),
            stage: self.stage.clone(),
            ..Options::default()
        };
        let rules = match self.lambda_ws {
            true => LibraryRules::Always,
            false => LibraryRules::Detect,
        };
        let mut examination = match examine(&text, path, &options, rules) {
            Ok(examination) => examination,
            Err(error) => return Ok(not_a_template(&error)),
        };
        let findings = &mut examination.findings;
        findings.retain(|one| !self.allow.iter().any(|name| name == one.check));
        let mut out = std::io::stdout().lock();
        if self.json {
            let json = serde_json::to_string_pretty(&examination.findings)?;
            writeln!(out, "{json}")?;
            if !examination.examined.is_nothing() {
                eprintln!("{}", summary(path, &examination, Style::stderr()));
            }
        } else {
            let style = Style::stdout();
            for finding in &examination.findings {
                writeln!(out, "{}", shown(finding, path, style))?;
            }
            if !examination.examined.is_nothing() {
                writeln!(out, "{}", summary(path, &examination, style))?;
            }
        }
        if examination.examined.is_nothing() {
            return Err(nothing(path, &examination.examined));
        }
        Ok(mistakes(&examination.findings) == 0)
    }
}

fn mistakes(findings: &[Finding]) -> usize {
    let mistakes = findings.iter().filter(|one| one.weight == Weight::Mistake);
    mistakes.count()
}

/// Whether the error is a fault of the template's text, which is reported as a finding.
fn not_a_template(error: &TemplateError) -> bool {
    print_error(&Failure::new(error.to_string()));
    false
}

fn nothing(path: &Path, examined: &Examined) -> Failure {
    let path = path.display();
    let mut text = format!("{path}: nothing was examined: the template contains no WebSocket API");
    for one in &examined.left_out {
        text.push_str(&format!("\n  not examined: {one}"));
    }
    text.push_str(
        "\n  fix: pass the template that contains an AWS::Serverless::WebSocketApi, or an AWS::ApiGatewayV2::Api with `ProtocolType: WEBSOCKET`",
    );
    Failure::new(text)
}

fn shown(finding: &Finding, path: &Path, style: Style) -> String {
    let mut place = path.display().to_string();
    for number in [finding.line, finding.column] {
        if number > 0 {
            place.push_str(&format!(":{number}"));
        }
    }
    let weight = finding.weight.to_string();
    let weight = match finding.weight {
        Weight::Mistake => style.bad(&weight),
        _ => style.strong(&weight),
    };
    let check = style.faint(&format!("[{}]", finding.check));
    let mut text = format!(
        "{}: {weight}: {} {check}",
        style.strong(&place),
        finding.what
    );
    let cdk_path = finding.cdk_path.as_deref().unwrap_or_default();
    for (name, what) in [
        ("in CDK", cdk_path),
        ("on AWS", &finding.effect),
        ("fix", &finding.fix),
    ] {
        if !what.is_empty() {
            text.push_str(&format!("\n  {} {what}", style.faint(&format!("{name}:"))));
        }
    }
    text
}

fn summary(path: &Path, examination: &Examination, style: Style) -> String {
    let counted = |number: usize, what: &str| match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    };
    let path = path.display();
    let mistakes = mistakes(&examination.findings);
    let remarks = examination.findings.len() - mistakes;
    let verdict = match (mistakes, remarks) {
        (0, 0) => style.good(&format!("{path}: no known mistakes")),
        (0, _) => style.good(&format!(
            "{path}: no known mistakes, {}",
            counted(remarks, "remark")
        )),
        (_, 0) => format!("{path}: {}", counted(mistakes, "mistake")),
        _ => format!(
            "{path}: {}, {}",
            counted(mistakes, "mistake"),
            counted(remarks, "remark")
        ),
    };
    let mut text = format!("{verdict} (examined: {})", examination.examined);
    for one in &examination.examined.left_out {
        text.push_str(&format!("\n  {} {one}", style.faint("not examined:")));
    }
    text
}

#[cfg(test)]
mod tests;
