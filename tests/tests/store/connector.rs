//! From the AWS SDK to the embedded DynamoDB without sockets, with all that goes wrong on the way.

use super::course::{COURSE, Course, Fault, Turn};
use super::meter::Meter;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http::StatusCode;
use lambda_ws_local::dynamodb::DynamoDb;
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Duration;

/// Brings requests to a DynamoDB, on the course of the task that sends them.
#[derive(Debug, Clone)]
pub(crate) struct Connector {
    database: DynamoDb,
    /// The answers given to reads that need not be consistent, by request.
    given: Arc<Mutex<HashMap<Bytes, Vec<Bytes>>>>,
    /// The tokens of the transactions that were carried out.
    done: Arc<Mutex<HashSet<String>>>,
    /// What requests cost, if that is asked for.
    meter: Option<Meter>,
    /// The time of a request without a course.
    request_time: Duration,
}

impl Connector {
    pub(crate) fn new(database: DynamoDb) -> Self {
        Self {
            database,
            given: Arc::default(),
            done: Arc::default(),
            meter: None,
            request_time: Duration::ZERO,
        }
    }

    /// It also counts what requests cost.
    pub(crate) fn metered(self, meter: Meter) -> Self {
        Self {
            meter: Some(meter),
            ..self
        }
    }

    /// Requests without a course take some time.
    pub(crate) fn slow(self, request_time: Duration) -> Self {
        Self {
            request_time,
            ..self
        }
    }

    async fn deliver(
        self,
        operation: String,
        body: Bytes,
        course: Option<Course>,
    ) -> Result<HttpResponse, ConnectorError> {
        let body = self
            .meter
            .as_ref()
            .map_or(body.clone(), |_| Meter::ask(&body));
        let Some(course) = course else {
            if !self.request_time.is_zero() {
                tokio::time::sleep(self.request_time).await;
            }
            return Ok(response(self.answer(&operation, &body)));
        };
        let Turn { there, fault, back } = course.next();
        tokio::time::sleep(Duration::from_millis(there.into())).await;
        if let Fault::Late(minutes) = fault {
            tokio::time::sleep(Duration::from_secs(60 * u64::from(minutes))).await;
        }
        let answer = self.answer_with(fault, &operation, &body);
        if fault == Fault::AnswerLost
            && answer.as_ref().is_ok_and(|(status, _)| status.is_success())
        {
            course.lose();
        }
        course.note(
            matches!(&answer, Ok((status, _)) if status.is_success()) && fault != Fault::AnswerLost,
        );
        course.count().await;
        tokio::time::sleep(Duration::from_millis(back.into())).await;
        match fault {
            Fault::AnswerLost => Err(ConnectorError::timeout("the answer is lost".into())),
            _ => answer.map(response),
        }
    }

    fn answer_with(
        &self,
        fault: Fault,
        operation: &str,
        body: &Bytes,
    ) -> Result<(StatusCode, Bytes), ConnectorError> {
        let request = || serde_json::from_slice::<Value>(body).expect("the SDK writes JSON");
        Ok(match (fault, operation) {
            (Fault::NotSent, _) => {
                return Err(ConnectorError::io("the connection is broken".into()));
            }
            (Fault::Throttled | Fault::InTheWay, "TransactWriteItems")
                if self.is_done(&request()) =>
            {
                refused("TransactionInProgressException")
            }
            (Fault::Throttled, "TransactWriteItems") => canceled(&request(), "ThrottlingError"),
            (Fault::Throttled, "Query") => refused("ThrottlingException"),
            (Fault::Throttled, _) => refused("ProvisionedThroughputExceededException"),
            (Fault::InTheWay, "TransactWriteItems") => canceled(&request(), "TransactionConflict"),
            (Fault::InTheWay, "PutItem" | "UpdateItem" | "DeleteItem") => {
                refused("TransactionConflictException")
            }
            (Fault::Partly(most), "BatchWriteItem" | "BatchGetItem") => {
                self.partly(operation, request(), most.into())
            }
            (Fault::Stale(age), "Query") if request()["ConsistentRead"] != json!(true) => {
                let now = self.answer(operation, body);
                let given = self.given.lock().expect("no test panics with it");
                let earlier = given.get(body).and_then(|given| {
                    let last = given.len().checked_sub(1)?;
                    given.get(last.saturating_sub(age.into())).cloned()
                });
                earlier.map_or(now, |earlier| (StatusCode::OK, earlier))
            }
            _ => self.answer(operation, body),
        })
    }

