//! DynamoDB on this machine: a real SDK talks to it as it talks to AWS, and the tables are in memory or in one file.
//!
//! The engine is [dynoxide](https://github.com/nubo-db/dynoxide) on SQLite; the HTTP side is ours, because an API without
//! access control that any web page may call is no API for a developer's machine. Signatures are accepted unverified.
//!
//! ```
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use lambda_ws_local::dynamodb::DynamoDb;
//!
//! let dynamodb = DynamoDb::memory()?;
//! let connections = serde_json::json!({
//!     "TableName": "connections",
//!     "BillingMode": "PAY_PER_REQUEST",
//!     "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
//!     "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
//! });
//! dynamodb.create_table(connections, Some("exp")).await?;
//! let (status, tables) = dynamodb.call("ListTables", "{}".into()).await;
//! assert_eq!((status.as_u16(), &tables[..]), (200, &br#"{"TableNames":["connections"]}"#[..]));
//! # Ok(())
//! # }
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(run()).unwrap();
//! ```

use bytes::Bytes;
use dynoxide::{Database, DynoxideError};
use http::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

mod error;
mod fault_injector;
mod http_api;
mod operation;
mod stale_snapshot;
#[cfg(test)]
mod tests;
mod unprocessed;

pub use error::DynamoDbError;

use crate::activity::Observers;
use crate::faults::Faults;
use crate::guard::Guard;
use crate::listener::Listener;

/// The largest body, in bytes, of an operation that runs where it is called.
const LIGHT_BODY: usize = 64 * 1024;

/// A DynamoDB. Clones are the same one.
///
/// Operations on single items in memory take 5 to 30 us and run where they are called: handing one to another thread and
/// back costs 60 us more. All that may take longer (queries, batches, tables, everything on a disk) runs on one thread of its
/// own, so that no async task waits for it; while that thread has work, the rest queues up behind it instead of waiting for
/// the database's lock.
#[derive(Clone)]
pub struct DynamoDb {
    database: Database,
    in_memory: bool,
    calls: mpsc::Sender<Call>,
    /// Calls that the thread has not answered yet.
    queued: Arc<AtomicUsize>,
    /// For those who call over HTTP.
    faults: Faults,
    /// What keeps those calls.
    observers: Observers,
}

impl std::fmt::Debug for DynamoDb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DynamoDb")
            .field("in_memory", &self.in_memory)
            .finish_non_exhaustive()
    }
}

struct Call {
    operation: String,
    body: Bytes,
    reply: oneshot::Sender<(StatusCode, Bytes)>,
}

impl DynamoDb {
    /// A database that is gone with the last clone of it.
    ///
    /// # Errors
    ///
    /// [`DynamoDbError::Start`], without memory or threads.
    pub fn memory() -> Result<DynamoDb, DynamoDbError> {
        let database = Database::memory().map_err(|error| DynamoDbError::Start(error.into()))?;
        DynamoDb::start(database, true)
    }

    /// A database in a file, which survives restarts. If it does not exist, it is created for its user alone: it holds the
    /// same data as the tables on AWS.
    ///
    /// Items that have expired are removed now, and not later: DynamoDB leaves them for days, too.
    ///
    /// # Errors
    ///
    /// [`DynamoDbError::Open`].
    pub fn open(path: &Path) -> Result<DynamoDb, DynamoDbError> {
        let open = || -> Result<Database, Box<dyn std::error::Error + Send + Sync>> {
            create_private(path)?;
            let database = Database::new(path.to_str().ok_or("the path is not UTF-8")?)?;
            // Sets `synchronous = NORMAL`: a write need not wait for the disk, and a crash damages nothing.
            database.disable_bulk_loading()?;
            database.sweep_ttl()?;
            Ok(database)
        };
        let database = open().map_err(|source| DynamoDbError::Open {
            path: path.to_owned(),
            source,
        })?;
        DynamoDb::start(database, false)
    }

    fn start(database: Database, in_memory: bool) -> Result<DynamoDb, DynamoDbError> {
        let (calls, queue) = mpsc::channel::<Call>();
        let queued = Arc::new(AtomicUsize::new(0));
        let dynamodb = DynamoDb {
            database: database.clone(),
            in_memory,
            calls,
            queued: queued.clone(),
            faults: Faults::default(),
            observers: Observers::default(),
        };
        thread::Builder::new()
            .name("dynamodb".into())
            .spawn(move || {
                for call in queue {
                    let answer = operation::answer(&database, &call.operation, &call.body);
                    queued.fetch_sub(1, Ordering::Relaxed);
                    // A caller that has gone away changes nothing: its write is a write.
                    let _ = call.reply.send(answer);
                }
            })
            .map_err(|error| DynamoDbError::Start(error.into()))?;
        Ok(dynamodb)
    }

    /// The same database, which fails on purpose for calls over HTTP only.
    pub fn with_faults(self, faults: Faults) -> DynamoDb {
        DynamoDb { faults, ..self }
    }

    /// The same database, whose calls over HTTP are kept for a console.
    pub fn with_observers(self, observers: Observers) -> DynamoDb {
        DynamoDb { observers, ..self }
    }

