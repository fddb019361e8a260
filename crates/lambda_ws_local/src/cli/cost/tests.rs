use super::print::{amount, dollars};
use super::*;
use clap::Parser;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    cost: Cost,
}

fn workload(args: &[&str]) -> Result<Workload, String> {
    let args = std::iter::once(&"cost").chain(args);
    let cli = Cli::try_parse_from(args).map_err(|error| error.to_string())?;
    let workload = cli.cost.workload(None);
    workload.map_err(|error| error.to_string())
}

#[test]
fn the_defaults_are_valid_and_those_of_the_library() {
    assert_eq!(workload(&[]), Ok(Workload::default()));
}

#[test]
fn defaults_fit_to_small_numbers() {
    let small = workload(&["--connections", "3", "--hours", "0.5"]).expect("valid");
    assert_eq!((small.room, small.session), (3.0, 30.0));
}

#[test]
fn a_number_that_is_not_valid_names_its_option_and_its_range() {
    for (args, said) in [
        (
            ["--connections", "0"],
            "`--connections 0` is not valid: expected a number from 1 to",
        ),
        (["--connections", "-5"], "`--connections -5` is not valid"),
        (["--hours", "NaN"], "`--hours NaN` is not valid"),
        (["--hours", "25"], "a number from 0.01 to 24"),
        (["--messages", "1e999"], "`--messages inf` is not valid"),
        (["--broadcasts", "2"], "a number from 0 to 1"),
        (["--room", "2000"], "at most `--connections`"),
        (["--session", "121"], "at most 120"),
        (["--bytes", "131073"], "a number from 1 to 131072"),
        (["--memory", "64"], "a number from 128 to 10240"),
        (["--ms", "0"], "`--ms 0` is not valid"),
        (["--connections", "many"], "invalid value 'many'"),
        (["--architecture", "mips"], "expected `arm64` or `x86_64`"),
        (["--price", "api-messages"], "expected NAME=VALUE"),
        (["--price", "api-messages=x"], "expected NAME=VALUE"),
    ] {
        let error = workload(&args).expect_err("it is not valid");
        assert!(error.contains(said), "{args:?}: {error}");
    }
}

#[test]
fn an_unknown_price_and_a_price_that_is_not_valid_are_errors() {
    let error = |name, value| Prices::changed([(name, value)]).expect_err("it is not valid");
    let unknown = error("api-message", 1.0).to_string();
    assert!(unknown.contains("unknown price `api-message`: expected one of api-messages, "));
    for value in [-1.0, f64::NAN, f64::INFINITY] {
        let error = error("logs", value).to_string();
        assert!(error.contains("price `logs` is not valid"), "{error}");
    }
}

#[test]
fn the_largest_workload_has_a_finite_estimate() {
    let args = [
        ["--connections", "1e9"],
        ["--room", "1e9"],
        ["--hours", "24"],
        ["--days", "31"],
        ["--session", "0.01"],
        ["--messages", "1e5"],
        ["--pushes", "1e5"],
        ["--bytes", "131072"],
        ["--ms", "900000"],
        ["--memory", "10240"],
    ];
    let workload = workload(args.as_flattened()).expect("valid");
    assert!(estimate(&workload, &Prices::default()).total().is_finite());
}

#[test]
fn numbers_have_groups_and_small_ones_have_digits() {
    assert_eq!(amount(14_400_000.0), "14 400 000");
    assert_eq!(amount(999.96), "1000");
    assert_eq!(amount(12.5), "12.5");
    assert_eq!(amount(0.0), "0");
    assert_eq!(amount(0.25), "0.25");
    assert_eq!(dollars(1234.5), "1 234.50");
    assert_eq!(dollars(0.001), "<0.01");
    assert_eq!(dollars(0.0), "0.00");
}

#[test]
fn a_recorded_session_gives_its_averages() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: serde_json::Value| {
        std::fs::write(folder.path().join(name), text.to_string()).expect("a file");
    };
    let event = |kind: &str, at: u64, body: &str| {
        serde_json::json!({"requestContext": {"connectionId": "a=", "eventType": kind, "connectedAt": 0,
            "requestTimeEpoch": at}, "body": body})
    };
    write("0001-connect.json", event("CONNECT", 0, ""));
    write("0002-default.json", event("MESSAGE", 30_000, "123456"));
    let response = serde_json::json!({"requestId": "r", "function": "f", "route": "$default", "durationMs": 4.0});
    write("0002-default.response.json", response);
    let ping = event("MESSAGE", 60_000, r#"{"action":"$ping"}"#);
    write("0003-default.json", ping);
    write("0004-default.json", event("MESSAGE", 90_000, "1234"));
    write("0005-disconnect.json", event("DISCONNECT", 240_000, ""));
    // An event of another service.
    write("0006-event.json", serde_json::json!({"Records": []}));

    let recording = Recording::read(folder.path());
    let recording = recording.unwrap_or_else(|failure| panic!("{}", failure.text()));
    // Two messages in four minutes.
    assert_eq!(recording.messages(), Some(0.5));
    assert_eq!(recording.session(), Some(4.0));
    assert_eq!(recording.bytes(), Some(5.0));
    assert_eq!(recording.duration(), Some(4.0));
    assert!(recording.has_history());
}

#[test]
fn a_folder_without_a_session_is_an_error() {
    let folder = tempfile::tempdir().expect("a folder");
    let error = |path: &std::path::Path| {
        let failure = Recording::read(path).expect_err("there is none");
        failure.text().to_owned()
    };
    assert!(error(folder.path()).contains("contains no event of a websocket"));
    assert!(error(&folder.path().join("no")).contains("pass the folder of --record"));
    std::fs::write(folder.path().join("a.json"), "{").expect("a file");
    assert!(error(folder.path()).contains("a.json is not an event"));
}
