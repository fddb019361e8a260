//! Detects the functions that use this library: their `Cargo.toml` depends on it.

use crate::template::evaluate::Evaluator;
use crate::template::transform::Resource;
use std::path::{Path, PathBuf};
use toml::Table;

/// The functions to which the checks for lambda_ws apply.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LibraryRules {
    /// The functions with a `Cargo.toml` that depends on lambda_ws.
    #[default]
    Detect,
    /// All functions of the template.
    Always,
}

const LIBRARY: &str = "lambda_ws";
const MANIFEST: &str = "Cargo.toml";
const CARGO_LAMBDA: &str = "rust-cargolambda";
/// The maximum number of folders between the code and its manifest, and of path dependencies between a package and the
/// library.
const MAX_STEPS: usize = 8;

/// Whether a function is built from a crate that depends on the library. `folder` is the folder of the template.
pub(super) fn apply_to(evaluator: &Evaluator<'_>, function: &Resource, folder: &Path) -> bool {
    let text = |name: &str| evaluator.property(function, name);
    let metadata = |name: &str| function.metadata.text_of(name);
    let method = metadata("BuildMethod");
    let is_image = text("PackageType").as_deref() == Some("Image");
    let runs_rust = match (method, text("Runtime")) {
        (Some(CARGO_LAMBDA), _) => true,
        (Some(method), _) if method != "makefile" => false,
        // Rust functions use a runtime that the user provides.
        (_, Some(runtime)) => runtime.starts_with("provided"),
        (_, None) => is_image,
    };
    if !runs_rust {
        return false;
    }
    let properties = &function.properties;
    let code = properties.entry("CodeUri").or(properties.entry("Code"));
    // CDK records the folder of the code. The default of SAM is the folder of the template.
    let code = match (metadata("aws:asset:path"), code) {
        _ if is_image => metadata("DockerContext").map(str::to_owned),
        (Some(asset), _) => Some(asset.to_owned()),
        (None, Some(code)) => evaluator.text(code).ok(),
        (None, None) if properties.entry("InlineCode").is_some() => None,
        (None, None) => Some(".".to_owned()),
    };
    let Some(code) = code.filter(|code| !code.contains("://")) else {
        return false;
    };
    let code = Path::new(&code);
    // The folder of a built program has the name of the program: `target/lambda/chat`.
    let built = code.components().any(|part| part.as_os_str() == "target");
    let steps = match built || method == Some(CARGO_LAMBDA) {
        true => MAX_STEPS,
        false => 1,
    };
    let Some(manifest) = manifest_of(&folder.join(code), steps) else {
        return false;
    };
    let properties = function.metadata.entry("BuildProperties");
    let binary = properties.and_then(|node| node.entry("Binary")?.as_text());
    let name = code.file_stem().and_then(|name| name.to_str());
    let binary = binary.or(name.filter(|_| built));
    Packages::of(&manifest).is_some_and(|packages| packages.use_library(binary))
}

/// Returns the manifest in the folder of the code or in a folder above it.
fn manifest_of(code: &Path, steps: usize) -> Option<PathBuf> {
    let code = std::path::absolute(code).ok()?;
    let mut manifests = code.ancestors().take(steps).map(|one| one.join(MANIFEST));
    manifests.find(|path| path.is_file())
}

fn read(manifest: &Path) -> Option<Table> {
    std::fs::read_to_string(manifest).ok()?.parse().ok()
}

/// A manifest with the packages of its workspace.
struct Packages {
    root: Table,
    /// The packages with the folders of their manifests. The package of the root is the first.
    all: Vec<(PathBuf, Table)>,
}

impl Packages {
    fn of(manifest: &Path) -> Option<Self> {
        let folder = manifest.parent()?;
        let root = read(manifest)?;
        let mut all = Vec::new();
        if root.contains_key("package") {
            all.push((folder.to_owned(), root.clone()));
        }
        let members = root
            .get("workspace")
            .and_then(|one| one.get("members")?.as_array());
        for pattern in members
            .into_iter()
            .flatten()
            .filter_map(toml::Value::as_str)
        {
            for member in members_of(folder, pattern) {
                all.extend(read(&member.join(MANIFEST)).map(|table| (member, table)));
            }
        }
        if root.contains_key("workspace") {
            return Some(Self { root, all });
        }
        // A member inherits versions from the workspace in a folder above it.
        let mut above = folder.ancestors().skip(1).take(MAX_STEPS);
        let workspace = above.find_map(|one| {
            read(&one.join(MANIFEST)).filter(|table| table.contains_key("workspace"))
        });
        let root = workspace.unwrap_or(root);
        Some(Self { root, all })
    }

