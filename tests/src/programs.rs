//! The programs under test, built once.

use dev::cargo;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The workspace's folder.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here
        .parent()
        .expect("the package is a folder of the workspace");
    root.to_owned()
}

/// A file of this package's fixtures.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name)
}

/// The chat, which `template.yaml` deploys.
pub fn chat() -> PathBuf {
    built().join("chat")
}

/// The local gateway, `lambda-ws-local`.
pub fn gateway() -> PathBuf {
    built().join("lambda-ws-local")
}

/// The local gateway as a user has it, with optimizations; built if it is not there.
pub fn optimized_gateway() -> PathBuf {
    build(&["--release", "--package=lambda_ws_local"])
}

/// The chat as it is deployed, with optimizations, and built by itself, so that no other package adds to
/// what its dependencies can do; built if it is not there.
pub fn deployed_chat() -> PathBuf {
    build(&["--release", "--package=chat"])
}

/// A small function with one feature of the library, or none, with optimizations and built by itself; built if it is
/// not there. The next call replaces it.
pub fn small_function(feature: Option<&str>) -> PathBuf {
    let features = feature.map(|feature| format!("--features={feature}"));
    let mut which = vec!["--release", "--package=size"];
    which.extend(features.as_deref());
    build(&which)
}

/// The broadcast with the AWS SDK alone; built if it is not there.
pub fn plain(optimized: bool) -> PathBuf {
    match optimized {
        true => optimized_example("plain"),
        false => build(&["--package=tests", "--example=plain"]),
    }
}

/// An example of this package, with optimizations; built if it is not there.
pub fn optimized_example(name: &str) -> PathBuf {
    build(&["--release", "--package=tests", &format!("--example={name}")])
}

/// A folder below cargo's target folder, for what is compiled outside of this workspace: the next run finds it
/// there.
pub fn compiled_elsewhere(name: &str) -> String {
    let metadata = cargo()
        .current_dir(root())
        .args(["metadata", "--no-deps", "--format-version=1"])
        .output()
        .expect("cargo runs, since it runs this");
    let metadata: serde_json::Value = serde_json::from_slice(&metadata.stdout).expect("JSON");
    let target = metadata["target_directory"].as_str().expect("a folder");
    format!("{target}/{name}")
}

/// An example of a package of this workspace, such as of the library.
pub fn example(name: &str) -> PathBuf {
    // With the features that `tests/run` tests with, so that all dependencies are compiled already.
    let features = "--features=lambda_ws/jwt,lambda_ws/http,lambda_ws/otel";
    build(&["--workspace", features, &format!("--example={name}")])
}

/// The folder of the programs.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let program = build(&["--bin=chat", "--bin=lambda-ws-local"]);
        let folder = program.parent().expect("a program is in a folder");
        folder.to_owned()
    })
}

/// Builds programs, and tells where the first of them is.
fn build(which: &[&str]) -> PathBuf {
    let built = cargo()
        .current_dir(root())
        .args([
            "build",
            "--quiet",
            "--message-format=json-render-diagnostics",
        ])
        .args(which)
        .stderr(std::process::Stdio::inherit())
        .output()
        .expect("cargo runs, since it runs this");
    assert!(built.status.success(), "{which:?} do not build");
    let messages = String::from_utf8_lossy(&built.stdout);
    let program = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message.get("executable")?.as_str()?))
    });
    let program = program.expect("cargo names what it has built");
    program.canonicalize().expect("it has just been written")
}

/// Writes a file of a folder.
///
/// # Panics
///
/// The folder cannot be written to.
pub fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder to write to");
    std::fs::write(path, text).expect("a folder to write to");
}
