//! The source files of a program.

use super::cargo::metadata;
use super::failure::Failure;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The file that marks cache directories, such as cargo's target directories.
const CACHE: &str = "CACHEDIR.TAG";

/// The files besides sources that cargo reads.
const OF_CARGO: [&str; 5] = [
    "Cargo.toml",
    "Cargo.lock",
    "build.rs",
    "rust-toolchain",
    "rust-toolchain.toml",
];

#[derive(Debug)]
pub(super) struct Sources {
    /// Folders that are watched with everything below them.
    folders: Vec<PathBuf>,
    /// Folders that are watched without their subfolders.
    flat: BTreeSet<PathBuf>,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    /// Crates: Rust files, manifests, and other files that the last build read.
    Crates {
        target: PathBuf,
        inputs: BTreeSet<PathBuf>,
    },
    /// Any program: single files, and files in the folders, of one extension if it is known.
    Files {
        files: BTreeSet<PathBuf>,
        extension: Option<OsString>,
    },
}

impl Sources {
    /// Returns the sources of the crates of a workspace, and of its path dependencies.
    pub(super) async fn of_crates(folder: &Path) -> Result<Sources, Failure> {
        let first = metadata(folder).await?;
        let mut flat = BTreeSet::from([real(&first.workspace_root)]);
        let target = real(&first.target_directory);
        let mut folders = BTreeSet::new();
        let mut unread = vec![first];
        while let Some(metadata) = unread.pop() {
            for package in metadata.packages {
                folders.extend(package.manifest_path.parent().map(real));
                for path in package.dependencies.into_iter().filter_map(|d| d.path) {
                    let path = real(&path);
                    if !path.starts_with(real(&metadata.workspace_root))
                        && folders.insert(path.clone())
                    {
                        unread.push(super::cargo::metadata(&path).await?);
                    }
                }
            }
            flat.insert(real(&metadata.workspace_root));
        }
        let mut this = Sources {
            folders: folders.into_iter().collect(),
            flat,
            kind: Kind::Crates {
                target,
                inputs: BTreeSet::new(),
            },
        };
        this.built();
        Ok(this)
    }

    /// Returns the sources of a program after `--`: its file, a script among its arguments, and files with the script's
    /// extension beside and below it. `chosen` is watched instead of the script's folder.
    pub(super) fn of_program(program: &OsStr, args: &[OsString], chosen: &[PathBuf]) -> Sources {
        let mut files = BTreeSet::new();
        let mut folders = Vec::new();
        let mut extension = None;
        if program.as_encoded_bytes().contains(&b'/') && Path::new(program).is_file() {
            files.insert(real(Path::new(program)));
        }
        let script = args.iter().map(Path::new).find(|path| path.is_file());
        if let Some(script) = script.map(real) {
            if chosen.is_empty() {
                extension = script.extension().map(OsStr::to_owned);
                folders.extend(script.parent().map(Path::to_owned));
            }
            files.insert(script);
        }
        for path in chosen {
            match path.is_dir() {
                true => folders.push(real(path)),
                false => {
                    files.insert(real(path));
                }
            }
        }
        let parents = files.iter().filter_map(|file| file.parent());
        Sources {
            flat: parents.map(Path::to_owned).collect(),
            folders,
            kind: Kind::Files { files, extension },
        }
    }

    pub(super) fn and(mut self, chosen: &[PathBuf]) -> Sources {
        for path in chosen {
            if let Kind::Crates { inputs, .. } = &mut self.kind {
                inputs.insert(real(path));
            }
            match path.is_dir() {
                true => self.folders.push(real(path)),
                false => self.flat.extend(real(path).parent().map(Path::to_owned)),
            }
        }
        self
    }

    /// Returns the directories to watch, without subdirectories.
    pub(super) fn directories(&self) -> BTreeSet<PathBuf> {
        let mut all = self.flat.clone();
        for folder in &self.folders {
            walk(folder, &mut |directory| {
                all.insert(directory.to_owned());
            });
        }
        all
    }

