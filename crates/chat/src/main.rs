//! A chat over websockets: one AWS Lambda function behind an API Gateway WebSocket API.

mod chat;
mod name;
mod protocol;
#[cfg(test)]
mod tests;

use lambda_ws::Error;

// One thread: a function has one event at a time, and this costs a third of the CPU per event.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_ws::run(chat::router()).await
}
