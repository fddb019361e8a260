//! A chat over websockets. It is one AWS Lambda function behind an API Gateway WebSocket API.

mod chat;
mod name;
mod protocol;
mod rooms;
#[cfg(test)]
mod tests;

use lambda_ws::Error;

// Lambda gives each process one event at a time, so one thread is enough. It needs a third of the CPU per event.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_ws::run(chat::router()).await
}