    /// Whether the package with this binary uses the library. Without such a package, the packages that cargo builds by
    /// default are checked.
    fn use_library(&self, binary: Option<&str>) -> bool {
        let with_binary =
            |one: &&(PathBuf, Table)| binary.is_some_and(|name| has_binary(&one.0, &one.1, name));
        let mut own = self.all.iter().filter(with_binary).peekable();
        match own.peek() {
            Some(_) => own.any(|(folder, table)| self.depends(folder, table, 0)),
            // Cargo builds the package in the folder. If the folder has only a workspace, cargo builds all members.
            None => match self.all.first() {
                Some((folder, table)) if self.root.contains_key("package") => {
                    self.depends(folder, table, 0)
                }
                _ => self
                    .all
                    .iter()
                    .any(|(folder, table)| self.depends(folder, table, 0)),
            },
        }
    }

    /// Whether a package depends on the library, directly or through other packages of the project.
    fn depends(&self, folder: &Path, manifest: &Table, steps: usize) -> bool {
        let name = manifest
            .get("package")
            .and_then(|one| one.get("name")?.as_str());
        if name == Some(LIBRARY) {
            return true;
        }
        let of_targets = manifest.get("target").and_then(toml::Value::as_table);
        let of_targets = of_targets.into_iter().flat_map(|all| all.values());
        let own = manifest.get("dependencies");
        let sections = own
            .into_iter()
            .chain(of_targets.filter_map(|one| one.get("dependencies")));
        for (key, value) in sections.filter_map(toml::Value::as_table).flatten() {
            let inherited = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
            let shared = self
                .root
                .get("workspace")
                .and_then(|one| one.get("dependencies")?.get(key));
            let declared = shared.filter(|_| inherited).unwrap_or(value);
            let package = declared.get("package").and_then(toml::Value::as_str);
            if package.unwrap_or(key).replace('-', "_") == LIBRARY {
                return true;
            }
            let path = declared.get("path").and_then(toml::Value::as_str);
            // The paths of workspace dependencies are relative to the workspace, so members are found by name.
            let member = || {
                let name = package.unwrap_or(key);
                let mut all = self.all.iter();
                all.find(|(_, table)| {
                    table
                        .get("package")
                        .and_then(|one| one.get("name")?.as_str())
                        == Some(name)
                })
            };
            let next = match path {
                Some(path) if !inherited => {
                    let folder = folder.join(path);
                    read(&folder.join(MANIFEST)).map(|table| (folder, table))
                }
                Some(_) => member().cloned(),
                None => None,
            };
            if steps < MAX_STEPS
                && let Some((folder, table)) = next
                && self.depends(&folder, &table, steps + 1)
            {
                return true;
            }
        }
        false
    }
}

/// Returns the folders that a pattern for members matches, such as `crates/*`.
fn members_of(folder: &Path, pattern: &str) -> Vec<PathBuf> {
    let Some(parent) = pattern
        .strip_suffix("/*")
        .or((pattern == "*").then_some("."))
    else {
        return vec![folder.join(pattern)];
    };
    let entries = std::fs::read_dir(folder.join(parent)).into_iter().flatten();
    let mut folders: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    folders.sort();
    folders
}

fn has_binary(folder: &Path, manifest: &Table, name: &str) -> bool {
    let package = manifest
        .get("package")
        .and_then(|one| one.get("name")?.as_str());
    let main = folder.join("src/main.rs").is_file();
    let listed = manifest.get("bin").and_then(toml::Value::as_array);
    let mut listed = listed.into_iter().flatten();
    package == Some(name) && main
        || listed.any(|one| one.get("name").and_then(toml::Value::as_str) == Some(name))
        || folder.join(format!("src/bin/{name}.rs")).is_file()
        || folder.join(format!("src/bin/{name}/main.rs")).is_file()
}

#[cfg(test)]
mod tests;