    fn answer(&self, operation: &str, body: &Bytes) -> (StatusCode, Bytes) {
        let call = self.database.call(operation, body.clone());
        let (status, answer) = wait(tokio::task::unconstrained(call));
        if operation == "TransactWriteItems" && status.is_success() {
            let request = serde_json::from_slice(body).expect("the SDK writes JSON");
            let mut done = self.done.lock().expect("no test panics with it");
            done.insert(token(&request));
        }
        if let Some(meter) = &self.meter {
            meter.read(operation, &answer);
        }
        if operation == "Query" {
            let mut given = self.given.lock().expect("no test panics with it");
            given.entry(body.clone()).or_default().push(answer.clone());
        }
        (status, answer)
    }

    /// Whether a transaction was carried out before: it cannot be refused any more.
    fn is_done(&self, request: &Value) -> bool {
        let done = self.done.lock().expect("no test panics with it");
        done.contains(&token(request))
    }

    /// Carries out the first few of a batch; the rest comes back as it is.
    fn partly(&self, operation: &str, mut request: Value, most: usize) -> (StatusCode, Bytes) {
        let (rest_of, list) = match operation {
            "BatchWriteItem" => ("UnprocessedItems", None),
            _ => ("UnprocessedKeys", Some("Keys")),
        };
        let mut rest = request["RequestItems"].clone();
        let tables = request["RequestItems"].as_object_mut().expect("tables");
        for (table, now) in tables {
            let now = part(now, list).as_array_mut().expect("a list");
            let later = now.split_off(most.max(1).min(now.len()));
            if later.is_empty() {
                rest = json!({});
            } else {
                *part(&mut rest[table], list) = later.into();
            }
        }
        let (status, answer) = self.answer(operation, &request.to_string().into());
        let mut answer: Value = serde_json::from_slice(&answer).expect("answers are JSON");
        answer[rest_of] = rest;
        (status, answer.to_string().into())
    }
}

impl HttpClient for Connector {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let body = request.body().bytes().map(Bytes::copy_from_slice);
        let course = COURSE.try_with(Clone::clone).ok();
        HttpConnectorFuture::new(
            self.clone()
                .deliver(operation, body.unwrap_or_default(), course),
        )
    }
}

fn response((status, body): (StatusCode, Bytes)) -> HttpResponse {
    let status = status.as_u16().try_into().expect("a status");
    HttpResponse::new(status, SdkBody::from(body))
}

fn token(request: &Value) -> String {
    let token = request["ClientRequestToken"].as_str();
    token.expect("transactions have tokens").to_owned()
}

fn refused(kind: &str) -> (StatusCode, Bytes) {
    let body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{kind}")});
    (StatusCode::BAD_REQUEST, body.to_string().into())
}

/// A member of a value, or the value itself.
fn part<'a>(value: &'a mut Value, name: Option<&str>) -> &'a mut Value {
    match name {
        Some(name) => &mut value[name],
        None => value,
    }
}

/// A transaction that was cancelled because of its first item.
fn canceled(request: &Value, reason: &str) -> (StatusCode, Bytes) {
    let items = request["TransactItems"].as_array().map_or(0, Vec::len);
    let mut reasons = vec![json!({"Code": "None"}); items];
    reasons[0] = json!({"Code": reason});
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": reasons,
    });
    (StatusCode::BAD_REQUEST, body.to_string().into())
}

/// Waits where it is called: virtual time must not pass while the database's thread works.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(done) => return done,
            Poll::Pending => thread::park(),
        }
    }
}
