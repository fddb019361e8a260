//! What the command line says of itself.

use tests::{Ended, Program, gateway, root};

async fn run(args: &[&str]) -> Ended {
    Program::start(&gateway(), &root(), args).ended().await
}

#[tokio::test]
async fn every_command_helps_with_examples() {
    for args in [
        &["--help"][..],
        &["connect", "--help"],
        &["cost", "--help"],
        &["invoke", "--help"],
        &["faults", "--help"],
        &["doctor", "--help"],
        &["new", "--help"],
        &["publish", "--help"],
        &["admin", "--help"],
        &["admin", "count", "--help"],
        &["admin", "list", "--help"],
        &["admin", "show", "--help"],
        &["admin", "disconnect", "--help"],
        &["admin", "broadcast", "--help"],
        &["admin", "follow", "--help"],
        &["admin", "tasks", "--help"],
    ] {
        let ended = run(args).await;
        assert_eq!(ended.code, Some(0), "{args:?}");
        let help = ended.stdout.join("\n");
        assert!(help.contains("Examples:"), "{args:?}: {help}");
        assert!(help.contains("lambda-ws-local"), "{args:?}: {help}");
        assert_eq!(ended.stderr, [""; 0]);
    }
    for args in [&["-h"][..], &["help"], &["--version"]] {
        assert_eq!(run(args).await.code, Some(0), "{args:?}");
    }
}

#[tokio::test]
async fn an_unknown_flag_is_a_usage_error() {
    for args in [
        &["--prot", "0"][..],
        &["connect", "--nosuch", "ws://x"],
        &["cost", "--nosuch"],
        &["invoke", "--nosuch"],
        &["faults", "--nosuch"],
        &["publish", "--nosuch"],
        &["publish", "hello"],
        &["publish", "--everyone", "--room", "tea", "hello"],
        &["admin", "explode"],
        &["admin", "count", "--room", "tea", "--user", "ann"],
        &["admin", "disconnect"],
        &["admin", "disconnect", "--room", "tea", "--everyone"],
        &["admin", "follow", "tea", "--interval", "0"],
        &["connect"],
        &["invoke"],
        &["--port", "x"],
    ] {
        let ended = run(args).await;
        assert_eq!(ended.code, Some(2), "{args:?}");
        assert_eq!(ended.errors().len(), 1, "{ended:?}");
    }
}
