//! Cargo: builds the template's program, as `sam build` does with cargo-lambda, and lists the packages of a workspace.

use super::failure::Failure;
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// The used members of a line of cargo's `--message-format=json`.
#[derive(Deserialize)]
struct Message {
    reason: String,
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// The used members of `cargo metadata`.
#[derive(Deserialize)]
pub(super) struct Metadata {
    pub(super) packages: Vec<Package>,
    pub(super) workspace_root: PathBuf,
    pub(super) target_directory: PathBuf,
}

#[derive(Deserialize)]
pub(super) struct Package {
    pub(super) manifest_path: PathBuf,
    pub(super) dependencies: Vec<Dependency>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
pub(super) struct Dependency {
    pub(super) path: Option<PathBuf>,
}

/// Returns cargo without the variables of an outer `cargo run`.
fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // They name the gateway's package, and build scripts that read them would run again.
    for (name, _) in std::env::vars_os() {
        let of_a_package = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
        ];
        if name
            .to_str()
            .is_some_and(|name| of_a_package.iter().any(|of| name.starts_with(of)))
        {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// Builds a program with cargo and returns its path. Cargo's output goes to stderr.
pub(super) async fn build(
    code: &Path,
    binary: Option<&str>,
    release: bool,
) -> Result<PathBuf, Failure> {
    let mut cargo = cargo();
    cargo
        .args(["build", "--message-format=json-render-diagnostics"])
        .args(release.then_some("--release"))
        .args(binary.map(|name| format!("--bin={name}")))
        .current_dir(code)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut cargo = cargo.spawn().map_err(|error| {
        Failure::because(
            "cannot start cargo: install Rust, or pass a program after `--`",
            error,
        )
    })?;
    let mut programs = Vec::new();
    if let Some(messages) = cargo.stdout.take() {
        let mut messages = BufReader::new(messages).lines();
        while let Some(line) = messages.next_line().await? {
            let Ok(message) = serde_json::from_str::<Message>(&line) else {
                continue;
            };
            if let (Some(path), Some(target)) = (message.executable, message.target)
                && message.reason == "compiler-artifact"
                && binary.is_none_or(|name| name == target.name)
            {
                programs.push((target.name, path));
            }
        }
    }
    let status = cargo.wait().await?;
    if !status.success() {
        let folder = code.display();
        return Err(Failure::new(format!(
            "the function's program does not build (in {folder}): fix the cargo errors above"
        )));
    }
    match programs.as_slice() {
        [(_, path)] => Ok(path.clone()),
        [] => Err(Failure::new(format!(
            "cargo built no program in {}: add a `src/main.rs`, or set the template's `CodeUri` to the folder of a package \
             that has one",
            code.display()
        ))),
        several => {
            let names: Vec<_> = several.iter().map(|(name, _)| name.as_str()).collect();
            Err(Failure::new(format!(
                "cargo built several programs ({}): name one in the template's `Metadata: \
                 BuildProperties: Binary`",
                names.join(", ")
            )))
        }
    }
}

/// Returns the folder of the package that contains this program, or of the only program.
pub(super) async fn package(
    folder: &Path,
    program: Option<&str>,
) -> Result<Option<PathBuf>, Failure> {
    let has = |package: &Package| {
        let mut targets = package.targets.iter();
        targets.any(|target| {
            target.kind.iter().any(|kind| kind == "bin")
                && program.is_none_or(|name| name == target.name)
        })
    };
    let packages = metadata(folder).await?.packages;
    let package = packages.iter().find(|package| has(package));
    let folder = package.and_then(|package| package.manifest_path.parent());
    Ok(folder.map(Path::to_owned))
}

pub(super) async fn metadata(folder: &Path) -> Result<Metadata, Failure> {
    let metadata = cargo()
        .args(["metadata", "--no-deps", "--format-version=1"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = metadata.await?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        let reason = stderr.lines().next().unwrap_or("it printed no reason");
        return Err(Failure::new(format!("`cargo metadata` fails: {reason}")));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn fault_f14_a_package_without_a_program_needs_a_main_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        };
        write(
            "Cargo.toml",
            "[package]\nname = \"empty\"\nedition = \"2024\"\n[workspace]\n",
        );
        write("src/lib.rs", "");
        let failure = build(folder.path(), None, false).await;
        let failure = failure.expect_err("there is no program");
        let expected = "add a `src/main.rs`";
        assert!(failure.text().contains(expected), "{}", failure.text());
        write("src/main.rs", "fn main() {}");
        let program = build(folder.path(), None, false).await.expect("a program");
        assert!(program.ends_with("empty"), "{}", program.display());
    }
}
