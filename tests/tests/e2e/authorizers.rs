//! A Lambda authorizer, from the template to the handler that reads what it said.

use serde_json::json;
use tests::{Setup, example};

#[tokio::test]
async fn b9_a_template_with_an_authorizer_is_served_and_the_function_knows_its_clients() {
    let program = example("auth_authorizer");
    let setup = Setup::new().template("authorizer.yaml");
    let gateway = setup.program([program]).start().await;

    let mut ann = gateway.client("token=s3cret").await;
    ann.send(json!({"action": "whoami"})).await;
    assert_eq!(ann.text().await, "ann, who may do anything", "C1");

    for (query, status, message) in [
        ("token=banned", 403, "Forbidden"),
        ("token=guess", 401, "Unauthorized"),
        ("", 401, "Unauthorized"),
    ] {
        let refused = gateway.try_client(query).await.expect_err("no client");
        assert_eq!(refused.status, status, "{query}");
        assert!(refused.body.contains(message), "{refused:?}");
    }

    ann.close().await;
    gateway.stop().await;
}
