//! The layers of the crates: a lower layer never imports an upper one.
//!
//! Unit tests are exempt. A new module of a crate needs a place in its list.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The modules of `lambda_ws`, from the bottom to the top.
const LAMBDA_WS: &[&str] = &[
    "error",
    "json",
    "payload",
    "policy",
    "clock",
    "random",
    "backoff",
    "trace",
    "sync",
    "context",
    "metrics",
    "tls",
    "https",
    "otel",
    "store",
    "effects",
    "transport",
    "presence",
    "task",
    "sender",
    "connection",
    "event",
    "response",
    "extract",
    "handler",
    "auth",
    "kv",
    "admin",
    "client_limits",
    "router",
    "app",
    "testing",
    // Documentation only.
    "guide",
    "operations",
    "readme",
];

/// The modules of `lambda_ws_local`, from the bottom to the top. The console imports all that it shows.
const LAMBDA_WS_LOCAL: &[&str] = &[
    "lock",
    "error_text",
    "cost",
    "body",
    "reply",
    "guard",
    "log_line",
    "faults",
    "listener",
    "session_tokens",
    "activity",
    "gateway",
    "dynamodb",
    "function",
    "lambda",
    "remote",
    "template",
    "admin",
    "console",
    "emulator",
    "cli",
    "conformance",
];

/// The modules of `lambda_ws_local::template`, from the bottom to the top.
const TEMPLATE: &[&str] = &["syntax", "transform", "evaluate", "resources", "doctor"];

/// The first characters of the partition keys in the connections table.
const TABLE_KEYS: [&str; 5] = ["\"C#", "\"R#", "\"U#", "\"K#", "\"H#"];

