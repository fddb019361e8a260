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
mod tests {
    use super::*;

    fn new(name: &str, path: &Path) -> New {
        New {
            name: name.to_owned(),
            path: Some(path.to_owned()),
            deploy: files::Deploy::Sam,
            lambda_ws: None,
        }
    }

    fn refused(new: New) -> String {
        new.run().expect_err("it is refused").text().to_owned()
    }

    #[test]
    fn a_project_is_made_in_a_folder_that_is_empty() {
        let folder = tempfile::tempdir().expect("a folder");
        for path in [folder.path().join("a/b"), folder.path().join("empty")] {
            if path.ends_with("empty") {
                std::fs::create_dir(&path).expect("a folder");
            }
            new("tea-room", &path).run().expect("it is made");
            let manifest = std::fs::read_to_string(path.join("Cargo.toml")).expect("a manifest");
            assert!(manifest.contains("name = \"tea-room\"\n"), "{manifest}");
            let expected = format!("lambda_ws = \"{}\"\n", published());
            assert!(manifest.contains(&expected), "{manifest}");
            assert!(refused(new("tea-room", &path)).contains("exists and is not empty"));
        }
    }

    #[test]
    fn a_project_contains_the_files_of_one_deployment_tool() {
        let folder = tempfile::tempdir().expect("a folder");
        for (deploy, own, other) in [
            (files::Deploy::Sam, "template.yaml", "cdk.json"),
            (files::Deploy::Cdk, "cdk.json", "template.yaml"),
        ] {
            let path = folder.path().join(own);
            let mut new = new("tea_room", &path);
            new.deploy = deploy;
            new.run().expect("it is made");
            assert!(path.join(own).is_file() && !path.join(other).exists());
            let ignored = std::fs::read_to_string(path.join(".gitignore")).expect("a file");
            let is_cdk = deploy == files::Deploy::Cdk;
            assert_eq!(ignored.contains("/cdk.out\n"), is_cdk, "{ignored}");
        }
    }

    /// Returns what cargo reads as the dependency on the library in the manifest of a project.
    fn dependency(project: &Path) -> toml::Value {
        let manifest = std::fs::read_to_string(project.join("Cargo.toml")).expect("a manifest");
        let manifest: toml::Table = manifest.parse().expect("it is TOML");
        let rust_version = manifest["package"]["rust-version"].as_str();
        assert_eq!(rust_version, Some(env!("CARGO_PKG_RUST_VERSION")));
        manifest["dependencies"]["lambda_ws"].clone()
    }

    #[test]
    fn a_project_depends_on_the_published_version_of_this_gateway() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tea");
        new("tea", &path).run().expect("it is made");
        let version = env!("CARGO_PKG_VERSION");
        let wanted = dependency(&path);
        let wanted = wanted.as_str().expect("a version and no path");
        assert!(version.starts_with(wanted), "{wanted} selects {version}");
        for (version, wanted) in [
            ("0.1.0", "0.1"),
            ("0.2.7", "0.2"),
            ("1.4.2", "1.4"),
            ("0.1.0-alpha.1", "0.1.0-alpha.1"),
        ] {
            assert_eq!(requirement(version), wanted);
        }
    }

    #[test]
    fn a_project_of_a_checkout_depends_on_the_absolute_path_of_the_library() {
        let folder = tempfile::tempdir().expect("a folder");
        // A name that TOML must quote.
        let checkout = folder.path().join("the \"old\" checkout");
        let library = checkout.join("crates/lambda_ws");
        std::fs::create_dir_all(&library).expect("a folder");
        let manifest = "[package]\nname = \"lambda_ws\"\n";
        std::fs::write(library.join("Cargo.toml"), manifest).expect("a file");
        let path = folder.path().join("tea");
        let mut new = new("tea", &path);
        new.lambda_ws = Some(checkout);
        new.run().expect("it is made");
        let expected = library.canonicalize().expect("it is there");
        assert_eq!(dependency(&path)["path"].as_str(), expected.to_str());
    }

    #[test]
    fn what_is_in_the_way_stays() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("file");
        std::fs::write(&file, "mine").expect("a file");
        assert!(refused(new("tea", &file)).contains("is a file"));
        assert!(refused(new("tea", &file.join("below"))).contains("--path"));
        assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "mine");
    }

    #[test]
    fn a_project_inside_of_a_workspace_is_one_of_its_own() {
        let folder = tempfile::tempdir().expect("a folder");
        let workspace = "[workspace]\nmembers = []\n";
        std::fs::write(folder.path().join("Cargo.toml"), workspace).expect("a file");
        let path = folder.path().join("tea");
        new("tea", &path).run().expect("it is made");
        let manifest = std::fs::read_to_string(path.join("Cargo.toml")).expect("a manifest");
        assert!(manifest.ends_with("[workspace]\n"), "{manifest}");
    }

    #[test]
    fn the_library_is_one_of_a_checkout() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let crates = here.parent().expect("the crates");
        let expected = crates
            .join("lambda_ws")
            .canonicalize()
            .expect("the library");
        for path in [crates.join("lambda_ws"), crates.join("..")] {
            assert_eq!(library(&path).expect("it is there"), expected);
        }
        let error = library(here).expect_err("another crate");
        let expected = "is not a checkout of lambda_ws";
        assert!(error.text().contains(expected), "{error:?}");
        assert_eq!(checkout_around(here), crates.join("..").canonicalize().ok());
    }
}
