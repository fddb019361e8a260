//! Admin events by the command line.

use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tests::{Ended, Gateway, Program, Setup, example, gateway as program, root, within};
use tokio::net::TcpListener;
use tokio::time::sleep;

/// A gateway whose function accepts admin events, and the URL of its Lambda API.
async fn operated() -> (Gateway, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener
        .local_addr()
        .expect("an address")
        .port()
        .to_string();
    drop(listener);
    let setup = Setup::new().args(["--env", "ADMIN=on", "--lambda-port", &port]);
    let gateway = setup.program([example("admin")]).start().await;
    (gateway, format!("http://127.0.0.1:{port}"))
}

fn base(gateway: &Gateway) -> &str {
    gateway.management.split_once("/dev/").expect("a stage").0
}

fn start(args: &[&str]) -> Program {
    Program::start(&program(), &root(), args)
}

/// Sends a command to a gateway.
async fn admin(gateway: &Gateway, args: &[&str]) -> Ended {
    let args = [&["admin", "--url", base(gateway)], args].concat();
    start(&args).ended().await
}

/// Sends a command in an environment of these variables only.
async fn with_variables(variables: &[&str], args: &[&str]) -> Ended {
    let program = program();
    let program = program.to_str().expect("UTF-8");
    let line = [&["-i"], variables, &[program, "admin"], args].concat();
    Program::start(Path::new("/usr/bin/env"), &root(), line)
        .ended()
        .await
}

/// Returns the JSON of each line.
fn lines(ended: &Ended) -> Vec<Value> {
    let line = |line: &String| serde_json::from_str(line).expect("a line of JSON");
    ended.stdout.iter().map(line).collect()
}

#[tokio::test]
async fn an_operator_counts_lists_shows_and_disconnects_connections() {
    let (gateway, _) = operated().await;
    let mut ann = gateway.client("user=ann&room=tea").await;
    let _phone = gateway.client("user=ann").await;
    let mut eve = gateway.client("user=eve&room=tea").await;

    for (args, count) in [
        (&["count"][..], "3"),
        (&["count", "--room", "tea"], "2"),
        (&["count", "--user", "ann"], "2"),
        (&["count", "--room", "no \u{1f375} \"here\""], "0"),
    ] {
        let ended = admin(&gateway, args).await;
        assert_eq!(
            (ended.code, &*ended.stdout),
            (Some(0), &[count.to_owned()][..])
        );
    }
    let listed = lines(&admin(&gateway, &["list", "--details", "--json"]).await);
    assert_eq!(listed.len(), 3);
    let of_eve = listed.iter().find(|row| row["user"] == "eve").expect("eve");
    assert_eq!(of_eve["rooms"], json!(["tea"]));
    let id = of_eve["connection"].as_str().expect("an id");

    let table = admin(&gateway, &["list", "--details"]).await.stdout;
    assert_eq!(table.len(), 4, "{table:?}");
    let column = table[0].find("USER").expect("a header");
    let users = table[1..].iter().map(|line| &line[column..column + 3]);
    let mut users: Vec<_> = users.collect();
    users.sort_unstable();
    assert_eq!(users, ["ann", "ann", "eve"], "{table:?}");
    assert!(
        !table.concat().contains('\u{1b}'),
        "colours are for terminals"
    );
    let first = admin(&gateway, &["list", "--limit", "1"]).await;
    assert_eq!(first.stdout.len(), 2, "{first:?}");
    assert!(first.stderr[0].contains("raise --limit"), "{first:?}");

    let shown = admin(&gateway, &["show", id]).await.stdout.join("\n");
    assert!(
        shown.contains("127.0.0.1") && !shown.contains("guest"),
        "{shown}"
    );
    let shown = lines(&admin(&gateway, &["show", id, "--session", "--json"]).await);
    assert_eq!(shown[0]["session"], json!({"role": "guest"}));
    assert_eq!(shown[0]["client"]["sourceIp"], "127.0.0.1");
    let nobody = admin(&gateway, &["show", "AaVuMkdHd_QnW8c="]).await;
    assert_eq!((nobody.code, nobody.stdout.len()), (Some(3), 0));

    let sent = admin(&gateway, &["broadcast", "--room", "tea", "hello"]).await;
    assert_eq!(
        (sent.code, &*sent.stdout[0]),
        (Some(0), "2 sent"),
        "{sent:?}"
    );
    assert_eq!(within("a message", eve.text()).await, "hello");
    assert_eq!(within("a message", ann.text()).await, "hello");
    let closed = admin(&gateway, &["disconnect", "--user", "eve"]).await;
    assert_eq!((closed.code, &*closed.stdout[0]), (Some(0), "1 closed"));
    assert_eq!(within("the end", eve.closed()).await.0, 1000);
    let closed = admin(
        &gateway,
        &["disconnect", "--room", "tea", "--yes", "--json"],
    )
    .await;
    assert_eq!(lines(&closed)[0]["closed"], 1);
    let nobody = admin(&gateway, &["disconnect", "--room", "nowhere"]).await;
    assert_eq!(nobody.code, Some(3), "{nobody:?}");
    assert!(
        nobody.stderr[0].contains("no such connection"),
        "{nobody:?}"
    );
    let tasks = admin(&gateway, &["tasks"]).await;
    assert_eq!((tasks.code, tasks.stdout.len()), (Some(0), 0), "{tasks:?}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_rejected_command_is_an_error_with_its_reason() {
    let (gateway, _) = operated().await;
    for (args, reason) in [
        (&["count", "--room", ""][..], "1 to 256"),
        (&["follow", "tea"], "`Channels::history`"),
        (&["show", ""], "1 to 256"),
        (&["count", "--region", "eu-west-1"], "add --function"),
        (&["count", "--function", "Nobody"], "unknown function"),
    ] {
        let ended = admin(&gateway, args).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.errors()[0].contains(reason), "{ended:?}");
    }
    gateway.stop().await;
    let nowhere = start(&["admin", "count", "--url", "http://127.0.0.1:1"]);
    let nowhere = nowhere.ended().await;
    assert!(
        nowhere.errors()[0].contains("no gateway is running"),
        "{nowhere:?}"
    );
}