    /// One operation, such as `PutItem`, with the JSON body that AWS documents; the answer is status and JSON body.
    pub async fn call(&self, operation: &str, body: Bytes) -> (StatusCode, Bytes) {
        let (status, answer) = self.answer(operation, body).await;
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            // A full disk, most likely: SDKs try again and say nothing.
            let answer = String::from_utf8_lossy(&answer);
            tracing::error!("the database cannot carry out {operation}: {answer}");
        }
        (status, answer)
    }

    async fn answer(&self, operation: &str, body: Bytes) -> (StatusCode, Bytes) {
        if self.in_memory
            && body.len() <= LIGHT_BODY
            && operation::is_light(operation)
            && self.queued.load(Ordering::Relaxed) == 0
        {
            return operation::answer(&self.database, operation, &body);
        }
        let (reply, answer) = oneshot::channel();
        self.queued.fetch_add(1, Ordering::Relaxed);
        // Without the thread the reply is dropped, which is the same as no answer.
        let _ = self.calls.send(Call {
            operation: operation.to_owned(),
            body,
            reply,
        });
        answer.await.unwrap_or_else(|_| {
            operation::refused(&DynoxideError::InternalServerError(String::new()))
        })
    }

    /// Creates a table from the body of a `CreateTable` call, with the attribute by which its items expire. A table that
    /// exists already is kept.
    ///
    /// # Errors
    ///
    /// The table exists with another key or another attribute of expiry, or DynamoDB refuses the body.
    pub async fn create_table(
        &self,
        create: Value,
        ttl_attribute: Option<&str>,
    ) -> Result<(), DynamoDbError> {
        let table = create["TableName"].as_str().unwrap_or_default().to_owned();
        let expected = key(&create);
        match self.json("CreateTable", &create).await {
            Ok(_) => {}
            Err((kind, _)) if kind.ends_with("#ResourceInUseException") => {
                let description = self
                    .expect("DescribeTable", &json!({"TableName": table}))
                    .await?;
                let found = key(&description["Table"]);
                if found != expected {
                    return Err(DynamoDbError::OtherKey {
                        table,
                        expected,
                        found,
                    });
                }
            }
            Err((_, message)) => {
                return Err(DynamoDbError::Refused {
                    operation: "CreateTable",
                    message,
                });
            }
        }
        let Some(expected) = ttl_attribute else {
            return Ok(());
        };
        let description = self
            .expect("DescribeTimeToLive", &json!({"TableName": table}))
            .await?;
        match description["TimeToLiveDescription"]["AttributeName"].as_str() {
            Some(found) if found == expected => Ok(()),
            Some(found) => Err(DynamoDbError::OtherTtl {
                table,
                expected: expected.to_owned(),
                found: found.to_owned(),
            }),
            None => {
                let specification = json!({"AttributeName": expected, "Enabled": true});
                let update = json!({"TableName": table, "TimeToLiveSpecification": specification});
                self.expect("UpdateTimeToLive", &update).await.map(drop)
            }
        }
    }

    /// Serves the HTTP API on a socket until the future is dropped; the guard decides whose requests are answered.
    pub async fn serve(&self, listener: TcpListener, guard: Guard) -> Infallible {
        Listener::new(listener, http_api::HttpApi::new(self.clone(), guard))
            .serve()
            .await
    }

    async fn expect(
        &self,
        operation: &'static str,
        request: &Value,
    ) -> Result<Value, DynamoDbError> {
        self.json(operation, request)
            .await
            .map_err(|(_, message)| DynamoDbError::Refused { operation, message })
    }

    /// One operation in JSON; the error is the `__type` and the message.
    async fn json(&self, operation: &str, request: &Value) -> Result<Value, (String, String)> {
        let (status, body) = self.call(operation, request.to_string().into()).await;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        if status == StatusCode::OK {
            return Ok(body);
        }
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        let kind = text("__type").unwrap_or_default();
        let message = text("message")
            .or_else(|| text("Message"))
            .unwrap_or_else(|| kind.clone());
        Err((kind, message))
    }
}

/// Creates a file that only its user can read, unless it exists. SQLite gives the files beside it the same permissions.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let created = options.write(true).create_new(true).mode(0o600).open(path);
    match created {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The key of a table, as an error shows it: `pk (S, HASH), sk (S, RANGE)`.
fn key(table: &Value) -> String {
    let list = |name: &str| {
        table[name]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
    };
    let types: BTreeMap<_, _> = list("AttributeDefinitions")
        .iter()
        .map(|attribute| {
            (
                attribute["AttributeName"].as_str(),
                attribute["AttributeType"].as_str(),
            )
        })
        .collect();
    let describe = |part: &Value| {
        let name = part["AttributeName"].as_str();
        let kind = types.get(&name).copied().flatten().unwrap_or("?");
        format!(
            "{} ({kind}, {})",
            name.unwrap_or("?"),
            part["KeyType"].as_str().unwrap_or("?")
        )
    };
    list("KeySchema")
        .iter()
        .map(describe)
        .collect::<Vec<_>>()
        .join(", ")
}
