use crate::template::doctor::tests::{SAM, broken, without};
use crate::template::doctor::{LibraryRules, examine};
use crate::template::evaluate::Options;
use std::path::Path;

const RULE: &str = "          CONNECTIONS_TABLE: !Ref Connections\n";
const CODE: &str = "      CodeUri: .\n";

/// Whether the checks for the library apply to a template in a folder with these files.
fn applies(template: &str, files: &[(&str, &str)]) -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    let path = folder.path().join("template.yaml");
    let template = without(template, RULE);
    let examination = examine(&template, &path, &Options::default(), LibraryRules::Detect);
    let findings = examination.expect("it is a template").findings;
    findings.iter().any(|one| one.check == "connections-table")
}

fn manifest(name: &str, dependencies: &str) -> String {
    format!("[package]\nname = \"{name}\"\n[dependencies]\n{dependencies}\n")
}

#[test]
fn fault_f8_rules_apply_to_crates_that_depend_on_the_library() {
    for dependency in [
        "lambda_ws = \"0.1\"",
        "lambda_ws = { version = \"0.1\", default-features = false }",
        "ws = { package = \"lambda_ws\", version = \"0.1\" }",
        "[dependencies.lambda_ws]\nversion = \"0.1\"",
        "[target.'cfg(unix)'.dependencies]\nlambda_ws = \"0.1\"",
    ] {
        let files = [("Cargo.toml", &*manifest("chat", dependency))];
        assert!(applies(SAM, &files), "{dependency}");
    }
    for other in [
        "lambda_runtime = \"1\"",
        "[dev-dependencies]\nlambda_ws = \"0.1\"",
        "lambda_ws_local = \"0.1\"",
    ] {
        let files = [("Cargo.toml", &*manifest("chat", other))];
        assert!(!applies(SAM, &files), "{other}");
    }
}

#[test]
fn fault_f8_rules_do_not_apply_to_other_programs() {
    assert!(!applies(SAM, &[]), "without a crate");
    assert!(!applies(SAM, &[("main.go", "package main")]), "of Go");
    let rust = [("Cargo.toml", &*manifest("chat", "lambda_ws = \"0.1\""))];
    let node = broken(SAM, "Runtime: provided.al2023", "Runtime: nodejs22.x");
    assert!(!applies(&node, &rust), "of another runtime");
    let folder = broken(SAM, CODE, "      CodeUri: functions/go\n");
    assert!(!applies(&folder, &rust), "in a folder of a project in Rust");
    for packaged in [
        "s3://bucket/key",
        "{ Bucket: bucket, Key: key }",
        "!ImportValue Code",
    ] {
        let packaged = broken(SAM, CODE, &format!("      CodeUri: {packaged}\n"));
        assert!(!applies(&packaged, &rust), "whose source is elsewhere");
    }
}

#[test]
fn fault_f8_the_member_of_a_workspace_is_found() {
    let workspace = "[workspace]\nmembers = [\"crates/*\"]\n[workspace.dependencies]\nlambda_ws = \"0.1\"\nws = { package = \"lambda_ws\", version = \"0.1\" }\n";
    let built = |binary: &str| {
        let metadata = format!(
            "    Metadata: {{ BuildMethod: rust-cargolambda, BuildProperties: {{ Binary: {binary} }} }}\n    Type: AWS::Serverless::Function\n"
        );
        broken(SAM, "    Type: AWS::Serverless::Function\n", &metadata)
    };
    for inherited in [
        "lambda_ws.workspace = true",
        "ws = { workspace = true }",
        "core = { path = \"../core\" }",
    ] {
        let chat = manifest("chat", inherited);
        let core = manifest("core", "lambda_ws = \"0.1\"");
        let other = manifest("other", "serde = \"1\"");
        let files = [
            ("Cargo.toml", workspace),
            ("crates/chat/Cargo.toml", &chat),
            ("crates/chat/src/main.rs", ""),
            ("crates/core/Cargo.toml", &core),
            ("crates/other/Cargo.toml", &other),
            ("crates/other/src/main.rs", ""),
        ];
        assert!(applies(&built("chat"), &files), "{inherited}");
        assert!(!applies(&built("other"), &files), "{inherited}");
        let member = broken(SAM, CODE, "      CodeUri: crates/chat\n");
        assert!(applies(&member, &files), "{inherited}");
        let finished = broken(SAM, CODE, "      CodeUri: target/lambda/chat\n");
        assert!(applies(&finished, &files), "{inherited}");
        let finished = broken(SAM, CODE, "      CodeUri: target/lambda/other\n");
        assert!(!applies(&finished, &files), "{inherited}");
    }
}

#[test]
fn fault_f8_rules_apply_on_request() {
    let text = without(SAM, RULE);
    let path = Path::new("nowhere/template.yaml");
    let examination = examine(&text, path, &Options::default(), LibraryRules::Always);
    let findings = examination.expect("it is a template").findings;
    assert_eq!(findings[0].check, "connections-table");
}
