//! Assets of the CDK: folders of `cdk.out` with the program that cargo-lambda built, also for `RustFunction` of
//! `cargo-lambda-cdk`.

use super::cargo_packages::{MANIFEST, MAX_STEPS, Packages};
use std::fs;
use std::path::{Path, PathBuf};

/// The number of folders above an asset whose subfolders can contain the package: a CDK app can be in a folder beside it.
const MAX_NEIGHBOURS: usize = 3;
/// The output folder of cargo-lambda, with one folder for each binary.
const CARGO_LAMBDA: &str = "target/lambda";
/// The output folder of cargo. `RustFunction` of `cargo-lambda-cdk` moves the program from there into the asset.
const CARGO: &str = "target";
/// The source paths of the standard library, which the panic messages of every Rust program contain.
const RUST: &[u8] = b"/rustc/";

/// The cargo package of the program in an asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Program {
    /// One binary of a package or a workspace.
    Built(Binary),
    /// A Rust program that can be any of several binaries.
    Ambiguous(Vec<String>),
    /// A program in another language, or a program without a package on this machine.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Binary {
    /// The folder of the manifest.
    pub(crate) folder: PathBuf,
    pub(crate) binary: String,
}

impl Program {
    pub(crate) fn built(self) -> Option<Binary> {
        match self {
            Self::Built(binary) => Some(binary),
            _ => None,
        }
    }
}

/// Whether a path is an asset in the output of `cdk synth`.
pub(crate) fn is_asset(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with("asset."))
}

/// Finds the cargo package of the program in an asset. The template contains only the path of the asset, so the program is
/// compared with the output of cargo-lambda and cargo. A program that was built again since has no equal. Then a Rust program is the
/// only binary of the nearest package.
pub(crate) fn program(asset: &Path) -> Program {
    let bootstrap = asset.join("bootstrap");
    let Some(asset) = std::path::absolute(asset).ok().filter(|one| is_asset(one)) else {
        return Program::Other;
    };
    let Ok(program) = fs::read(bootstrap) else {
        return Program::Other;
    };
    if let Some(binary) = folders(&asset).find_map(|folder| output_of(&folder, &program)) {
        return Program::Built(binary);
    }
    let Some(folder) = manifest_above(&asset).filter(|_| is_rust(&program)) else {
        return Program::Other;
    };
    let packages = Packages::of(&folder.join(MANIFEST));
    let mut binaries = packages.map_or(Vec::new(), |packages| packages.binaries());
    match (binaries.len(), binaries.pop()) {
        (1, Some(binary)) => Program::Built(Binary { folder, binary }),
        (_, Some(last)) => {
            binaries.push(last);
            Program::Ambiguous(binaries)
        }
        (_, None) => Program::Other,
    }
}

/// Returns the nearest folder above an asset that contains a manifest.
pub(crate) fn manifest_above(asset: &Path) -> Option<PathBuf> {
    let asset = std::path::absolute(asset).ok()?;
    let mut folders = asset.ancestors().skip(1).take(MAX_STEPS);
    let found = folders.find(|folder| folder.join(MANIFEST).is_file());
    found.map(Path::to_owned)
}

/// Returns the folders that can contain the package of an asset: those above it, and their subfolders.
fn folders(asset: &Path) -> impl Iterator<Item = PathBuf> {
    let above = asset.ancestors().skip(1).take(MAX_STEPS);
    // The first folder is `cdk.out`.
    let near = asset.ancestors().skip(2).take(MAX_NEIGHBOURS);
    let beside = near.flat_map(paths);
    above.map(Path::to_owned).chain(beside)
}

/// Returns the binary in a package that cargo-lambda built into this program.
fn output_of(folder: &Path, program: &[u8]) -> Option<Binary> {
    let manifest = folder.join(MANIFEST);
    if !(manifest.is_file() && folder.join(CARGO).is_dir()) {
        return None;
    }
    let is_equal = |path: &Path| {
        let size = path
            .metadata()
            .is_ok_and(|file| file.is_file() && file.len() == program.len() as u64);
        size && fs::read(path).is_ok_and(|bytes| bytes == program)
    };
    let mut built = paths(&folder.join(CARGO_LAMBDA));
    let binary = match built.find(|path| is_equal(&path.join("bootstrap"))) {
        Some(found) => found.file_name()?.to_str()?.to_owned(),
        None => {
            // `target/TRIPLE/PROFILE/deps/chat_server-HASH` of the binary `chat-server`.
            let profiles = paths(&folder.join(CARGO)).flat_map(|triple| paths(&triple));
            let mut built = profiles.flat_map(|profile| paths(&profile.join("deps")));
            let found = built.find(|path| path.extension().is_none() && is_equal(path))?;
            let (name, _) = found.file_name()?.to_str()?.rsplit_once('-')?;
            let mut binaries = Packages::of(&manifest)?.binaries().into_iter();
            binaries.find(|one| one.replace('-', "_") == name)?
        }
    };
    Some(Binary {
        folder: folder.to_owned(),
        binary,
    })
}

