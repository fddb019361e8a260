use super::*;

fn new(name: &str, path: &Path) -> New {
    New {
        name: name.to_owned(),
        path: Some(path.to_owned()),
        deploy: files::Deploy::Sam,
        lambda_ws: None,
    }
}

fn refused(new: New) -> String {
    new.run().expect_err("it is refused").text().to_owned()
}

#[test]
fn a_project_is_made_in_a_folder_that_is_empty() {
    let folder = tempfile::tempdir().expect("a folder");
    for path in [folder.path().join("a/b"), folder.path().join("empty")] {
        if path.ends_with("empty") {
            std::fs::create_dir(&path).expect("a folder");
        }
        new("tea-room", &path).run().expect("it is made");
        let manifest = std::fs::read_to_string(path.join("Cargo.toml")).expect("a manifest");
        assert!(manifest.contains("name = \"tea-room\"\n"), "{manifest}");
        let expected = format!("lambda_ws = \"{}\"\n", published());
        assert!(manifest.contains(&expected), "{manifest}");
        assert!(refused(new("tea-room", &path)).contains("exists and is not empty"));
    }
}

#[test]
fn a_project_contains_the_files_of_one_deployment_tool() {
    let folder = tempfile::tempdir().expect("a folder");
    for (deploy, own, other) in [
        (files::Deploy::Sam, "template.yaml", "cdk.json"),
        (files::Deploy::Cdk, "cdk.json", "template.yaml"),
    ] {
        let path = folder.path().join(own);
        let mut new = new("tea_room", &path);
        new.deploy = deploy;
        new.run().expect("it is made");
        assert!(path.join(own).is_file() && !path.join(other).exists());
        let ignored = std::fs::read_to_string(path.join(".gitignore")).expect("a file");
        let is_cdk = deploy == files::Deploy::Cdk;
        assert_eq!(ignored.contains("/cdk.out\n"), is_cdk, "{ignored}");
    }
}

/// Returns what cargo reads as the dependency on the library in the manifest of a project.
fn dependency(project: &Path) -> toml::Value {
    let manifest = std::fs::read_to_string(project.join("Cargo.toml")).expect("a manifest");
    let manifest: toml::Table = manifest.parse().expect("it is TOML");
    let rust_version = manifest["package"]["rust-version"].as_str();
    assert_eq!(rust_version, Some(env!("CARGO_PKG_RUST_VERSION")));
    manifest["dependencies"]["lambda_ws"].clone()
}

#[test]
fn a_project_is_optimized_like_the_programs_of_this_workspace() {
    let folder = tempfile::tempdir().expect("a folder");
    let project = folder.path().join("tea-room");
    new("tea-room", &project).run().expect("it is made");
    let profile = |manifest: &Path| {
        let manifest = std::fs::read_to_string(manifest).expect("a manifest");
        let manifest: toml::Table = manifest.parse().expect("it is TOML");
        manifest["profile"]["release"].clone()
    };
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.toml");
    let mut expected = profile(&workspace);
    // The local gateway is not a part of a project.
    let packages = expected["package"].as_table_mut().expect("packages");
    packages.retain(|_, package| package["opt-level"].as_str() == Some("z"));
    assert_eq!(profile(&project.join("Cargo.toml")), expected);
}

#[test]
fn a_project_depends_on_the_published_version_of_this_gateway() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("tea");
    new("tea", &path).run().expect("it is made");
    let version = env!("CARGO_PKG_VERSION");
    let wanted = dependency(&path);
    let wanted = wanted.as_str().expect("a version and no path");
    assert!(version.starts_with(wanted), "{wanted} selects {version}");
    for (version, wanted) in [
        ("0.1.0", "0.1"),
        ("0.2.7", "0.2"),
        ("1.4.2", "1.4"),
        ("0.1.0-alpha.1", "0.1.0-alpha.1"),
    ] {
        assert_eq!(requirement(version), wanted);
    }
}

#[test]
fn a_project_of_a_checkout_depends_on_the_absolute_path_of_the_library() {
    let folder = tempfile::tempdir().expect("a folder");
    // A name that TOML must quote.
    let checkout = folder.path().join("the \"old\" checkout");
    let library = checkout.join("crates/lambda_ws");
    std::fs::create_dir_all(&library).expect("a folder");
    let manifest = "[package]\nname = \"lambda_ws\"\n";
    std::fs::write(library.join("Cargo.toml"), manifest).expect("a file");
    let path = folder.path().join("tea");
    let mut new = new("tea", &path);
    new.lambda_ws = Some(checkout);
    new.run().expect("it is made");
    let expected = library.canonicalize().expect("it is there");
    assert_eq!(dependency(&path)["path"].as_str(), expected.to_str());
}

#[test]
fn what_is_in_the_way_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "mine").expect("a file");
    assert!(refused(new("tea", &file)).contains("is a file"));
    assert!(refused(new("tea", &file.join("below"))).contains("--path"));
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "mine");
}

#[test]
fn a_project_inside_of_a_workspace_is_one_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let workspace = "[workspace]\nmembers = []\n";
    std::fs::write(folder.path().join("Cargo.toml"), workspace).expect("a file");
    let path = folder.path().join("tea");
    new("tea", &path).run().expect("it is made");
    let manifest = std::fs::read_to_string(path.join("Cargo.toml")).expect("a manifest");
    assert!(manifest.ends_with("[workspace]\n"), "{manifest}");
}

#[test]
fn the_library_is_one_of_a_checkout() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = here.parent().expect("the crates");
    let expected = crates
        .join("lambda_ws")
        .canonicalize()
        .expect("the library");
    for path in [crates.join("lambda_ws"), crates.join("..")] {
        assert_eq!(library(&path).expect("it is there"), expected);
    }
    let error = library(here).expect_err("another crate");
    let expected = "is not a checkout of lambda_ws";
    assert!(error.text().contains(expected), "{error:?}");
    assert_eq!(checkout_around(here), crates.join("..").canonicalize().ok());
}