#[tokio::test]
async fn a_program_without_the_switch_names_the_fix() {
    let gateway = Gateway::chat().await;
    let off = admin(&gateway, &["count"]).await;
    assert_eq!(off.code, Some(1));
    assert!(off.errors()[0].contains("`Router::admin()`"), "{off:?}");
    gateway.stop().await;
}

#[tokio::test]
async fn a_deployed_function_is_reached_by_lambdas_api() {
    let (gateway, lambda) = operated().await;
    let _ann = gateway.client("user=ann&room=tea").await;
    let id = ["AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=secret"];
    let keys = [&id[..], &["AWS_REGION=eu-west-1"]].concat();
    let count = ["count", "--room", "tea", "--endpoint-url", &lambda];
    let with = |args: &[&'static str]| [&count[..], args].concat();
    for function in [
        "Chat",
        "arn:aws:lambda:us-east-1:000000000000:function:Chat:$LATEST",
    ] {
        let args = [&count[..], &["--function", function]].concat();
        let ended = with_variables(&keys, &args).await;
        assert_eq!(
            (ended.code, &*ended.stdout),
            (Some(0), &["1".to_owned()][..]),
            "{ended:?}"
        );
    }
    for (variables, args, reason) in [
        (
            &keys[..],
            with(&["--function", "Nobody"]),
            "there is no function `Nobody` in eu-west-1",
        ),
        (
            &id[..],
            with(&["--function", "Chat"]),
            "the Region is unknown",
        ),
        (
            &["AWS_REGION=x"][..],
            with(&["--function", "Chat"]),
            "no AWS credentials",
        ),
        (
            &keys,
            vec![
                "follow",
                "tea",
                "--function",
                "Chat",
                "--endpoint-url",
                &lambda,
            ],
            "has no history",
        ),
        (
            &keys,
            vec!["count", "--function", "Chat", "--endpoint-url", "ftp://x"],
            "--endpoint-url https",
        ),
    ] {
        let ended = with_variables(variables, &args).await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.errors()[0].contains(reason), "{ended:?}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn the_aws_cli_provides_the_credentials_of_a_profile() {
    use std::os::unix::fs::PermissionsExt;

    let (gateway, lambda) = operated().await;
    let folder = tempfile::tempdir().expect("a folder");
    let script = "#!/bin/sh
case \"$*\" in
'configure get region --profile ops') echo eu-west-1 ;;
'configure export-credentials --format process --profile ops')
    echo '{\"Version\": 1, \"AccessKeyId\": \"a\", \"SecretAccessKey\": \"b\", \"SessionToken\": \"c\"}' ;;
*'--profile old') echo 'usage: aws [options]
aws: error: argument subcommand: Invalid choice, valid choices are:' >&2; exit 252 ;;
*) echo \"unknown profile: $*\" >&2; exit 255 ;;
esac
";
    tests::write(folder.path(), "aws", script);
    let path = folder.path().join("aws");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&path, mode).expect("a mode");
    let path = format!("PATH={}:/usr/bin:/bin", folder.path().display());
    let count = ["count", "--function", "Chat", "--endpoint-url", &lambda];
    let ended = with_variables(&[&path], &[&count[..], &["--profile", "ops"]].concat()).await;
    assert_eq!(
        (ended.code, &*ended.stdout),
        (Some(0), &["0".to_owned()][..]),
        "{ended:?}"
    );
    let other = ["--profile", "other", "--region", "us-east-1"];
    let ended = with_variables(&[&path], &[&count[..], &other].concat()).await;
    assert_eq!(ended.code, Some(1));
    let expected = "no credentials of the profile `other`: unknown profile";
    assert!(ended.errors()[0].contains(expected), "{ended:?}");
    let old = ["--profile", "old", "--region", "us-east-1"];
    let ended = with_variables(&[&path], &[&count[..], &old].concat()).await;
    assert_eq!((ended.code, ended.errors().len()), (Some(1), 1));
    let expected = "the AWS CLI here is version 1, which cannot export credentials";
    assert!(ended.errors()[0].ends_with(expected), "{ended:?}");
    gateway.stop().await;
}