/// Returns the paths in a folder; none if it does not exist.
fn paths(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path())
}

fn is_rust(program: &[u8]) -> bool {
    program.windows(RUST.len()).any(|bytes| bytes == RUST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIN: &str = "fn main() {}";

    fn write(folder: &Path, name: &str, text: &str) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn package(folder: &Path, name: &str) {
        write(folder, MANIFEST, &format!("[package]\nname = \"{name}\"\n"));
        write(folder, "src/main.rs", MAIN);
    }

    fn found(folder: &Path, binary: &str) -> Program {
        let (folder, binary) = (folder.to_owned(), binary.to_owned());
        Program::Built(Binary { folder, binary })
    }

    #[test]
    fn the_program_of_an_asset_is_the_equal_output_of_cargo_lambda() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        package(root, "chat");
        write(root, "src/bin/orders.rs", MAIN);
        write(root, "target/lambda/chat/bootstrap", "program 1");
        write(root, "target/lambda/orders/bootstrap", "program 2");
        for asset in ["cdk.out/asset.1", "infra/cdk.out/asset.1"] {
            write(root, &format!("{asset}/bootstrap"), "program 2");
            assert_eq!(program(&root.join(asset)), found(root, "orders"), "{asset}");
        }
    }

    #[test]
    fn the_package_can_be_in_a_folder_beside_the_app() {
        let root = tempfile::tempdir().expect("a folder");
        let (root, service) = (root.path(), root.path().join("service"));
        package(&service, "chat");
        write(&service, "target/lambda/chat/bootstrap", "program");
        write(root, "infra/cdk.out/asset.1/bootstrap", "program");
        let asset = root.join("infra/cdk.out/asset.1");
        assert_eq!(program(&asset), found(&service, "chat"));
    }

    #[test]
    fn the_program_of_a_rust_function_is_the_equal_output_of_cargo() {
        let root = tempfile::tempdir().expect("a folder");
        let (root, service) = (root.path(), root.path().join("service"));
        package(&service, "tea-room");
        write(&service, "src/bin/tea-orders.rs", MAIN);
        let deps = "target/aarch64-unknown-linux-gnu/release/deps";
        write(&service, &format!("{deps}/tea_room-0123"), "program 1");
        write(&service, &format!("{deps}/tea_orders-4567"), "program 2");
        write(&service, &format!("{deps}/tea_orders-4567.d"), "program 2");
        write(root, "cdk.out/asset.1/bootstrap", "program 2");
        let asset = root.join("cdk.out/asset.1");
        assert_eq!(program(&asset), found(&service, "tea-orders"));
        write(root, "cdk.out/asset.1/bootstrap", "program 3");
        assert_eq!(program(&asset), Program::Other);
    }

    #[test]
    fn a_program_that_was_built_again_is_the_only_binary() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        package(root, "chat");
        write(root, "target/lambda/chat/bootstrap", "new /rustc/ program");
        write(root, "cdk.out/asset.1/bootstrap", "old /rustc/ program");
        let asset = root.join("cdk.out/asset.1");
        assert_eq!(program(&asset), found(root, "chat"));
        write(root, "src/bin/orders/main.rs", MAIN);
        let both = ["chat", "orders"].map(str::to_owned).to_vec();
        assert_eq!(program(&asset), Program::Ambiguous(both));
    }

    #[test]
    fn a_program_without_a_package_is_another_one() {
        let root = tempfile::tempdir().expect("a folder");
        let root = root.path();
        write(root, "cdk.out/asset.1/bootstrap", "/rustc/");
        assert_eq!(program(&root.join("cdk.out/asset.1")), Program::Other);
        package(root, "chat");
        write(root, "cdk.out/asset.1/bootstrap", "#!/usr/bin/env python3");
        assert_eq!(program(&root.join("cdk.out/asset.1")), Program::Other);
        assert_eq!(program(&root.join("cdk.out/asset.2")), Program::Other);
    }
}
