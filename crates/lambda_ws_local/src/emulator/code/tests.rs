use super::super::Options;
use super::super::project::Project;
use super::*;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

/// A template whose API calls `Chat`, and other resources.
fn template(chat: &str, others: &str) -> String {
    format!(
        "Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
      Routes:
        $default: {{ FunctionArn: !GetAtt Chat.Arn }}
  Chat:
    Type: AWS::Serverless::Function
    Properties: {{ {chat} }}
{others}"
    )
}

/// The packages of functions that nothing here runs.
const PACKAGES: [(&str, &str); 8] = [
    (
        S3,
        "Handler: bootstrap, Runtime: provided.al2023, CodeUri: s3://b/k",
    ),
    (
        S3,
        "Handler: a.b, Runtime: nodejs20.x, CodeUri: { Bucket: b, Key: k }",
    ),
    (
        S3,
        "Handler: a.b, Runtime: nodejs20.x, CodeUri: !ImportValue code",
    ),
    (INLINE, "Handler: a.b, Runtime: nodejs20.x, InlineCode: 'x'"),
    (IMAGE, "PackageType: Image, ImageUri: 'a/b:c'"),
    (IMAGE, "PackageType: Image"),
    (NODE, "Handler: a.b, Runtime: nodejs20.x, CodeUri: ."),
    (PYTHON, "Handler: a.b, Runtime: python3.13"),
];
const S3: &str = "its code is an archive in S3";
const INLINE: &str = "its code is written in the template";
const IMAGE: &str = "its code is a container image";
const NODE: &str = "the runtime `nodejs20.x` is not available here";
const PYTHON: &str = "the runtime `python3.13` is not available here";

struct Folder(TempDir);

impl Folder {
    fn new(template: &str) -> Self {
        let folder = Self(tempfile::tempdir().expect("a folder"));
        folder.write("template.yaml", template);
        folder
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        path
    }

    fn bootstrap(&self, folder: &str, mode: u32) {
        let path = self.write(&format!("{folder}/bootstrap"), "#!/bin/sh\n");
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("a mode");
    }

    fn options(&self, args: &[&str]) -> Options {
        let template = self.0.path().join("template.yaml");
        let template = template.to_str().expect("a path");
        let args = [&["--template", template], args].concat();
        Options::parse(&args).expect("arguments")
    }

    /// The functions that run with these arguments, and what is noted; or why not all routes have one.
    async fn runs(&self, args: &[&str]) -> Result<(Vec<String>, Vec<String>), String> {
        let options = self.options(args);
        let urls = &options.invoke_urls;
        let failed = |failure: super::super::failure::Failure| failure.text().to_owned();
        let project = Project::read(&Arc::new(options.project), urls).map_err(failed)?;
        let is_given = |function: &Function| project.given(function).is_some();
        urls.check(project.functions(), is_given).map_err(failed)?;
        let mut run = Vec::new();
        for function in project.functions() {
            if urls.remote(function).map_err(failed)?.is_none() {
                project.program(function).await.map_err(failed)?;
            }
            run.push(function.logical_id.clone());
        }
        let notes = project.template().notes.iter().map(ToString::to_string);
        Ok((run, notes.collect()))
    }
}

#[tokio::test]
async fn fault_f13_packaged_inline_and_image_functions_are_accepted_if_something_else_runs_them() {
    for (_, chat) in PACKAGES {
        let folder = Folder::new(&template(chat, ""));
        for args in [
            &["--invoke-url", "http://127.0.0.1:3002"][..],
            &["--invoke-url", "Chat=http://127.0.0.1:3002"],
            &["--", "./program"],
            &["--function", "Chat", "--", "./program"],
        ] {
            let (run, notes) = folder.runs(args).await.expect(chat);
            assert_eq!(run, ["Chat"], "{chat}");
            assert!(notes.is_empty(), "{chat}: {notes:?}");
        }
    }
}

