//! Detects the functions that use this library: their `Cargo.toml` depends on it.

use crate::template::evaluate::Evaluator;
use crate::template::resources::function::{cargo_packages, cdk_asset};
use crate::template::transform::Resource;
use cargo_packages::{MANIFEST, MAX_STEPS, Packages, has_binary, read};
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
const CARGO_LAMBDA: &str = "rust-cargolambda";

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
    if let Some(program) = cdk_asset::program(&folder.join(code)).built() {
        let manifest = program.folder.join(MANIFEST);
        let packages = Packages::of(&manifest);
        return packages.is_some_and(|packages| packages.use_library(Some(&program.binary)));
    }
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

impl Packages {
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

#[cfg(test)]
mod tests;