    /// Returns the directories and files below a new directory.
    pub(super) fn below(&self, directory: &Path) -> BTreeSet<PathBuf> {
        let mut all = BTreeSet::new();
        if self.folder_of(directory).is_some() && !is_left_out(directory) {
            walk(directory, &mut |directory| {
                all.insert(directory.to_owned());
            });
        }
        all
    }

    /// Whether a file belongs to the program.
    pub(super) fn matters(&self, path: &Path) -> bool {
        match &self.kind {
            Kind::Crates { target, inputs } => {
                if path.starts_with(target) {
                    return false;
                }
                if inputs.iter().any(|input| path.starts_with(input)) {
                    return true;
                }
                let name = path.file_name().unwrap_or_default();
                if OF_CARGO.iter().any(|of| name == *of) {
                    let folder = path.parent().unwrap_or(path);
                    return self.flat.contains(folder) || self.is_below(path);
                }
                path.extension().is_some_and(|e| e == "rs") && self.is_below(path)
            }
            Kind::Files { files, extension } => {
                let fits = match extension {
                    Some(wanted) => path.extension() == Some(wanted),
                    None => true,
                };
                files.contains(path) || fits && self.is_below(path)
            }
        }
    }

    /// Reads cargo's list of the files that the crates include and that build scripts depend on, after a build.
    pub(super) fn built(&mut self) {
        let Kind::Crates { target, inputs } = &mut self.kind else {
            return;
        };
        for profile in ["debug", "release"] {
            let Ok(entries) = std::fs::read_dir(target.join(profile)) else {
                continue;
            };
            for path in entries.flatten().map(|entry| entry.path()) {
                if path.extension().is_some_and(|e| e == "d")
                    && let Ok(text) = std::fs::read_to_string(&path)
                {
                    inputs.extend(dependencies(&text).filter(|input| !input.starts_with(&*target)));
                }
            }
        }
    }

    fn is_below(&self, path: &Path) -> bool {
        let Some(folder) = self.folder_of(path) else {
            return false;
        };
        let hidden = path.file_name().is_none_or(is_hidden);
        let parents = path.ancestors().skip(1);
        let mut between = parents.take_while(|parent| *parent != folder);
        !hidden && !between.any(is_left_out)
    }

    fn folder_of(&self, path: &Path) -> Option<&PathBuf> {
        self.folders.iter().find(|folder| path.starts_with(folder))
    }
}

/// Returns the dependencies in a makefile of cargo.
fn dependencies(makefile: &str) -> impl Iterator<Item = PathBuf> {
    let mut paths = Vec::new();
    for line in makefile.lines() {
        let Some((_, files)) = line.split_once(": ") else {
            continue;
        };
        let mut path = String::new();
        let mut characters = files.chars();
        while let Some(character) = characters.next() {
            match character {
                '\\' => path.extend(characters.next()),
                ' ' => paths.push(std::mem::take(&mut path)),
                other => path.push(other),
            }
        }
        paths.push(path);
    }
    let paths = paths.into_iter().filter(|path| !path.is_empty());
    paths.map(PathBuf::from)
}

/// Visits a directory and those below it, except caches and hidden ones.
fn walk(directory: &Path, visit: &mut impl FnMut(&Path)) {
    visit(directory);
    let Ok(entries) = std::fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        // Links are not followed, because they may form cycles.
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let path = entry.path();
        if is_directory && !is_left_out(&path) {
            walk(&path, visit);
        }
    }
}

/// Whether a directory contains no sources, by its name or its marker file.
fn is_left_out(directory: &Path) -> bool {
    let name = directory.file_name();
    name.is_some_and(|name| is_hidden(name) || name == "node_modules" || name == "__pycache__")
        || directory.join(CACHE).exists()
}

fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// Returns the path as the system reports it.
fn real(path: &Path) -> PathBuf {
    let absolute = || std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.canonicalize().unwrap_or_else(|_| absolute())
}

#[cfg(test)]
mod tests;
