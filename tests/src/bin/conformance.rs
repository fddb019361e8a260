//! Holds the one table of a DynamoDB against what every store must do, several times at once:
//! `cargo run -p tests --bin conformance -- http://127.0.0.1:8000`.

use futures_util::future::join_all;
use lambda_ws::store::conformance;
use std::process::ExitCode;
use tests::Table;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Some(endpoint), None) = (args.next(), args.next()) else {
        eprintln!("usage: conformance URL");
        return ExitCode::FAILURE;
    };
    let table = Table::at(&endpoint).await;
    let runs = (0..4).map(|_| {
        let store = table.store();
        async move { conformance(&store).await }
    });
    join_all(runs).await;
    println!("it does what a store must do");
    ExitCode::SUCCESS
}