#[tokio::test]
async fn fault_f13_functions_that_no_route_uses_and_that_cannot_run_are_left_out_with_a_note() {
    for (why, other) in PACKAGES {
        let other = format!(
            "  Other:\n    Type: AWS::Serverless::Function\n    Properties: {{ {other} }}\n"
        );
        let chat = "Handler: bootstrap, Runtime: provided.al2023, CodeUri: chat";
        let folder = Folder::new(&template(chat, &other));
        let expected = format!("line 12: skipped function `Other`, which no route uses: {why}");
        let (run, notes) = folder.runs(&["--", "./program"]).await.expect(&other);
        assert_eq!((run, notes), (vec!["Chat".to_owned()], vec![expected]));
        // Somebody who has it run elsewhere, or runs it here, has it.
        let elsewhere = ["--invoke-url", "Other=http://127.0.0.1:3002"];
        let here = ["--function", "Chat", "--", "./program"];
        let args = [&elsewhere[..], &here].concat();
        let (run, notes) = folder.runs(&args).await.expect(&other);
        assert_eq!((run.len(), notes.len()), (2, 0));
        folder.bootstrap("chat", 0o755);
        let here = ["--function", "Other", "--", "./program"];
        let (run, notes) = folder.runs(&here).await.expect(&other);
        assert_eq!((run.len(), notes.len()), (2, 0));
    }
}

/// The fixes that an error names: the options after `with`, and the folder that needs a `bootstrap`.
fn fixes_of(error: &str) -> Vec<Vec<String>> {
    let (_, fixes) = error.split_once("; ").expect("a fix");
    let options = fixes
        .split(", or ")
        .filter_map(|fix| fix.rsplit_once(" with "));
    let words = |(_, options): (&str, &str)| options.split(' ').map(str::to_owned).collect();
    options.map(words).collect()
}

#[tokio::test]
async fn fault_f14_every_fix_of_a_function_without_a_program_works() {
    for (why, chat) in PACKAGES {
        let folder = Folder::new(&template(chat, ""));
        let error = folder.runs(&[]).await.expect_err(chat);
        let expected = format!("function `Chat` cannot run here: {why}; ");
        assert!(error.contains(&expected), "{error}");
        // It would not help.
        assert!(!error.contains("bootstrap"), "{chat}: {error}");
        let fixes = fixes_of(&error);
        assert_eq!(fixes.len(), 2, "{error}");
        for fix in fixes {
            let args: Vec<_> = fix.iter().map(String::as_str).collect();
            let fixed = folder.runs(&args).await.is_ok();
            assert!(fixed, "{fix:?} does not fix {error}");
        }
    }
}

#[tokio::test]
async fn fault_f14_a_bootstrap_is_asked_for_only_where_it_is_run() {
    let chat = "Handler: bootstrap, Runtime: provided.al2, CodeUri: chat";
    let folder = Folder::new(&template(chat, ""));
    let error = folder.runs(&[]).await.expect_err("there is no folder");
    let expected = "put an executable `bootstrap` into";
    assert!(error.contains(expected), "{error}");
    folder.bootstrap("chat", 0o644);
    let error = folder.runs(&[]).await.expect_err("it is not executable");
    assert!(error.contains("bootstrap is not executable"), "{error}");
    folder.bootstrap("chat", 0o755);
    folder.runs(&[]).await.expect("a program");
}

#[tokio::test]
async fn fault_f14_two_functions_are_run_in_two_ways() {
    let chat = "Handler: a.b, Runtime: nodejs20.x";
    let auth = "  Auth:\n    Type: AWS::Serverless::Function\n    Properties: { Handler: a.b, Runtime: nodejs20.x }\n";
    let to = "        $connect: { FunctionArn: !GetAtt Auth.Arn }\n        $default:";
    let text = template(chat, auth).replace("        $default:", to);
    let folder = Folder::new(&text);
    let program = ["--function", "Chat", "--", "./program"];
    let error = folder.runs(&program).await.expect_err("Auth does not run");
    let fixes = fixes_of(&error);
    assert!(error.contains("`Auth`") && fixes.len() == 1, "{error}");
    let fix = fixes[0].iter().map(String::as_str);
    let args: Vec<_> = fix.chain(program).collect();
    let (run, _) = folder.runs(&args).await.expect("both run");
    assert_eq!(run, ["Chat", "Auth"]);
    let twice = ["--invoke-url", "Chat=http://127.0.0.1:3002"];
    let args: Vec<_> = twice.into_iter().chain(program).collect();
    let error = folder.runs(&args).await.expect_err("Chat runs twice");
    assert!(
        error.contains("both a program after `--` and an --invoke-url"),
        "{error}"
    );
}

