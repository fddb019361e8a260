//! The table of CONFORMANCE.md, from the rules and the tests that are named after them.

use super::lines::{LINES, Line, Status};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

const HEAD: &str = "\
How the local gateway follows API Gateway. The numbers are those of the project's list of rules of
API Gateway's WebSocket APIs. Tests with the number in their name check each reproduced line.

- **reproduced**: as AWS documents it, or as others observed it
- **assumed**: neither documented nor observed on AWS; the gateway does what is
  most likely, and the named option changes it
- **different**: not reproduced, with the reason

| line | behaviour | status | tests |
|---|---|---|---|
";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// Returns the tests by the lines in their names: `f2_f3_a_message..` tests F2 and F3.
fn tests() -> BTreeMap<String, BTreeSet<String>> {
    let mut tests = BTreeMap::new();
    for folder in ["src", "../lambda_ws_protocol/src", "../../tests/tests/e2e"] {
        collect(&root().join(folder), &mut tests);
    }
    tests
}

fn collect(folder: &Path, tests: &mut BTreeMap<String, BTreeSet<String>>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    for entry in entries {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            collect(&path, tests);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            for name in functions(&text) {
                for number in numbers(name) {
                    tests.entry(number).or_default().insert(name.to_owned());
                }
            }
        }
    }
}

fn functions(text: &str) -> impl Iterator<Item = &str> {
    text.split("test]\n")
        .chain(text.split("test(start_paused = true)]\n"))
        .skip(1)
        .filter_map(|after| {
            let line = after
                .lines()
                .map(str::trim)
                .find(|line| !line.starts_with("#["))?;
            let line = line.strip_prefix("async ").unwrap_or(line);
            let name = line.strip_prefix("fn ")?;
            name.split('(').next()
        })
}

/// Returns the lines that a test's name begins with.
fn numbers(name: &str) -> Vec<String> {
    let is_number = |part: &str| {
        let digits = part.get(1..).unwrap_or_default();
        part.starts_with(|letter: char| ('a'..='j').contains(&letter))
            && !digits.is_empty()
            && digits.bytes().all(|digit| digit.is_ascii_digit())
    };
    let parts = name.split('_').take_while(|part| is_number(part));
    parts.map(str::to_uppercase).collect()
}

fn row(line: &Line, tests: &BTreeMap<String, BTreeSet<String>>) -> String {
    let status = match line.status {
        Status::Reproduced => "reproduced".to_owned(),
        Status::Assumed(default) => format!("assumed: {default}"),
        Status::Different(why) => format!("different: {why}"),
    };
    let held = tests.get(line.number).into_iter().flatten();
    let held: Vec<_> = held.map(|name| format!("`{name}`")).collect();
    format!(
        "| {} | {} | {status} | {} |\n",
        line.number,
        line.behaviour,
        held.join(", ")
    )
}

#[test]
fn the_table_is_made_of_the_tests() {
    let tests = tests();
    let mut table = HEAD.to_owned();
    for line in LINES {
        table.push_str(&row(line, &tests));
    }
    let _ = write!(table, "\n{} lines, {} tests.\n", LINES.len(), {
        tests.values().flatten().collect::<BTreeSet<_>>().len()
    });
    let path = root().join("CONFORMANCE.md");
    if std::env::var_os("UPDATE_CONFORMANCE").is_some() {
        fs::write(&path, &table).expect("a file that can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == table,
        "CONFORMANCE.md is out of date: run UPDATE_CONFORMANCE=1 cargo test -p lambda_ws_local conformance"
    );
}

#[test]
fn a_line_that_is_reproduced_has_a_test() {
    let tests = tests();
    let without = LINES.iter().filter(|line| {
        !matches!(line.status, Status::Different(_)) && !tests.contains_key(line.number)
    });
    let without: Vec<_> = without.map(|line| line.number).collect();
    assert!(without.is_empty(), "no test is named after {without:?}");
}

#[test]
fn a_test_is_named_after_a_line_that_exists() {
    let unknown: Vec<_> = tests()
        .into_keys()
        .filter(|number| !LINES.iter().any(|line| line.number == *number))
        .collect();
    assert!(unknown.is_empty(), "unknown lines: {unknown:?}");
}
