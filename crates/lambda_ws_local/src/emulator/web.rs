//! The application's own page.

use super::cargo;
use super::failure::Failure;
use super::project::Project;
use crate::template::Build;
use std::path::{Path, PathBuf};

/// The folder beside a package's manifest, and the file that it must contain.
const FOLDER: &str = "web";
const FILE: &str = "index.html";

/// Returns the folder from the command line.
pub(super) fn given(folder: &Path) -> Result<PathBuf, Failure> {
    match folder.join(FILE).is_file() {
        true => Ok(folder.to_owned()),
        false => Err(Failure::new(format!(
            "{} contains no {FILE}: choose another folder with --web",
            folder.display()
        ))),
    }
}

/// Returns the folder `web` of the package of a function's program, or of its code.
pub(super) async fn of_project(project: &Project) -> Option<PathBuf> {
    for function in project.functions() {
        let mut folders = vec![function.code.clone()];
        if let Build::RustCargoLambda { binary } = &function.build {
            // The build reports a missing cargo.
            let package = cargo::package(&function.code, binary.as_deref()).await;
            folders.extend(package.ok().flatten());
        }
        let mut folders = folders.iter().map(|folder| folder.join(FOLDER));
        if let Some(found) = folders.find(|folder| folder.join(FILE).is_file()) {
            return Some(found);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_page_is_told() {
        let folder = tempfile::tempdir().expect("a folder");
        let failure = given(folder.path()).expect_err("there is no page");
        assert!(failure.text().contains("--web"), "{}", failure.text());
        std::fs::write(folder.path().join(FILE), "").expect("a file");
        assert!(given(folder.path()).is_ok());
    }

    #[tokio::test]
    async fn a_package_is_found_by_its_program() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let found = cargo::package(here, Some("lambda-ws-local")).await;
        let found = found.expect("cargo runs").expect("a package");
        assert_eq!(found.canonicalize().ok(), here.canonicalize().ok());
        let none = cargo::package(here, Some("nobody")).await;
        assert_eq!(none.expect("cargo runs"), None);
    }
}
