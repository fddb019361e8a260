//! Two-way: the answer to a message travels on the integration's own way back, without a post.
//!
//! The API must know the route, with `RouteResponseSelectionExpression: $default` and a route response
//! `$default`. By the route `$default` the same handler works too; then its answer is posted.

use lambda_ws::{Error, Json, Router};
use serde::{Deserialize, Serialize};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_ws::run(router()).await
}

fn router() -> Router {
    Router::new().two_way("add", add)
}

// Answers come in any order: `id` tells the client which question this is the answer to.
#[derive(Deserialize)]
struct Question {
    id: u64,
    numbers: Vec<i64>,
}

#[derive(Serialize)]
struct Answer {
    id: u64,
    sum: i64,
}

async fn add(Json(question): Json<Question>) -> Result<Json<Answer>, Error> {
    let mut numbers = question.numbers.into_iter();
    let sum = numbers.try_fold(0_i64, i64::checked_add);
    let sum = sum.ok_or_else(|| Error::client("overflow", "the sum is too large"))?;
    Ok(Json(Answer {
        id: question.id,
        sum,
    }))
}

#[cfg(test)]
mod tests {
    use super::router;
    use lambda_ws::testing::Gateway;

    const QUESTION: &str = r#"{"action":"add","id":7,"numbers":[1,2]}"#;

    #[tokio::test]
    async fn a_question_is_answered_with_or_without_a_route_of_its_own() {
        let api = Gateway::new(router());
        for gateway in [api.clone().two_way(["add"]), api] {
            let mut ann = gateway.connect("/").await.expect("accepted");
            ann.send(QUESTION).await;
            assert_eq!(ann.recv().await, r#"{"id":7,"sum":3}"#);
        }
    }

    #[tokio::test]
    async fn a_wrong_question_is_answered_with_what_is_wrong() {
        let gateway = Gateway::new(router()).two_way(["add"]);
        let mut ann = gateway.connect("/").await.expect("accepted");
        ann.send(r#"{"action":"add","id":7,"numbers":[9223372036854775807,1]}"#)
            .await;
        assert!(ann.recv().await.contains("overflow"));
    }
}
