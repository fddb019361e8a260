//! The functions that are compared.

use super::args::Args;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tests::bench::{Who, run_within};
use tests::root;

pub(super) const OURS: Who = "lambda_ws";
pub(super) const NODE: Who = "Node.js, Promise.all";
pub(super) const CARELESS: Who = "Node.js without a catch";
pub(super) const PYTHON: Who = "Python, boto3 loop";
pub(super) const RUST: Who = "Rust, AWS SDK loop";

/// A function behind the gateway.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    pub(super) who: Who,
    /// The program and its arguments.
    pub(super) program: Vec<PathBuf>,
    /// A variable of its environment.
    pub(super) variable: Option<&'static str>,
    /// The file or the folder that its archive contains.
    pub(super) archive: PathBuf,
}

/// All functions, built and installed.
#[derive(Debug)]
pub(super) struct Peers {
    pub(super) gateway: PathBuf,
    pub(super) all: Vec<Peer>,
    /// The versions of interpreters and SDKs.
    pub(super) versions: Vec<String>,
}

/// The packages may have to be fetched.
const INSTALL: Duration = Duration::from_secs(300);

impl Peers {
    /// Builds and installs all functions, unless that is done.
    ///
    /// # Errors
    ///
    /// The missing tool, or the command that failed.
    pub(super) fn install(args: &Args) -> Result<Self, String> {
        let folder = target().join("compare");
        let node = tool("node")?;
        let scripts = install_node(&folder.join("node"))?;
        let python = install_python(&folder.join("python"))?;
        let handler = copied(&folder.join("python/function"), "python", &["app.py"])?;
        let plain = tests::plain(!args.unoptimized);
        let ours = PathBuf::from(env!("CARGO_BIN_EXE_crowd"));
        let peer = |who, program: &[&Path], archive: &Path| Peer {
            who,
            program: program.iter().map(|part| part.to_path_buf()).collect(),
            variable: None,
            archive: archive.to_owned(),
        };
        let javascript = scripts.join("bootstrap.mjs");
        let bootstrap = handler.join("bootstrap.py");
        let sdk = installed_sdk(&scripts)?;
        let versions = vec![
            output(Command::new("rustc").arg("-V"))?,
            format!("Node.js {}", output(Command::new(&node).arg("--version"))?),
            format!("AWS SDK for JavaScript {sdk}"),
            output(Command::new(&python).arg("--version"))?,
            format!(
                "boto3 {}",
                output(
                    Command::new(&python).args(["-c", "import boto3; print(boto3.__version__)"])
                )?
            ),
        ];
        let mut careless = peer(CARELESS, &[&node, &javascript], &scripts);
        careless.variable = Some("CATCH=off");
        let all = vec![
            peer(OURS, &[&ours], &ours),
            peer(RUST, &[&plain], &plain),
            peer(NODE, &[&node, &javascript], &scripts),
            peer(PYTHON, &[&python, &bootstrap], &handler),
            careless,
        ];
        Ok(Self {
            gateway: gateway(args),
            all,
            versions,
        })
    }

    /// Returns those that are measured everywhere.
    pub(super) fn careful(&self) -> Vec<Peer> {
        let careful = self.all.iter().filter(|peer| peer.variable.is_none());
        careful.cloned().collect()
    }
}

/// Returns the local gateway, built if it is not there.
pub(super) fn gateway(args: &Args) -> PathBuf {
    match args.unoptimized {
        true => tests::gateway(),
        false => tests::optimized_gateway(),
    }
}

/// The target folder: this program is `release/deps/compare-*` in it.
fn target() -> PathBuf {
    let program = std::env::current_exe().expect("Linux tells programs where they are");
    let target = program.ancestors().nth(3);
    let target = target.expect("cargo puts benchmarks three levels deep");
    target.to_owned()
}

/// Copies files of this comparison, and the small runtime of the language, into a folder.
fn copied(folder: &Path, language: &str, files: &[&str]) -> Result<PathBuf, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/compare");
    let examples = root().join("crates/lambda_ws_local/examples");
    let runtime = match language {
        "node" => "node/bootstrap.mjs",
        _ => "python/bootstrap.py",
    };
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let files = files
        .iter()
        .map(|file| (source.join(language).join(file), *file));
    let name = runtime.rsplit('/').next().unwrap_or(runtime);
    for (from, name) in files.chain([(examples.join(runtime), name)]) {
        let result = fs::copy(&from, folder.join(name));
        result.map_err(|error| format!("cannot copy {}: {error}", from.display()))?;
    }
    Ok(folder.to_owned())
}

fn install_node(folder: &Path) -> Result<PathBuf, String> {
    let lock = "package-lock.json";
    let before = fs::read(folder.join(lock)).ok();
    copied(folder, "node", &["index.mjs", "package.json", lock])?;
    let same = fs::read(folder.join(lock)).ok() == before;
    if !same || !folder.join("node_modules/.package-lock.json").exists() {
        eprintln!("the AWS SDK for JavaScript is installed, once");
        let options = [
            "ci",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
        ];
        run_within(
            INSTALL,
            Command::new(tool("npm")?).args(options).arg(folder),
        )?;
    }
    Ok(folder.to_owned())
}

fn install_python(folder: &Path) -> Result<PathBuf, String> {
    let file = "requirements.txt";
    let before = fs::read(folder.join(file)).ok();
    copied(folder, "python", &[file])?;
    let (venv, done) = (folder.join("venv"), folder.join("installed"));
    let python = venv.join("bin/python");
    let requirements = fs::read(folder.join(file)).ok();
    if requirements != before || !done.exists() {
        eprintln!("boto3 is installed, once");
        // An installation that fails half-way is repeated. The file may not exist.
        let _ = fs::remove_file(&done);
        let options = ["-m", "venv", "--clear"];
        run_within(
            INSTALL,
            Command::new(tool("python3")?).args(options).arg(&venv),
        )?;
        let pip = [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
        ];
        run_within(
            INSTALL,
            Command::new(&python).args(pip).arg(folder.join(file)),
        )?;
        fs::write(&done, "").map_err(|error| error.to_string())?;
    }
    Ok(python)
}

/// Returns the path of a program of the shell.
fn tool(name: &str) -> Result<PathBuf, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name));
    let found = { found }.find(|file| file.is_file());
    found.ok_or_else(|| format!("there is no `{name}`: install it"))
}

/// Returns the first line that a command prints.
fn output(command: &mut Command) -> Result<String, String> {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{shown} does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().next().filter(|_| output.status.success());
    line.map(str::to_owned)
        .ok_or_else(|| format!("{shown} fails: {}", output.status))
}

/// Returns the version of the installed AWS SDK for JavaScript.
fn installed_sdk(folder: &Path) -> Result<String, String> {
    let path = "node_modules/@aws-sdk/client-apigatewaymanagementapi/package.json";
    let text = fs::read_to_string(folder.join(path));
    let text = text.map_err(|error| format!("{path}: {error}"))?;
    let package: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    Ok(package["version"].as_str().unwrap_or("unknown").to_owned())
}