#[tokio::test]
async fn the_output_of_sam_build_runs_without_cargo() {
    let chat = "Handler: bootstrap, Runtime: provided.al2023, CodeUri: Chat";
    let text = template(chat, "");
    let to = "    Metadata: { BuildMethod: rust-cargolambda }\n    Properties: { Handler";
    let text = text.replace("    Properties: { Handler", to);
    let folder = Folder::new(&text);
    folder.bootstrap("Chat", 0o755);
    let (run, _) = folder.runs(&[]).await.expect("a program");
    assert_eq!(run, ["Chat"]);
}

#[tokio::test]
async fn functions_that_cargo_builds_into_the_same_program_share_the_given_program() {
    let built = |binary: &str| {
        format!(
            "    Metadata: {{ BuildMethod: rust-cargolambda, BuildProperties: {{ Binary: {binary} }} }}\n    \
             Type: AWS::Serverless::Function\n    \
             Properties: {{ Handler: bootstrap, Runtime: provided.al2023, CodeUri: . }}\n"
        )
    };
    let properties = "Handler: bootstrap, Runtime: provided.al2023, CodeUri: .";
    let with = |tasks: &str| {
        let text = template(properties, &format!("  Tasks:\n{}", built(tasks)));
        let chat =
            format!("    Type: AWS::Serverless::Function\n    Properties: {{ {properties} }}\n");
        let changed = text.replacen(&chat, &built("chat"), 1);
        assert_ne!(text, changed);
        Folder::new(&changed)
    };
    let same = with("chat");
    let both = vec!["Chat".to_owned(), "Tasks".to_owned()];
    for args in [
        &["--", "./program"][..],
        &["--function", "Chat", "--", "./program"],
        &["--function", "Tasks", "--", "./program"],
    ] {
        let (run, notes) = same.runs(args).await.expect("both run");
        assert_eq!((&run, notes.len()), (&both, 0), "{args:?}");
    }
    let error = with("tasks").runs(&["--", "./program"]).await;
    let error = error.expect_err("two programs");
    assert!(error.contains("--function: Chat, Tasks"), "{error}");
}

/// A folder with two binaries, and a function whose code is an asset of the CDK with this program and metadata.
fn asset(program: &str, metadata: &str) -> Folder {
    let text = template("Handler: bootstrap, Runtime: provided.al2023", "");
    let to = format!(
        "    Metadata: {{ 'aws:asset:path': cdk.out/asset.1{metadata} }}\n    Properties: {{ Handler"
    );
    let folder = Folder::new(&text.replace("    Properties: { Handler", &to));
    folder.write("Cargo.toml", "[package]\nname = \"chat\"\n");
    for name in ["src/main.rs", "src/bin/orders.rs"] {
        folder.write(name, "fn main() {}");
    }
    folder.write("target/lambda/orders/bootstrap", "the /rustc/ program");
    folder.write("cdk.out/asset.1/bootstrap", program);
    folder
}

/// The folder and the method with which a project builds its function, and its notes.
fn built(folder: &Folder) -> (PathBuf, Build, Vec<String>) {
    let options = folder.options(&[]);
    let project = Project::read(&Arc::new(options.project), &options.invoke_urls);
    let project = project.unwrap_or_else(|failure| panic!("{}", failure.text()));
    let notes = project.template().notes.iter().map(ToString::to_string);
    let function = &project.functions()[0];
    (
        function.code.clone(),
        function.build.clone(),
        notes.collect(),
    )
}

#[test]
fn the_program_of_a_cdk_asset_is_built_by_cargo() {
    let binary = Some("orders".to_owned());
    let build = Build::RustCargoLambda { binary };
    let metadata = ", BuildMethod: rust-cargolambda, BuildProperties: { Binary: orders }";
    for (program, metadata) in [("the /rustc/ program", ""), ("another one", metadata)] {
        let folder = asset(program, metadata);
        let expected = (folder.0.path().to_owned(), build.clone(), Vec::new());
        assert_eq!(built(&folder), expected);
    }
}

#[test]
fn an_asset_that_can_be_any_of_several_binaries_is_a_warning_with_the_fix() {
    let (code, build, notes) = built(&asset("an older /rustc/ program", ""));
    assert!(code.ends_with("cdk.out/asset.1"), "{}", code.display());
    assert_eq!(build, Build::Other(None));
    assert_eq!(notes.len(), 1, "{notes:?}");
    for expected in [
        "chat, orders",
        "run `cdk synth` again",
        "`BuildProperties: { Binary: NAME }`",
    ] {
        assert!(notes[0].contains(expected), "{notes:?}");
    }
}