#[tokio::test]
async fn an_endpoint_with_https_is_verified_with_the_certificates_of_aws_ca_bundle() {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = folder.path().join("ca.pem");
    let bundle = bundle.to_str().expect("UTF-8");
    let setup = Setup::new().args(["--tls", "--tls-cert-out", bundle, "--env", "ADMIN=on"]);
    let gateway = setup.program([example("admin")]).start().await;
    let url = gateway.url.replace("wss://", "https://");
    let keys = [
        "AWS_ACCESS_KEY_ID=test",
        "AWS_SECRET_ACCESS_KEY=secret",
        "AWS_REGION=us-east-1",
    ];
    let count = ["count", "--function", "Chat", "--endpoint-url", &url];
    // The management API has no functions, but the TLS handshake succeeds.
    let trusted = format!("AWS_CA_BUNDLE={bundle}");
    let ended = with_variables(&[&keys[..], &[&trusted]].concat(), &count).await;
    assert!(ended.errors()[0].contains("(403)"), "{ended:?}");
    let other = root().join("crates/lambda_ws/src/tls/amazon.pem");
    let other = format!("AWS_CA_BUNDLE={}", other.display());
    let ended = with_variables(&[&keys[..], &[&other]].concat(), &count).await;
    assert!(ended.errors()[0].contains("certificate"), "{ended:?}");
    gateway.stop().await;
}

#[tokio::test]
async fn follow_prints_messages_survives_failures_and_ends_with_ctrl_c() {
    let (gateway, _) = operated().await;
    let say = async |text: &str| {
        let sent = admin(&gateway, &["broadcast", "--room", "chat/tea", text]).await;
        assert_eq!(sent.code, Some(0), "{sent:?}");
    };
    let url = base(&gateway).to_owned();
    let args = [
        "admin",
        "follow",
        "chat/tea",
        "--interval",
        "0.2",
        "--url",
        &url,
    ];
    let mut text = start(&args);
    let mut json = start(&[&args[..], &["--json"]].concat());
    // A position is known when a message that was said later arrives.
    let mut number = 0;
    while text.stdout.now().is_empty() || json.stdout.now().is_empty() {
        number += 1;
        assert!(number < 100, "nothing is followed");
        say(&format!("early {number}")).await;
        sleep(Duration::from_millis(100)).await;
    }
    gateway.admin("PATCH", "faults", "crash=100%").await;
    let noted = text
        .stderr
        .find(|line| line.contains("another attempt follows"));
    assert!(within("a note", noted).await.is_some());
    gateway.admin("PATCH", "faults", "crash=off").await;
    say("the \u{1b}[31mend").await;
    let is_last = |line: &str| line.contains("[31mend");
    let last = within("the last message", text.stdout.find(is_last)).await;
    assert!(last.is_some());
    assert!(
        within("the last message", json.stdout.find(is_last))
            .await
            .is_some()
    );
    for program in [text, json] {
        program.signal(Signal::INT);
        let ended = program.ended().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let all = ended.stdout.concat();
        assert!(!all.contains('\u{1b}'), "{all:?}");
        let early = ended.stdout.iter().filter(|line| line.contains("early"));
        let early: Vec<_> = early.collect();
        assert!(
            early.len() <= number && !early.is_empty(),
            "each once: {early:?}"
        );
    }
    gateway.stop().await;
}
