//! The stores against what every store must do.

use futures_util::future::join_all;
use lambda_ws::store::{Memory, conformance};
use tests::{Gateway, within};

#[tokio::test]
async fn dynamodb_keeps_the_promises_of_a_store_also_concurrently() {
    let gateway = Gateway::chat().await;
    let table = gateway.table().await;
    let runs = (0..4).map(|_| {
        let store = table.store();
        async move { conformance(&store).await }
    });
    within("the conformance of DynamoDB", join_all(runs)).await;
    gateway.stop().await;
}

#[tokio::test]
async fn memory_keeps_the_promises_of_a_store_also_concurrently() {
    let store = Memory::new();
    let runs = (0..4).map(|_| conformance(&store));
    within("the conformance of memory", join_all(runs)).await;
}
