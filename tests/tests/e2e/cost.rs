//! `lambda-ws-local cost`: its text, its errors, and the documents that have the same numbers.

use lambda_ws_local::cost::{AS_OF, OPERATIONS, PRICES, Prices};
use serde_json::Value;
use tests::{Ended, Program, gateway, root};

async fn cost(args: &[&str]) -> Ended {
    let args = std::iter::once("cost").chain(args.iter().copied());
    Program::start(&gateway(), &root(), args).ended().await
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).expect("a file of this repository")
}

/// The example of the documentation.
const EXAMPLE: &str = "--connections 5000 --hours 8 --messages 2 --room 20 --no-echo";

#[tokio::test]
async fn the_example_of_the_documentation_is_what_the_command_prints() {
    let args: Vec<_> = EXAMPLE.split(' ').collect();
    let ended = cost(&args).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let shown = format!(
        "```text\n$ lambda-ws-local cost {EXAMPLE}\n{}\n```",
        ended.stdout.join("\n")
    );
    let text = read("crates/lambda_ws/docs/costs.md");
    assert!(text.contains(&shown), "costs.md needs this:\n{shown}");
}

#[tokio::test]
async fn the_lines_of_the_json_sum_up_to_its_total() {
    let args = ["--json", "--history", "--price", "logs=1.5"];
    let ended = cost(&args).await;
    let json: Value = serde_json::from_str(&ended.stdout.join("\n")).expect("JSON");
    let lines = json["lines"].as_array().expect("lines").iter();
    let sum: f64 = lines.filter_map(|line| line["dollars"].as_f64()).sum();
    let total = json["total"].as_f64().expect("a number");
    assert!(total > 1.0 && (sum - total).abs() < 1e-6, "{json}");
    assert_eq!(json["prices"]["logs"], 1.5);
    assert_eq!(json["workload"]["history"], true);
}

#[tokio::test]
async fn another_region_has_a_note() {
    let ended = cost(&["--region", "eu-central-1"]).await;
    let last = ended.stdout.last().expect("a note");
    assert!(
        last.contains("pass those of eu-central-1 with --price"),
        "{last}"
    );
}

#[tokio::test]
async fn a_number_that_is_not_valid_is_one_error() {
    for (args, code, said) in [
        (
            &["--connections", "-1"][..],
            1,
            "`--connections -1` is not valid",
        ),
        (&["--bytes", "nan"], 1, "`--bytes NaN` is not valid"),
        (&["--price", "nosuch=1"], 1, "unknown price `nosuch`"),
        (&["--bytes", "1e300"], 1, "`--bytes 1e300` is not valid"),
        (&["--region", ""], 2, "expected a name such as eu-west-1"),
        (
            &["--price", "logs=1", "--price", "logs=2"],
            1,
            "the price `logs` is given twice",
        ),
        (&["--price", "logs=-1"], 1, "the price `logs` is not valid"),
        (&["--recording", "nosuch"], 1, "pass the folder of --record"),
        (&["--connections", "x"], 2, "invalid value 'x'"),
    ] {
        let ended = cost(args).await;
        assert_eq!(ended.code, Some(code), "{ended:?}");
        assert!(ended.complains(said), "{ended:?}");
        assert_eq!(
            (ended.errors().len(), ended.stdout.len()),
            (1, 0),
            "{ended:?}"
        );
    }
}

#[test]
fn a_reader_that_ends_first_is_not_an_error() {
    let line = "exec 3> >(true); wait $!; \"$1\" cost >&3; echo $?";
    let mut bash = std::process::Command::new("bash");
    let bash = bash.args(["-c", line, "bash"]).arg(gateway());
    let output = bash.output().expect("bash");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!((text.trim(), &*output.stderr), ("0", &b""[..]));
}

