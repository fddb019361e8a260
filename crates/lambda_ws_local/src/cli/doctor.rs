//! Finding mistakes in a template.

use super::failure::Failure;
use super::output::Style;
use super::parameter;
use super::project::TEMPLATE;
use clap::Args;
use clap::builder::PossibleValuesParser;
use lambda_ws_local::template::doctor::{Finding, Weight, checks, examine};
use lambda_ws_local::template::{Options, TemplateError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Find the known mistakes in a template: where they are, what AWS makes of them, and the mend
///
/// Nothing is run, built or asked of AWS. What a template does not tell, such as what a role from elsewhere
/// allows, is not judged.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lambda-ws-local doctor                  examine ./template.yaml
  lambda-ws-local doctor infra/chat.yaml
  lambda-ws-local doctor --parameter-overrides StageName=prod
  lambda-ws-local doctor --allow timeout  a function that is meant to take longer
  lambda-ws-local doctor --json | jq -r '.[].check'

Exit code: 0 if there is no mistake, 1 if there are some, 2 if the command or the file cannot be used.
Remarks are printed and do not count.")]
pub(super) struct Doctor {
    /// The SAM or CloudFormation template
    #[arg(value_name = "TEMPLATE", default_value = TEMPLATE)]
    template: PathBuf,
    /// Values of the template's parameters
    #[arg(long, value_name = "NAME=VALUE", num_args = 1.., value_parser = parameter)]
    parameter_overrides: Vec<(String, String)>,
    /// The stage's name [default: the template's]
    #[arg(long)]
    stage: Option<String>,
    /// A check to leave out; may be repeated
    #[arg(long, value_name = "CHECK", value_parser = PossibleValuesParser::new(checks()))]
    allow: Vec<String>,
    /// Print the findings as one JSON array
    #[arg(long)]
    json: bool,
}

/// What a command that could not do its work ends with.
const UNUSABLE: u8 = 2;

impl Doctor {
    pub(super) fn run(self) -> ExitCode {
        match self.examine() {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(failure) => {
                failure.print();
                ExitCode::from(UNUSABLE)
            }
        }
    }

    /// Prints what is found, and tells whether there is no mistake.
    fn examine(&self) -> Result<bool, Failure> {
        let path = &self.template;
        let text = std::fs::read_to_string(path).map_err(|error| {
            let what = format!("cannot read {}: name another template", path.display());
            Failure::because(&what, error)
        })?;
        let options = Options {
            parameters: self.parameter_overrides.iter().cloned().collect(),
            stage: self.stage.clone(),
            ..Options::default()
        };
        let mut findings = match examine(&text, path, &options) {
            Ok(findings) => findings,
            Err(error) => return refused(&error),
        };
        findings.retain(|one| !self.allow.iter().any(|name| name == one.check));
        let mistakes = findings.iter().filter(|one| one.weight == Weight::Mistake);
        let mistakes = mistakes.count();
        let mut out = std::io::stdout().lock();
        if self.json {
            let json = serde_json::to_string_pretty(&findings)?;
            writeln!(out, "{json}")?;
            return Ok(mistakes == 0);
        }
        let style = Style::stdout();
        for finding in &findings {
            writeln!(out, "{}", shown(finding, path, style))?;
        }
        writeln!(
            out,
            "{}",
            summary(path, mistakes, findings.len() - mistakes, style)
        )?;
        Ok(mistakes == 0)
    }
}

/// A text that is no template has its mistake named where the findings would be.
fn refused(error: &TemplateError) -> Result<bool, Failure> {
    Failure::new(error.to_string()).print();
    Ok(false)
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
        Weight::Remark => style.strong(&weight),
    };
    let check = style.faint(&format!("[{}]", finding.check));
    let mut text = format!(
        "{}: {weight}: {} {check}",
        style.strong(&place),
        finding.what
    );
    for (name, what) in [("on AWS", &finding.effect), ("mend", &finding.mend)] {
        if !what.is_empty() {
            text.push_str(&format!("\n  {} {what}", style.faint(&format!("{name}:"))));
        }
    }
    text
}

fn summary(path: &Path, mistakes: usize, remarks: usize, style: Style) -> String {
    let counted = |number: usize, what: &str| match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    };
    let path = path.display();
    match (mistakes, remarks) {
        (0, 0) => style.good(&format!("{path}: no known mistake")),
        (0, _) => style.good(&format!(
            "{path}: no known mistake, {}",
            counted(remarks, "remark")
        )),
        (_, 0) => format!("{path}: {}", counted(mistakes, "mistake")),
        _ => format!(
            "{path}: {}, {}",
            counted(mistakes, "mistake"),
            counted(remarks, "remark")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_counted() {
        let plain = Style::plain();
        let said = |mistakes, remarks| summary(Path::new("t.yaml"), mistakes, remarks, plain);
        assert_eq!(said(0, 0), "t.yaml: no known mistake");
        assert_eq!(said(0, 1), "t.yaml: no known mistake, 1 remark");
        assert_eq!(said(2, 0), "t.yaml: 2 mistakes");
        assert_eq!(said(1, 2), "t.yaml: 1 mistake, 2 remarks");
    }

    #[test]
    fn what_has_no_place_is_shown_without() {
        let finding = Finding {
            check: "template",
            weight: Weight::Mistake,
            line: 0,
            column: 0,
            what: "it is empty".into(),
            effect: String::new(),
            mend: "fill it".into(),
        };
        let text = shown(&finding, Path::new("t.yaml"), Style::plain());
        assert_eq!(
            text,
            "t.yaml: mistake: it is empty [template]\n  mend: fill it"
        );
    }
}
