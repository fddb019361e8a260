//! The packages of a cargo workspace, read from their manifests without cargo.

use std::path::{Path, PathBuf};
use toml::Table;

pub(crate) const MANIFEST: &str = "Cargo.toml";
/// The maximum number of folders between the code and its manifest, and of path dependencies between two packages.
pub(crate) const MAX_STEPS: usize = 8;

pub(crate) fn read(manifest: &Path) -> Option<Table> {
    std::fs::read_to_string(manifest).ok()?.parse().ok()
}

/// A manifest with the packages of its workspace.
pub(crate) struct Packages {
    pub(crate) root: Table,
    /// The packages with the folders of their manifests. The package of the root is the first.
    pub(crate) all: Vec<(PathBuf, Table)>,
}

impl Packages {
    /// Reads a manifest and the members of its workspace.
    pub(crate) fn of(manifest: &Path) -> Option<Self> {
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

    /// Returns the names of all binaries.
    pub(crate) fn binaries(&self) -> Vec<String> {
        let mut names: Vec<_> = self
            .all
            .iter()
            .flat_map(|(folder, table)| binaries(folder, table))
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

/// Returns the names of the binaries of a package, as cargo finds them.
fn binaries(folder: &Path, manifest: &Table) -> Vec<String> {
    let text = |table: &Table, name: &str| table.get(name)?.as_str().map(str::to_owned);
    let listed = manifest.get("bin").and_then(toml::Value::as_array);
    let listed = listed
        .into_iter()
        .flatten()
        .filter_map(toml::Value::as_table);
    let listed: Vec<_> = listed.collect();
    let mut names: Vec<_> = listed.iter().filter_map(|one| text(one, "name")).collect();
    let main = "src/main.rs";
    let mut paths = listed.iter().filter_map(|one| text(one, "path"));
    if folder.join(main).is_file() && !paths.any(|path| path == main) {
        let package = manifest.get("package").and_then(toml::Value::as_table);
        names.extend(package.and_then(|package| text(package, "name")));
    }
    let entries = std::fs::read_dir(folder.join("src/bin"));
    for path in entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|one| one.path())
    {
        let is_binary = match path.is_dir() {
            true => path.join("main.rs").is_file(),
            false => path.extension().is_some_and(|extension| extension == "rs"),
        };
        let name = path.file_stem().filter(|_| is_binary);
        names.extend(name.and_then(|name| name.to_str()).map(str::to_owned));
    }
    names
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

pub(crate) fn has_binary(folder: &Path, manifest: &Table, name: &str) -> bool {
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
