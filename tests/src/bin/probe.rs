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
        Some("print") => {
            println!("{}", command["text"].as_str().unwrap_or_default());
            Ok(Value::Null)
        }
        Some("variable") => {
            let name = command["name"].as_str().unwrap_or_default();
            Ok(std::env::var(name).unwrap_or_default().into())
        }
        // Hands itself an event, as a function does with follow-up work.
        Some("task") => Ok(invoke_itself(&command["event"])?.into()),
        _ => match command.get("return") {
            Some(response) => Ok(response.clone()),
            None => Ok(json!({"statusCode": 200})),
        },
    }
}

/// Invokes the function asynchronously, without an SDK; the first line of the answer.
fn invoke_itself(event: &Value) -> Result<String, Error> {
    use std::io::{BufRead, BufReader, Write};
    let url = std::env::var("AWS_ENDPOINT_URL_LAMBDA")?;
    let name = std::env::var("AWS_LAMBDA_FUNCTION_NAME")?;
    let address = url.trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(address)?;
    let event = event.to_string();
    let length = event.len();
    write!(
        stream,
        "POST /2015-03-31/functions/{name}/invocations HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\
         X-Amz-Invocation-Type: Event\r\nConnection: close\r\n\r\n{event}"
    )?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line)
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