#[test]
fn the_units_of_the_estimate_are_the_measured_ones() {
    let name = "store__store__cost__the_cost_of_every_operation_is_known.snap";
    let measured = read(&format!("tests/tests/store/snapshots/{name}"));
    for operation in OPERATIONS {
        let line = measured.lines().find(|line| {
            let rest = line.strip_prefix(operation.name);
            rest.is_some_and(|rest| rest.starts_with("  "))
        });
        let line = line.unwrap_or_else(|| panic!("{} is not measured", operation.name));
        let numbers = line[operation.name.len()..]
            .split_whitespace()
            .skip(1)
            .take(2);
        let numbers: Vec<f64> = numbers.filter_map(|number| number.parse().ok()).collect();
        assert_eq!(numbers, [operation.writes, operation.reads], "{line}");
    }
}

/// The prices that the documents state, as they write them.
#[test]
fn the_documents_have_the_prices_of_the_program() {
    let of = |name| Prices::default().of(name);
    let million = |name| format!("${} per million", dollars(of(name)));
    let costs = read("crates/lambda_ws/docs/costs.md");
    let rows = [
        ("API Gateway messages", million("api-messages")),
        ("API Gateway connection minutes", million("api-minutes")),
        ("DynamoDB writes", million("dynamodb-writes")),
        ("DynamoDB reads", million("dynamodb-reads")),
        ("Lambda events", million("lambda-requests")),
        (
            "Lambda on arm64",
            format!("${} per GB-second", of("lambda-arm64")),
        ),
        (
            "Lambda on x86_64",
            format!("${} per GB-second", of("lambda-x86_64")),
        ),
        (
            "DynamoDB storage",
            format!("${} per GB and month", dollars(of("dynamodb-storage"))),
        ),
        (
            "CloudWatch logs",
            format!("${} per GB", dollars(of("logs"))),
        ),
        (
            "CloudWatch log storage",
            format!("${} per GB and month", dollars(of("logs-storage"))),
        ),
        (
            "data transfer",
            format!("${} per GB", dollars(of("transfer-out"))),
        ),
    ];
    for (name, price) in rows {
        let row = costs
            .lines()
            .find(|line| line.starts_with(&format!("| {name}")));
        let row = row.unwrap_or_else(|| panic!("costs.md has no row `{name}`"));
        assert!(row.ends_with(&format!("| {price} |")), "{row}: {price}");
    }
    assert!(
        costs.contains(&format!("in {AS_OF}")),
        "costs.md has another date"
    );
    let above = million("api-messages-above-1-billion");
    assert!(costs.contains(&format!("one billion cost {above}")));

    // An hour of a connection, its four writes and a message.
    let each = |dollars: f64| format!("${dollars:.7}");
    let hour = of("api-minutes") * 60.0 / 1e6;
    for sentence in [
        format!("costs ${hour:.6} for its minutes"),
        format!(
            "membership cost {}",
            each(of("dynamodb-writes") * 4.0 / 1e6)
        ),
        format!("receives costs ${:.6}", of("api-messages") / 1e6),
    ] {
        let text = costs.replace('\n', " ");
        assert!(text.contains(&sentence), "costs.md has no `{sentence}`");
    }

    for (path, name) in [
        ("README.md", "api-messages"),
        ("crates/lambda_ws/docs/comparison.md", "api-messages"),
        ("crates/lambda_ws/docs/comparison.md", "api-minutes"),
    ] {
        let text = read(path).replace('\n', " ");
        let price = format!("${} per million", dollars(of(name)));
        assert!(text.contains(&price), "{path} has no `{price}`");
    }
    let audience = read("crates/lambda_ws/src/sender/audience.rs");
    for name in ["dynamodb-reads", "dynamodb-writes"] {
        let price = format!("${} for a million", dollars(of(name)));
        assert!(audience.contains(&price), "audience.rs has no `{price}`");
    }
}

#[test]
fn every_price_has_a_name_of_its_own() {
    let mut names = PRICES.map(|price| price.name).to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), PRICES.len());
}

/// Dollars with two digits, or more if there are more.
fn dollars(value: f64) -> String {
    let text = value.to_string();
    let decimals = text
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    format!("{value:.decimals$}", decimals = decimals.max(2))
}
