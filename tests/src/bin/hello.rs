//! What a function of `lambda_runtime` alone is: a hello world, or, with the argument `typed`, one that reads
//! the events of a WebSocket API as `aws_lambda_events` has them, and answers each with a status.

use aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayWebsocketProxyRequest};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    // As `lambda_runtime` sets it up, without its filters.
    tracing_subscriber::fmt()
        .with_target(false)
        .without_time()
        .init();
    match std::env::args().nth(1).as_deref() {
        Some("typed") => lambda_runtime::run(service_fn(typed)).await,
        _ => lambda_runtime::run(service_fn(hello)).await,
    }
}

async fn hello(_: LambdaEvent<Value>) -> Result<Value, Error> {
    Ok(json!("hello"))
}

async fn typed(
    event: LambdaEvent<ApiGatewayWebsocketProxyRequest>,
) -> Result<ApiGatewayProxyResponse, Error> {
    let mut response = ApiGatewayProxyResponse::default();
    response.status_code = match event.payload.request_context.connection_id {
        Some(_) => 200,
        None => 400,
    };
    Ok(response)
}
