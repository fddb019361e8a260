//! A function that does what its events tell it to: answers anything, fails, crashes, never ends.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    match std::env::args().nth(1).as_deref() {
        Some("die") => {
            eprintln!("the table is missing");
            std::process::exit(3);
        }
        Some("log") => {
            let obey = async |event: LambdaEvent<Value>| {
                println!("{}", event.payload);
                obey(event).await
            };
            lambda_runtime::run(service_fn(obey)).await
        }
        _ => lambda_runtime::run(service_fn(obey)).await,
    }
}

async fn obey(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let command = command(&event.payload);
    match command["do"].as_str() {
        Some("crash") => std::process::exit(7),
        Some("fail") => Err("as it was told".into()),
        Some("hang") => std::future::pending().await,
        // Begins something and does not await it.
        Some("later") => {
            let file = command["file"].as_str().unwrap_or_default().to_owned();
            tokio::spawn(async move {
                while !std::path::Path::new(&file).exists() {
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                }
                println!("late");
            });
            Ok(command["return"].clone())
        }
        _ => match command.get("return") {
            Some(response) => Ok(response.clone()),
            None => Ok(json!({"statusCode": 200})),
        },
    }
}

/// What the event tells it to do: in the body of a message, in the query string of a `$connect`, or
/// in the event itself.
fn command(event: &Value) -> Value {
    let query = &event["queryStringParameters"]["command"];
    let text = event["body"].as_str().or(query.as_str());
    match text {
        Some(text) => serde_json::from_str(text).unwrap_or_default(),
        None => event["command"].clone(),
    }
}
