//! Creates a project.

mod files;
mod name;

use super::output::Style;
use clap::Args;
use lambda_ws_local::emulator::Failure;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Create a project with rooms and presence that builds, tests, runs and deploys
///
/// The project contains the program with its tests, sample events, a README, and the API, the table and the permissions as
/// a SAM template or as a CDK app.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lambda-ws-local new tea-room
  lambda-ws-local new tea-room --deploy cdk
                                          deploy with the AWS CDK instead of AWS SAM
  lambda-ws-local new tea-room --path projects/tea
  lambda-ws-local new tea-room --lambda-ws ../lambda_ws
                                          use the library of a checkout

Exit code: 0 if the project was created, 1 if it was not, 2 if the command is not valid.")]
pub(super) struct New {
    /// The name of the package
    #[arg(value_name = "NAME", value_parser = name::check)]
    name: String,
    /// The folder of the project, which must be new or empty [default: ./NAME]
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// The tool that deploys the project
    #[arg(long, value_name = "TOOL", value_enum, default_value_t)]
    deploy: files::Deploy,
    /// Use the library of this checkout of lambda_ws instead of the published one
    #[arg(long, value_name = "DIR")]
    lambda_ws: Option<PathBuf>,
}

impl New {
    pub(super) fn run(self) -> Result<ExitCode, Failure> {
        let folder = self
            .path
            .clone()
            .unwrap_or_else(|| PathBuf::from(&self.name));
        let dependency = match &self.lambda_ws {
            Some(path) => {
                let library = library(path)?;
                // A JSON string is also a TOML string.
                format!("{{ path = {} }}", serde_json::to_string(&library)?)
            }
            None => format!("{:?}", published()),
        };
        prepare(&folder)?;
        let workspace = workspace_around(&folder);
        for file in self.deploy.files() {
            let mut text = file.filled(&self.name, &dependency);
            if file.path == "Cargo.toml" && workspace.is_some() {
                text.push_str("\n# A separate workspace, so that cargo does not add it to the workspace of a parent folder.\n[workspace]\n");
            }
            let path = folder.join(file.path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(|error| unwritable(parent, error))?;
            }
            std::fs::write(&path, text).map_err(|error| unwritable(&path, error))?;
        }
        self.print_next_steps(&folder);
        Ok(ExitCode::SUCCESS)
    }

    fn print_next_steps(&self, folder: &Path) {
        let style = Style::stdout();
        let shown = folder.display();
        let description = match self.deploy {
            files::Deploy::Sam => "a template",
            files::Deploy::Cdk => "a CDK app",
        };
        println!(
            "{} {shown}: a program with tests, {description} and events",
            style.good("created")
        );
        println!();
        println!("  cd {shown}");
        println!("  cargo test");
        if self.deploy == files::Deploy::Cdk {
            println!("  npm install");
            println!("  npm run synth");
        }
        println!("  lambda-ws-local");
        println!("  lambda-ws-local connect 'ws://127.0.0.1:3001/dev?user=ann'");
        println!();
        println!("README.md explains how to deploy it.");
        if self.lambda_ws.is_none()
            && let Some(checkout) = checkout_around(Path::new("."))
        {
            println!(
                "It uses lambda_ws {} from crates.io. To use this checkout, add --lambda-ws {}",
                published(),
                checkout.display()
            );
        }
    }
}

/// Returns the version of lambda_ws that matches this gateway, as a requirement in Cargo.toml.
fn published() -> String {
    requirement(env!("CARGO_PKG_VERSION"))
}

/// Returns the requirement for a version. A pre-release needs all its parts, because other requirements never select it.
fn requirement(version: &str) -> String {
    let (numbers, pre_release) = version.split_once('-').unwrap_or((version, ""));
    match numbers.rsplit_once('.') {
        Some((major_minor, _)) if pre_release.is_empty() => major_minor.to_owned(),
        _ => version.to_owned(),
    }
}

/// Returns the folder of the library in a checkout.
fn library(path: &Path) -> Result<PathBuf, Failure> {
    let inside = path.join("crates/lambda_ws");
    let is_library = |path: &Path| {
        let manifest = std::fs::read_to_string(path.join("Cargo.toml")).unwrap_or_default();
        manifest
            .lines()
            .any(|line| line.trim() == "name = \"lambda_ws\"")
    };
    let found = [&*inside, path].into_iter().find(|path| is_library(path));
    let found = found.ok_or_else(|| {
        let path = path.display();
        Failure::new(format!(
            "{path} is not a checkout of lambda_ws: pass a folder that contains crates/lambda_ws"
        ))
    })?;
    found
        .canonicalize()
        .map_err(|error| Failure::because(&format!("{} cannot be read", found.display()), error))
}

/// Returns the checkout of the library that contains a folder.
fn checkout_around(folder: &Path) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    let found = folder
        .ancestors()
        .find(|path| path.join("crates/lambda_ws/Cargo.toml").is_file());
    found.map(Path::to_owned)
}

/// Returns the manifest of a workspace in a parent folder, which cargo would add the project to.
fn workspace_around(folder: &Path) -> Option<PathBuf> {
    let folder = folder.canonicalize().ok()?;
    let mut manifests = folder
        .ancestors()
        .skip(1)
        .map(|path| path.join("Cargo.toml"));
    let is_workspace = |path: &PathBuf| {
        let manifest = std::fs::read_to_string(path).unwrap_or_default();
        manifest
            .lines()
            .any(|line| line.trim_start().starts_with("[workspace"))
    };
    manifests.find(is_workspace)
}

/// Creates a folder, unless it exists and is empty.
fn prepare(folder: &Path) -> Result<(), Failure> {
    let shown = folder.display();
    match std::fs::read_dir(folder) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(Failure::new(format!(
                "{shown} exists and is not empty: choose another folder with --path, or empty this one"
            ))),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => {
            std::fs::create_dir_all(folder).map_err(|error| unwritable(folder, error))
        }
        Err(error) if error.kind() == ErrorKind::NotADirectory => Err(Failure::new(format!(
            "{shown} is a file: choose another folder with --path"
        ))),
        Err(error) => Err(unwritable(folder, error)),
    }
}

fn unwritable(path: &Path, error: std::io::Error) -> Failure {
    let what = format!(
        "cannot write {}: choose a writable folder with --path",
        path.display()
    );
    Failure::because(&what, error)
}

#[cfg(test)]
mod tests;
