//! The packages for crates.io: their files, their READMEs, and their features.

use std::collections::BTreeSet;
use std::fs;
use std::process::Output;
use tests::{cargo, root};

/// The packages that are published.
const PUBLISHED: [&str; 4] = [
    "lambda_ws_protocol",
    "lambda_ws",
    "lambda_ws_local",
    "lambda_ws_client",
];

#[test]
fn a_package_contains_its_readme_its_licences_and_the_files_of_new_projects() {
    for name in PUBLISHED {
        let listed = list(name);
        let files = String::from_utf8_lossy(&listed.stdout);
        let files: Vec<_> = files.lines().collect();
        assert!(listed.status.success(), "{listed:?}");
        assert_eq!(missing(name, &files), [""; 0], "{name}");
        let needless = |file: &&&str| file.ends_with(".snap") || file.ends_with("/tests.rs");
        assert_eq!(files.iter().find(needless), None, "{name}");
        for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
            let packaged = read(&format!("crates/{name}/{licence}"));
            assert_eq!(packaged, read(licence), "{name}: {licence}");
        }
    }
}

#[test]
fn a_missing_file_of_a_package_is_reported() {
    let files = ["Cargo.toml", "LICENSE-MIT", "README.md", "src/lib.rs"];
    assert_eq!(missing("lambda_ws", &files), ["LICENSE-APACHE"]);
    let local = missing("lambda_ws_local", &files);
    assert!(
        local.contains(&"new/Cargo.toml.template".to_owned()),
        "{local:?}"
    );
}

#[test]
fn the_tables_of_features_match_the_manifest() {
    let manifest = read("crates/lambda_ws/Cargo.toml");
    let mut expected = features(&manifest);
    // The documentation names these two as internal.
    expected.retain(|(name, _)| name != "https" && name != "sdk");
    assert!(expected.len() > 2, "{expected:?}");
    for (file, comment) in [("src/lib.rs", "//! "), ("README.md", "")] {
        let text = read(&format!("crates/lambda_ws/{file}"));
        let (_, table) = text
            .split_once("| feature | default |")
            .expect("a table of features");
        let rows = table.lines().skip(2);
        let rows = rows.map_while(|row| row.strip_prefix(comment)?.strip_prefix("| `"));
        let mut rows: Vec<_> = rows.map(feature_of_row).collect();
        rows.sort();
        assert_eq!(rows, expected, "{file}");
    }
}

#[test]
fn the_documentation_names_the_required_rust_version() {
    let manifest = read("Cargo.toml");
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = "));
    let version = version.expect("a version").trim_matches('"');
    let crates = PUBLISHED.map(|name| format!("crates/{name}/README.md"));
    let files = ["README.md", "CONTRIBUTING.md"].map(str::to_owned);
    for file in files.into_iter().chain(crates) {
        let wanted = format!("Rust {version}");
        assert!(
            read(&file).contains(&wanted),
            "{file} does not name {wanted}"
        );
    }
}

/// Returns the files that a package needs and that are not in `files`.
fn missing(name: &str, files: &[&str]) -> Vec<String> {
    let mut needed: Vec<_> = ["README.md", "LICENSE-MIT", "LICENSE-APACHE", "src/lib.rs"]
        .map(str::to_owned)
        .to_vec();
    if name == "lambda_ws_local" {
        let template = [
            "Cargo.toml.template",
            "cdk/.gitignore",
            "cdk/app.ts",
            "cdk/package.json",
            "sam/.gitignore",
            "sam/template.yaml",
            "src/main.rs",
        ];
        needed.extend(template.map(|file| format!("new/{file}")));
    }
    needed.retain(|file| !files.contains(&file.as_str()));
    needed
}

/// Returns the features of a manifest, sorted, and whether each is a default.
fn features(manifest: &str) -> Vec<(String, bool)> {
    let (_, section) = manifest.split_once("\n[features]\n").expect("features");
    let lines = section.lines().take_while(|line| !line.starts_with('['));
    let named = lines.filter_map(|line| line.split_once(" = ["));
    let named: Vec<_> = named
        .filter(|(name, _)| !name.starts_with([' ', '#']))
        .collect();
    let (_, defaults) = named
        .iter()
        .find(|(name, _)| *name == "default")
        .expect("defaults");
    let is_default = |name: &str| defaults.contains(&format!("\"{name}\""));
    let others = named.iter().filter(|(name, _)| *name != "default");
    let mut features: Vec<_> = others
        .map(|(name, _)| ((*name).to_owned(), is_default(name)))
        .collect();
    features.sort();
    features
}

/// Reads a row such as "jwt` | no | ..".
fn feature_of_row(row: &str) -> (String, bool) {
    let mut cells = row.split(" | ");
    let name = cells.next().unwrap_or_default().trim_end_matches('`');
    (name.to_owned(), cells.next() == Some("yes"))
}

#[test]
fn cargo_dev_and_the_suites_share_their_dependencies() {
    let features = "--features=lambda_ws/jwt,lambda_ws/http,lambda_ws/otel";
    let (dev, suites) = (resolved("--edges=no-dev"), resolved(features));
    let differs = dev.difference(&suites);
    let names: Vec<_> = differs.filter_map(|line| line.split(' ').next()).collect();
    // They are compiled twice: the tests need more features of them, and few other crates depend on them.
    let expected = [
        "aws_lambda_events",
        "futures-executor",
        "lambda_runtime",
        "lambda_ws",
    ];
    assert_eq!(
        names, expected,
        "add the features of the tests' dependencies to `dependencies` in tests/Cargo.toml"
    );
}

/// Returns the packages of the workspace's programs, each with its features in one line.
fn resolved(option: &str) -> BTreeSet<String> {
    let tree = ["tree", "--workspace", "--offline", "--prefix=none"];
    let tree = tree.into_iter().chain(["--format={p} {f}", option]);
    let tree = cargo().current_dir(root()).args(tree).output();
    let tree = tree.expect("cargo runs, since it runs this");
    assert!(tree.status.success(), "{tree:?}");
    let text = String::from_utf8_lossy(&tree.stdout).replace(" (*)", "");
    text.lines().map(str::to_owned).collect()
}

fn list(name: &str) -> Output {
    let list = [
        "package",
        "--list",
        "--allow-dirty",
        "--offline",
        "-p",
        name,
    ];
    let listed = cargo().current_dir(root()).args(list).output();
    listed.expect("cargo runs, since it runs this")
}

fn read(file: &str) -> String {
    let text = fs::read_to_string(root().join(file));
    text.unwrap_or_else(|error| panic!("{file}: {error}"))
}
