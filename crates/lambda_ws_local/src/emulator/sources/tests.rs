use super::*;

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder to write to");
    std::fs::write(path, text).expect("a folder to write to");
}

#[tokio::test]
async fn crates_are_made_of_rust_manifests_and_what_they_include() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().canonicalize().expect("a folder");
    let package = |name: &str| format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n");
    let root = package("app") + "[workspace]\nmembers = [\"member\"]\n";
    let outside = "[dependencies]\noutside = { path = \"../outside\" }\n";
    write(&folder, "app/Cargo.toml", &(root + outside));
    write(&folder, "app/src/main.rs", "");
    write(&folder, "app/member/Cargo.toml", &package("member"));
    write(&folder, "app/member/src/lib.rs", "");
    write(&folder, "outside/Cargo.toml", &package("outside"));
    write(&folder, "outside/src/lib.rs", "");
    write(&folder, "app/target/CACHEDIR.TAG", "");
    write(&folder, "app/web/node_modules/x.rs", "");
    let app = folder.join("app");
    let rule = format!(
        "{0}/target/debug/app: {0}/a\\ b.html {0}/sql\n",
        app.display()
    );
    write(&app, "target/debug/app.d", &rule);

    let mut sources = Sources::of_crates(&app).await.expect("crates");
    // The environment of the test may set another target directory.
    if let Kind::Crates { target, .. } = &mut sources.kind {
        *target = app.join("target");
    }
    sources.built();
    for (path, matters) in [
        ("app/src/main.rs", true),
        ("app/src/new/deep.rs", true),
        ("app/member/src/lib.rs", true),
        ("outside/src/lib.rs", true),
        ("app/Cargo.toml", true),
        ("app/Cargo.lock", true),
        ("app/member/Cargo.toml", true),
        ("app/a b.html", true),
        ("app/sql/1.sql", true),
        ("app/README.md", false),
        ("app/other.html", false),
        ("app/target/debug/build/x/out/x.rs", false),
        ("app/web/node_modules/x.rs", false),
        ("app/src/.#main.rs", false),
        ("app/.git/x.rs", false),
        ("elsewhere/Cargo.toml", false),
    ] {
        assert_eq!(sources.matters(&folder.join(path)), matters, "{path}");
    }
    let directories = sources.directories();
    for (path, watched) in [
        ("app", true),
        ("app/src", true),
        ("app/member/src", true),
        ("outside/src", true),
        ("app/target", false),
        ("app/target/debug", false),
        ("app/web/node_modules", false),
    ] {
        assert_eq!(directories.contains(&folder.join(path)), watched, "{path}");
    }
    std::fs::create_dir_all(folder.join("app/src/new/deep")).expect("a folder");
    let below = sources.below(&folder.join("app/src/new"));
    assert!(below.contains(&folder.join("app/src/new/deep")));
    assert!(sources.below(&folder.join("app/target")).is_empty());
}

#[test]
fn a_script_is_made_of_the_files_of_its_kind() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().canonicalize().expect("a folder");
    for name in ["run", "app/main.py", "app/lib/a.py", "app/a.txt", "x/y.txt"] {
        write(&folder, name, "");
    }
    let script = folder.join("app/main.py");
    let args = ["-u".into(), script.into_os_string()];
    let python = Sources::of_program("python3".as_ref(), &args, &[]);
    let is = |sources: &Sources, name: &str| sources.matters(&folder.join(name));
    assert!(is(&python, "app/main.py") && is(&python, "app/lib/new.py"));
    assert!(!is(&python, "app/a.txt") && !is(&python, "other.py"));

    let chosen = [folder.join("x"), folder.join("app/a.txt")];
    let chosen = Sources::of_program("python3".as_ref(), &args, &chosen);
    assert!(is(&chosen, "app/main.py") && is(&chosen, "x/y.txt") && is(&chosen, "app/a.txt"));
    assert!(!is(&chosen, "app/lib/a.py") && !is(&chosen, "app/b.txt"));

    let run = Sources::of_program(folder.join("run").as_os_str(), &[], &[]);
    assert!(is(&run, "run") && !is(&run, "app/main.py"));
    assert_eq!(run.directories(), BTreeSet::from([folder.clone()]));
    let nothing = Sources::of_program("nosuch".as_ref(), &[], &[]);
    assert!(nothing.directories().is_empty() && !is(&nothing, "run"));
}
