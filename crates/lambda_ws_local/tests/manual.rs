//! The manual matches the program: README.md and docs/*.md.

use regex_lite::Regex;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The options of other tools in the manual.
const FOREIGN: &[&str] = &[
    "--bin",
    "--cli-binary-format",
    "--connection-id",
    "--data-file",
    "--docker-network",
    "--env-vars",
    "--function-name",
    "--no-interactive",
    "--payload",
    "--render-var",
    "--table-name",
];

fn chapters() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).expect("the manual");
    let docs = docs.map(|entry| entry.expect("a chapter").path());
    let paths = docs.chain([root.join("README.md")]);
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).expect("a chapter");
        (path, text)
    };
    paths.map(read).collect()
}

fn options(text: &str) -> BTreeSet<String> {
    let option = Regex::new(r"(?:^|[\s`(\[|])(--[a-z][a-z-]*)").expect("a pattern");
    let found = option.captures_iter(text);
    found.map(|found| found[1].to_owned()).collect()
}

/// The options that the program lists in its help.
fn known() -> BTreeSet<String> {
    let help = |args: &[&str]| {
        let program = env!("CARGO_BIN_EXE_lambda-ws-local");
        let help = Command::new(program).args(args).arg("--help").output();
        String::from_utf8(help.expect("it runs").stdout).expect("UTF-8")
    };
    let commands: [&[&str]; 16] = [
        &[],
        &["admin"],
        &["admin", "broadcast"],
        &["admin", "count"],
        &["admin", "disconnect"],
        &["admin", "follow"],
        &["admin", "list"],
        &["admin", "show"],
        &["admin", "tasks"],
        &["connect"],
        &["cost"],
        &["doctor"],
        &["faults"],
        &["invoke"],
        &["new"],
        &["publish"],
    ];
    let mut known = BTreeSet::new();
    for command in commands {
        let text = help(command);
        let listed = text.lines().filter(|line| line.trim().starts_with('-'));
        known.extend(listed.flat_map(options));
    }
    known
}

#[test]
fn the_manual_names_every_option_of_the_program_and_no_other() {
    let all: String = chapters().into_iter().map(|(_, text)| text).collect();
    let (documented, known) = (options(&all), known());
    let general = ["--help", "--version"];
    let undocumented = known.difference(&documented);
    let undocumented: Vec<_> = undocumented
        .filter(|option| !general.contains(&option.as_str()))
        .collect();
    assert!(undocumented.is_empty(), "undocumented: {undocumented:?}");
    let unknown = documented.difference(&known);
    let unknown = unknown.filter(|option| !FOREIGN.contains(&option.as_str()));
    let unknown: Vec<_> = unknown.collect();
    assert!(unknown.is_empty(), "unknown to the program: {unknown:?}");
}

#[test]
fn links_of_the_manual_lead_to_files() {
    let link = Regex::new(r"\]\(([^)#]+)").expect("a pattern");
    for (path, text) in chapters() {
        for found in link.captures_iter(&text) {
            let folder = path.parent().expect("a folder");
            let is_file = found[1].contains("://") || folder.join(&found[1]).exists();
            assert!(is_file, "{}: {}", path.display(), &found[1]);
        }
    }
}

#[test]
fn the_manual_names_every_fault_and_every_check() {
    use lambda_ws_local::{faults::Kind, template::doctor};
    let all: String = chapters().into_iter().map(|(_, text)| text).collect();
    let names = Kind::ALL.into_iter().map(Kind::name);
    for name in names.chain(doctor::checks()) {
        assert!(all.contains(&format!("| `{name}` |")), "{name}");
    }
}
