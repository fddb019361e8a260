//! Without faults.

use super::table::Table;

#[tokio::test(start_paused = true)]
async fn dynamodb_reached_without_sockets_is_a_store() {
    lambda_ws::store::conformance(&Table::new().store).await;
}
