//! A two-way route: the response of the integration reaches the client without a separate post.
//!
//! The template needs a route `add` with a route response `$default`. Without it the message arrives through
//! the route `$default`. The same handler then works, and its response is posted.

use lambda_ws::{Error, Json, Router};
use serde::{Deserialize, Serialize};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_ws::run(router()).await
}

fn router() -> Router {
    Router::new().two_way("add", add)
}

// Responses arrive in any order. The `id` connects a response to its question.
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
    async fn a_question_gets_a_response_with_and_without_a_route_of_its_own() {
        let api = Gateway::new(router());
        for gateway in [api.clone().two_way(["add"]), api] {
            let mut ann = gateway.connect("/").await.expect("accepted");
            ann.send(QUESTION).await;
            assert_eq!(ann.recv().await, r#"{"id":7,"sum":3}"#);
        }
    }

    #[tokio::test]
    async fn a_sum_that_overflows_returns_an_error() {
        let gateway = Gateway::new(router()).two_way(["add"]);
        let mut ann = gateway.connect("/").await.expect("accepted");
        ann.send(r#"{"action":"add","id":7,"numbers":[9223372036854775807,1]}"#)
            .await;
        assert!(ann.recv().await.contains("overflow"));
    }
}
