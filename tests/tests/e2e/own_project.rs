//! A project of one's own: the two files of README.md, in a folder that knows nothing of this one.

use serde_json::json;
use std::time::Duration;
use tests::{Setup, compiled_elsewhere, readme, root, within};

/// How long compiling everything may take.
const COMPILING: Duration = Duration::from_secs(20 * 60);

const SECTION: &str = "Your own project";

/// The two files, as README.md shows them.
fn files() -> (String, String) {
    let text = std::fs::read_to_string(root().join("README.md")).expect("a README");
    let files = readme::files(&text, SECTION);
    let file = |name: &str| {
        let found = files.iter().find(|(file, _)| file == name);
        let found = found.unwrap_or_else(|| panic!("`{SECTION}` shows no `{name}`"));
        found.1.clone()
    };
    (file("Cargo.toml"), file("src/main.rs"))
}

/// The manifest, with the library of this workspace wherever it takes it from.
fn with_this_library(manifest: &str) -> String {
    let library = root().join("crates/lambda_ws");
    let path = format!("path = {:?}", library.display().to_string());
    let mut lines = Vec::new();
    for line in manifest.lines() {
        let Some(source) = line.strip_prefix("lambda_ws = ") else {
            lines.push(line.to_owned());
            continue;
        };
        // `"0.1"` or `{ path or git or version = "..", other = .. }`
        let inside = source.trim().trim_start_matches('{').trim_end_matches('}');
        let others = inside.split(", ").map(str::trim).filter(|part| {
            let sources = ["\"", "path", "git", "version", "branch", "tag", "rev"];
            !sources.iter().any(|source| part.starts_with(source))
        });
        let parts: Vec<_> = std::iter::once(&*path).chain(others).collect();
        lines.push(format!("lambda_ws = {{ {} }}", parts.join(", ")));
    }
    let manifest = lines.join("\n");
    assert!(manifest.contains(&path), "it uses the library: {manifest}");
    manifest
}

#[tokio::test]
async fn a_project_of_two_files_is_served_without_a_template() {
    let (manifest, main) = files();
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| tests::write(folder.path(), name, text);
    write("Cargo.toml", &with_this_library(&manifest));
    write("src/main.rs", &main);
    // The versions that the workspace has compiled and tested; without this line, in a new folder
    // each time, it would be compiled anew for each day's versions.
    let lock = std::fs::read_to_string(root().join("Cargo.lock"));
    write("Cargo.lock", &lock.expect("a lock file"));

    let target = compiled_elsewhere("own-project");
    // Nobody looks at it with a debugger, for which much of the compiling is done.
    let config = ["--config", "profile.dev.debug=false"];
    let run = ["cargo", "run", "--quiet", "--target-dir", &target];
    let setup = Setup::new().folder(folder.path()).patience(COMPILING);
    let gateway = setup.program(run.into_iter().chain(config)).start().await;
    let mut ann = gateway.client("user=ann").await;
    let mut bob = gateway.client("user=bob").await;
    // What is said comes back, whatever else the program says.
    for (number, client) in [&mut ann, &mut bob].into_iter().enumerate() {
        let text = format!("hello {number}");
        client.send(json!({"action": "say", "text": text})).await;
        let heard = async { while !client.text().await.contains(&text) {} };
        within("what was said", heard).await;
    }
    assert_eq!(gateway.table().await.items().await["C"], 2);
    ann.close().await;
    bob.close().await;
    gateway.table().await.has(0, 0, 0).await;
    gateway.stop().await;
}