#[test]
fn a_lower_layer_never_imports_an_upper_one() {
    let local = source("lambda_ws_local");
    let mut broken = upward_imports(&source("lambda_ws"), "", LAMBDA_WS);
    broken.extend(upward_imports(&local, "", LAMBDA_WS_LOCAL));
    broken.extend(upward_imports(&local, "template::", TEMPLATE));
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn the_crates_import_each_other_in_one_direction() {
    let protocol = "lambda_ws_protocol imports no other crate";
    let local = "lambda_ws_local uses the library's formats through lambda_ws_protocol";
    let client = "lambda_ws_client knows only the protocol of PROTOCOL.md";
    let rules = [
        ("lambda_ws_protocol", "lambda_ws::", protocol),
        ("lambda_ws_protocol", "lambda_ws_local::", protocol),
        ("lambda_ws_local", "lambda_ws::", local),
        ("lambda_ws_client", "lambda_ws::", client),
        ("lambda_ws_client", "lambda_ws_local::", client),
    ];
    let broken = rules.map(|(of, text, rule)| uses_of(text, &source(of), rule));
    assert!(
        broken.concat().is_empty(),
        "\n{}\n",
        broken.concat().join("\n")
    );
}

#[test]
fn only_the_store_and_the_table_layout_contain_table_keys() {
    let rule =
        "only lambda_ws/src/store and lambda_ws_protocol/src/table_layout.rs contain table keys";
    let crates = ["lambda_ws", "lambda_ws_local", "lambda_ws_protocol"].map(source);
    let of_crate = |src: &PathBuf| TABLE_KEYS.map(|key| uses_of(key, src, rule));
    let mut broken: Vec<_> = crates.iter().flat_map(of_crate).flatten().collect();
    broken.retain(|line| !line.contains("/src/store") && !line.contains("/src/table_layout.rs"));
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn an_import_of_an_upper_layer_is_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| tests::write(folder.path(), name, text);
    let found = || upward_imports(folder.path(), "", &["low", "middle", "top"]);
    write(
        "lib.rs",
        "mod low;\nmod middle;\nmod top;\npub use top::{Top, other};\n",
    );
    write(
        "low.rs",
        "//! [`crate::top`]\nmod part;\n#[cfg(test)]\nmod tests {\nuse crate::top;\n}\n",
    );
    write("low/part.rs", "use super::Low;\nuse crate::low::Low;\n");
    write("low/tests.rs", "use crate::top;\n");
    write(
        "middle.rs",
        "use crate::{low::Low, middle};\nuse super::low;\n",
    );
    write("top.rs", "use crate::middle;\n");
    assert_eq!(found(), [""; 0]);

    let imports =
        "use crate::{\n    low::Low,\n    Top,\n};\nfn f() { super::super::middle::f() }\n";
    write("low/part.rs", imports);
    write("new.rs", "");
    let expected = [
        "low/part.rs:3: crate::Top: `low` is below `top`",
        "low/part.rs:5: super::super::middle::f: `low` is below `middle`",
        "new.rs: `new` is in no layer",
    ];
    let expected = expected.map(|line| format!("{}/{line}", folder.path().display()));
    assert_eq!(found(), expected);
}

fn source(name: &str) -> PathBuf {
    tests::root().join("crates").join(name).join("src")
}

/// Returns the imports of upper layers in the modules of `parent` (`""` or `"template::"`).
fn upward_imports(src: &Path, parent: &str, layers: &[&str]) -> Vec<String> {
    // The part of a path that names a module of `parent`.
    let first = |path: &str| {
        let rest = path.strip_prefix(parent).unwrap_or_default();
        rest.split("::").next().unwrap_or_default().to_owned()
    };
    let place = |path: &str| layers.iter().position(|layer| *layer == first(path));
    let root = match parent.strip_suffix("::") {
        Some(module) => src.join(module.replace("::", "/")).with_extension("rs"),
        None => src.join("lib.rs"),
    };
    let root = fs::read_to_string(root).expect("a module");
    // The modules of the names that the parent exports.
    let exported = paths(&root, "pub use ").into_iter().map(|(_, path)| {
        let name = path.rsplit("::").next().unwrap_or_default();
        (name.to_owned(), format!("{parent}{path}"))
    });
    let exported: HashMap<_, _> = exported.collect();
    let mut found = Vec::new();
    for (file, code) in files(src) {
        let path = file.strip_prefix(src).expect("below").with_extension("");
        let module = path.to_string_lossy().replace('/', "::");
        if !module.starts_with(parent) || ["lib", "main"].contains(&&*module) {
            continue;
        }
        let file = file.display();
        let Some(own) = place(&module) else {
            found.push(format!("{file}: `{module}` is in no layer"));
            continue;
        };
        for (line, import) in [paths(&code, "crate::"), paths(&code, "super::")].concat() {
            let path = absolute(&module, &import);
            let path = exported.get(&first(&path)).cloned().unwrap_or(path);
            if let Some(upper) = place(&path).filter(|place| *place > own) {
                let (own, upper) = (layers[own], layers[upper]);
                found.push(format!(
                    "{file}:{line}: {import}: `{own}` is below `{upper}`"
                ));
            }
        }
    }
    found
}

/// Returns an import without `crate` and `super`, as `module` means it.
fn absolute(module: &str, import: &str) -> String {
    let rest = import.trim_start_matches("super::");
    let supers = (import.len() - rest.len()) / "super::".len();
    let mut path: Vec<_> = module.split("::").collect();
    path.truncate(path.len().saturating_sub(supers));
    match import.strip_prefix("crate::") {
        Some(path) => path.to_owned(),
        None => [path, vec![rest]].concat().join("::"),
    }
}

/// Returns the lines outside of unit tests that contain a text.
fn uses_of(text: &str, src: &Path, rule: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (file, code) in files(src) {
        let lines = code.lines().enumerate();
        for (index, line) in lines.filter(|(_, line)| line.contains(text)) {
            found.push(format!(
                "{}:{}: {}: {rule}",
                file.display(),
                index + 1,
                line.trim()
            ));
        }
    }
    found
}

/// Returns the source files below a folder with their code, without comments and unit tests.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<_> = paths.collect();
    paths.sort();
    paths.retain(|path| path.file_stem().is_some_and(|stem| stem != "tests"));
    let mut found = Vec::new();
    for path in paths {
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            let code = text
                .split("#[cfg(test)]\nmod tests {")
                .next()
                .unwrap_or_default();
            let line = |line: &str| line.split("//").next().unwrap_or_default().to_owned() + "\n";
            found.push((path, code.lines().map(line).collect()));
        }
    }
    found
}

/// Returns the paths that begin with `start`, one for each member of a group in braces, and their lines.
/// The path of a `use` begins behind it.
fn paths(code: &str, start: &str) -> Vec<(usize, String)> {
    let is_name = |character: char| character.is_alphanumeric() || "_:".contains(character);
    let path = |at: usize| {
        code[at..]
            .split(|other| !is_name(other))
            .next()
            .unwrap_or_default()
    };
    let mut found = Vec::new();
    for (at, _) in code.match_indices(start) {
        if code[..at].ends_with(is_name) {
            continue;
        }
        let at = at + if start.ends_with(' ') { start.len() } else { 0 };
        let (outer, mut members) = (path(at), vec![(at, "")]);
        if code[at + outer.len()..].starts_with('{') {
            let (mut depth, mut before) = (0, ' ');
            members.clear();
            let begin = at + outer.len();
            for (index, character) in code[begin..].char_indices() {
                if depth == 1 && "{,".contains(before) && is_name(character) {
                    members.push((begin + index, path(begin + index)));
                }
                depth += i32::from(character == '{') - i32::from(character == '}');
                if depth == 0 {
                    break;
                }
                if !character.is_whitespace() {
                    before = character;
                }
            }
        }
        for (index, member) in members {
            let line = code[..index].matches('\n').count() + 1;
            found.push((line, format!("{outer}{member}")));
        }
    }
    found
}
