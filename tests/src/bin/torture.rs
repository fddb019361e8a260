//! Tortures the local gateway: `cargo run -p tests --bin torture -- --connections 100000 --bytes
//! 1073741824`. Exit code 1 if it panics, or holds afterwards what it did not hold before.

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::{Value, json};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tests::Torture;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut torture = Torture {
        connections: 100_000,
        bytes: 1 << 30,
        noise: 2000,
        slow: 2000,
        clients: 8,
        limit: Duration::from_secs(600),
    };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        if name == "function" {
            return function().await;
        }
        let value = args.next().and_then(|value| value.parse::<u64>().ok());
        let Some(value) = value else {
            return usage();
        };
        match name.as_str() {
            "--connections" => torture.connections = value as usize,
            "--bytes" => torture.bytes = value,
            "--noise" => torture.noise = value as usize,
            "--slow" => torture.slow = value as usize,
            "--clients" => torture.clients = (value as usize).max(1),
            "--seconds" => torture.limit = Duration::from_secs(value),
            _ => return usage(),
        }
    }
    let Ok(this) = std::env::current_exe() else {
        return usage();
    };
    let began = Instant::now();
    let report = torture
        .run([this.into_os_string(), "function".into()])
        .await;
    print!("{report}");
    println!("{:.1} s", began.elapsed().as_secs_f64());
    let leaks = report.leaks();
    for leak in &leaks {
        println!("error: {leak}");
    }
    if leaks.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn usage() -> ExitCode {
    eprintln!(
        "usage: torture [--connections N] [--bytes N] [--noise N] [--slow N] [--clients N] [--seconds N]"
    );
    ExitCode::from(2)
}

/// The function behind the gateway.
async fn function() -> ExitCode {
    let ok =
        async |_: LambdaEvent<Value>| Ok::<_, lambda_runtime::Error>(json!({"statusCode": 200}));
    match lambda_runtime::run(service_fn(ok)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
