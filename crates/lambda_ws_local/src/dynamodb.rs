//! A local DynamoDB for real SDKs. Its tables are in memory or in one file.
//!
//! The engine is [dynoxide](https://github.com/nubo-db/dynoxide) on SQLite. The HTTP server is this crate's, because it
//! must reject calls of web pages. Signatures are accepted unverified.
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

/// The maximum body, in bytes, of an operation that runs on the calling thread.
const LIGHT_BODY: usize = 64 * 1024;

/// A DynamoDB. Clones share it.
///
/// Operations on single items in memory take 5 to 30 us and run on the calling thread, because a thread switch costs 60
/// us. Slower ones (queries, batches, tables, files) run on one separate thread, so that no async task blocks. While
/// that thread works, all operations queue behind it instead of waiting for the database's lock.
#[derive(Clone)]
pub struct DynamoDb {
    database: Database,
    in_memory: bool,
    calls: mpsc::Sender<Call>,
    /// Calls that wait for the thread.
    queued: Arc<AtomicUsize>,
    /// The faults of calls over HTTP.
    faults: Faults,
    /// The observers of calls over HTTP.
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
    /// Creates a database in memory, which ends with its last clone.
    ///
    /// # Errors
    ///
    /// [`DynamoDbError::Start`] if there is no memory or thread.
    pub fn memory() -> Result<DynamoDb, DynamoDbError> {
        let database = Database::memory().map_err(|error| DynamoDbError::Start(error.into()))?;
        DynamoDb::start(database, true)
    }

    /// Opens a database in a file, which survives restarts. A new file is readable for its user only, because it
    /// contains the data of the tables.
    ///
    /// Expired items are removed now, and not while it is open. DynamoDB also keeps them for days.
    ///
    /// # Errors
    ///
    /// [`DynamoDbError::Open`].
    pub fn open(path: &Path) -> Result<DynamoDb, DynamoDbError> {
        let open = || -> Result<Database, Box<dyn std::error::Error + Send + Sync>> {
            create_private(path)?;
            let database = Database::new(path.to_str().ok_or("the path is not UTF-8")?)?;
            // Sets `synchronous = NORMAL`: a write does not wait for the disk, and a crash does not damage the file.
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
                    // The write counts even if its caller has stopped waiting.
                    let _ = call.reply.send(answer);
                }
            })
            .map_err(|error| DynamoDbError::Start(error.into()))?;
        Ok(dynamodb)
    }

    /// Injects faults into calls over HTTP.
    pub fn with_faults(self, faults: Faults) -> DynamoDb {
        DynamoDb { faults, ..self }
    }

    /// Reports calls over HTTP to observers.
    pub fn with_observers(self, observers: Observers) -> DynamoDb {
        DynamoDb { observers, ..self }
    }

    /// Runs one operation, such as `PutItem`, with the JSON body that AWS documents. Returns the status and the JSON
    /// body.
    pub async fn call(&self, operation: &str, body: Bytes) -> (StatusCode, Bytes) {
        let (status, answer) = self.answer(operation, body).await;
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            // Probably a full disk. SDKs retry without a log line.
            let answer = String::from_utf8_lossy(&answer);
            tracing::error!("the database failed at {operation}: {answer}");
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
        // Without the thread the reply is dropped, which counts as no response.
        let _ = self.calls.send(Call {
            operation: operation.to_owned(),
            body,
            reply,
        });
        answer.await.unwrap_or_else(|_| {
            operation::refused(&DynoxideError::InternalServerError(String::new()))
        })
    }

    /// Creates a table from the body of a `CreateTable` call, with the attribute by which its items expire. An existing
    /// table is kept.
    ///
    /// # Errors
    ///
    /// The table exists with another key or another expiry attribute, or DynamoDB rejects the body.
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

    /// Serves the HTTP API until the future is dropped. The guard decides which requests are accepted.
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

    /// Runs one operation in JSON. The error is the `__type` and the message.
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

/// Creates a file that only its user can read, unless it exists. SQLite gives its other files the same permissions.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    let created = options.write(true).create_new(true).mode(0o600).open(path);
    match created {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Formats the key of a table for errors: `pk (S, HASH), sk (S, RANGE)`.
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
