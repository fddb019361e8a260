use super::*;
use crate::template::Options;

const TEMPLATE: &str = include_str!("../default.yaml");

fn template(text: &str) -> Template {
    let options = Options::default();
    Template::parse(text, Path::new("template.yaml"), &options).expect("a template")
}

#[test]
fn what_a_reload_cannot_apply_is_named() {
    let served = template(TEMPLATE);
    assert_eq!(only_by_restart(&served, &served), [""; 0]);
    // Lines are not what it is about.
    let moved = template(&format!("# A comment\n{TEMPLATE}"));
    assert_eq!(only_by_restart(&served, &moved), [""; 0]);
    let mut changed = served.clone();
    changed.apis[0].routes.pop();
    changed.apis[0].stage = "other".to_owned();
    changed.tables.clear();
    let names = only_by_restart(&served, &changed);
    assert_eq!(names, ["routes", "the stage", "tables"]);
}

#[test]
fn cargo_is_asked_where_it_is_told_to_run() {
    let folder = |args: &[&str]| {
        let args: Vec<_> = args.iter().map(Into::into).collect();
        assert!(is_cargo_run(&"/x/cargo".into(), &args));
        manifest_folder(&args)
    };
    assert_eq!(folder(&["run"]), Path::new("."));
    assert_eq!(
        folder(&["run", "--manifest-path", "a/Cargo.toml"]),
        Path::new("a")
    );
    let expected = Path::new(".");
    assert_eq!(folder(&["run", "--manifest-path=Cargo.toml"]), expected);
    let expected = Path::new(".");
    assert_eq!(folder(&["run", "--", "--manifest-path", "a/b"]), expected);
    assert!(!is_cargo_run(&"cargo".into(), &["lambda".into()]));
}
