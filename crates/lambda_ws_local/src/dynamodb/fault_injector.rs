//! DynamoDB with injected faults, as SDKs see them on the wire.

use super::DynamoDb;
use super::stale_snapshot::{StaleSnapshot, is_eventual};
use super::unprocessed::split;
use crate::faults::{AnswerLost, Drawn, Faults, Kind, Place};
use crate::lock::lock;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// The maximum number of remembered transactions.
const REMEMBERED: usize = 10_000;

/// A DynamoDB that injects faults. Clones share it.
#[derive(Clone)]
pub(super) struct FaultInjector {
    dynamodb: DynamoDb,
    faults: Faults,
    stale: Arc<Stale>,
    completed: Arc<Mutex<CompletedTransactions>>,
}

/// The snapshot for eventually consistent reads, while stale reads are on.
#[derive(Default)]
struct Stale {
    snapshot: tokio::sync::Mutex<Option<StaleSnapshot>>,
    /// Whether a snapshot may exist.
    exists: AtomicBool,
}

/// The tokens of completed transactions. A repeated one must not be cancelled.
#[derive(Default)]
struct CompletedTransactions {
    tokens: HashSet<String>,
    order: VecDeque<String>,
}

type Answer = (StatusCode, Bytes);

impl FaultInjector {
    pub(super) fn new(dynamodb: DynamoDb, faults: Faults) -> FaultInjector {
        FaultInjector {
            dynamodb,
            faults,
            stale: Arc::default(),
            completed: Arc::default(),
        }
    }

    /// Runs one operation. The error means that its response must be lost.
    pub(super) async fn call(&self, operation: &str, body: Bytes) -> Result<Answer, AnswerLost> {
        if !self.faults.is_on() && !self.stale.exists.load(Ordering::Relaxed) {
            return Ok(self.dynamodb.call(operation, body).await);
        }
        if !is_data(operation) {
            return Ok(self.carry_out(operation, body, false).await);
        }
        let latency = self.faults.latency(Place::DynamoDb, Kind::DbLatency);
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        // All draws at once, so that no fault shifts another.
        let drawn = self.faults.draw(
            Place::DynamoDb,
            &[
                Kind::Throttle,
                Kind::Error,
                Kind::Conflict,
                Kind::Unprocessed,
                Kind::StaleRead,
                Kind::LostAnswer,
            ],
        );
        if drawn.is_empty() {
            return Ok(self.carry_out(operation, body, false).await);
        }
        let request = serde_json::from_slice(&body).unwrap_or(Value::Null);
        if let Some(refused) = self.refuse(operation, &request, drawn) {
            return Ok(refused);
        }
        let stale = drawn.has(Kind::StaleRead) && is_eventual(operation, &request);
        let answer = match drawn.has(Kind::Unprocessed) {
            true => self.in_part(operation, body, request, stale).await,
            false => self.carry_out(operation, body, stale).await,
        };
        if drawn.has(Kind::LostAnswer) {
            self.faults.count(Kind::LostAnswer);
            return Err(AnswerLost);
        }
        Ok(answer)
    }

    /// Returns the response to a call that a fault rejects.
    fn refuse(&self, operation: &str, request: &Value, drawn: Drawn) -> Option<Answer> {
        let is_write = matches!(
            operation,
            "PutItem" | "UpdateItem" | "DeleteItem" | "TransactWriteItems"
        );
        let is_done = token(operation, request).is_some_and(|token| {
            let completed = lock(&self.completed);
            completed.tokens.contains(token)
        });
        let throttled = drawn.has(Kind::Throttle) && !is_done;
        let conflicts = drawn.has(Kind::Conflict) && is_write && !is_done;
        let (kind, answer) = if throttled {
            // On AWS the table's mode and its traffic decide.
            let slow_down = self.faults.below(Place::DynamoDb, Kind::Throttle, 2) == 0;
            let answer = match (operation, slow_down) {
                ("TransactWriteItems" | "TransactGetItems", slow_down) => {
                    let reason = match slow_down {
                        true => ("ThrottlingError", THROTTLED),
                        false => ("ProvisionedThroughputExceeded", EXCEEDED),
                    };
                    self.cancelled(request, Kind::Throttle, reason)
                }
                (_, true) => error(
                    "com.amazon.coral.availability#ThrottlingException",
                    THROTTLED,
                ),
                (_, false) => error(
                    "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
                    EXCEEDED,
                ),
            };
            (Kind::Throttle, answer)
        } else if drawn.has(Kind::Error) {
            let (_, body) = error(
                "com.amazonaws.dynamodb.v20120810#InternalServerError",
                "Internal server error",
            );
            (Kind::Error, (StatusCode::INTERNAL_SERVER_ERROR, body))
        } else if conflicts {
            let answer = match operation {
                "TransactWriteItems" => {
                    self.cancelled(request, Kind::Conflict, ("TransactionConflict", CONFLICT))
                }
                _ => error(
                    "com.amazonaws.dynamodb.v20120810#TransactionConflictException",
                    CONFLICT,
                ),
            };
            (Kind::Conflict, answer)
        } else {
            return None;
        };
        self.faults.count(kind);
        Some(answer)
    }

    /// Returns the response to a transaction that is cancelled because of one item.
    fn cancelled(&self, request: &Value, kind: Kind, (code, message): (&str, &str)) -> Answer {
        let items = request["TransactItems"].as_array().map_or(0, Vec::len);
        let guilty = self.faults.below(Place::DynamoDb, kind, items);
        let codes: Vec<_> = (0..items)
            .map(|item| if item == guilty { code } else { "None" })
            .collect();
        let reasons: Vec<_> = codes
            .iter()
            .map(|code| match *code {
                "None" => json!({"Code": "None"}),
                code => json!({"Code": code, "Message": message}),
            })
            .collect();
        let body = json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "Message": format!(
                "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
                codes.join(", ")
            ),
            "CancellationReasons": reasons,
        });
        (StatusCode::BAD_REQUEST, body.to_string().into())
    }

    /// Processes a part of a batch, and returns the other items as unprocessed.
    async fn in_part(
        &self,
        operation: &str,
        body: Bytes,
        mut request: Value,
        stale: bool,
    ) -> Answer {
        let below = |end| self.faults.below(Place::DynamoDb, Kind::Unprocessed, end);
        let Some(unprocessed) = split(operation, &mut request, below) else {
            return self.carry_out(operation, body, stale).await;
        };
        let (status, answer) = self
            .carry_out(operation, request.to_string().into(), stale)
            .await;
        if status != StatusCode::OK {
            return (status, answer);
        }
        self.faults.count(Kind::Unprocessed);
        (status, unprocessed.join(&answer))
    }

    /// Runs a call. If it is to be stale, an eventually consistent one runs on the snapshot.
    async fn carry_out(&self, operation: &str, body: Bytes, stale: bool) -> Answer {
        if !self.faults.has(Kind::StaleRead) {
            if self.stale.exists.swap(false, Ordering::Relaxed) {
                *self.stale.snapshot.lock().await = None;
            }
            return self.execute(operation, body).await;
        }
        if !stale && !changes(operation) {
            return self.execute(operation, body).await;
        }
        // Held during a write, so that no other write comes between it and the copy of the replaced items.
        let mut held = self.stale.snapshot.lock().await;
        if held.is_none() {
            self.stale.exists.store(true, Ordering::Relaxed);
            *held = StaleSnapshot::of(&self.dynamodb).await;
        }
        let Some(snapshot) = &mut *held else {
            return self.execute(operation, body).await;
        };
        if stale {
            self.faults.count(Kind::StaleRead);
            return snapshot.read(&self.dynamodb, operation, body).await;
        }
        let known = snapshot.replace(&self.dynamodb, operation, &body).await;
        let answer = self.execute(operation, body).await;
        if !known {
            *held = None;
        }
        answer
    }

    async fn execute(&self, operation: &str, body: Bytes) -> Answer {
        let token = match operation {
            "TransactWriteItems" => {
                let request: Value = serde_json::from_slice(&body).unwrap_or_default();
                token(operation, &request).map(str::to_owned)
            }
            _ => None,
        };
        let answer = self.dynamodb.call(operation, body).await;
        if let (StatusCode::OK, Some(token)) = (answer.0, token) {
            let mut completed = lock(&self.completed);
            completed.add(token);
        }
        answer
    }
}

impl CompletedTransactions {
    fn add(&mut self, token: String) {
        if self.tokens.insert(token.clone()) {
            self.order.push_back(token);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.tokens.remove(&oldest);
        }
    }
}

const THROTTLED: &str = "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically scaling \
                         your table or index so please try again shortly.";
const EXCEEDED: &str = "The level of configured provisioned throughput for the table was exceeded. Consider increasing your \
                        provisioning level with the UpdateTable API.";
const CONFLICT: &str = "Transaction is ongoing for the item";

/// Whether an operation reads or writes items. Only these get faults.
fn is_data(operation: &str) -> bool {
    matches!(
        operation,
        "BatchExecuteStatement"
            | "BatchGetItem"
            | "BatchWriteItem"
            | "DeleteItem"
            | "ExecuteStatement"
            | "ExecuteTransaction"
            | "GetItem"
            | "PutItem"
            | "Query"
            | "Scan"
            | "TransactGetItems"
            | "TransactWriteItems"
            | "UpdateItem"
    )
}

fn changes(operation: &str) -> bool {
    let reads = [
        "BatchGet",
        "Describe",
        "Get",
        "List",
        "Query",
        "Scan",
        "TransactGet",
    ];
    !reads.iter().any(|read| operation.starts_with(read))
}

/// Returns the token that makes a transaction idempotent.
fn token<'a>(operation: &str, request: &'a Value) -> Option<&'a str> {
    match operation {
        "TransactWriteItems" => request["ClientRequestToken"].as_str(),
        _ => None,
    }
}

fn error(kind: &str, message: &str) -> Answer {
    let body = json!({"__type": kind, "message": message});
    (StatusCode::BAD_REQUEST, body.to_string().into())
}
