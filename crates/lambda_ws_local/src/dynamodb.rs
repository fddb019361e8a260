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

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;

use bytes::Bytes;
use dynoxide::{Database, DynoxideError};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

mod http_api;
mod operation;
#[cfg(test)]
mod tests;

use crate::guard::Guard;
use crate::listener::Listener;

/// A DynamoDB. Clones are the same one.
///
/// The database takes one call at a time whoever calls it, so one thread of its own serves all of them: no async task is
/// ever blocked, and none of the runtime's blocking threads is taken.
#[derive(Clone, Debug)]
pub struct DynamoDb {
    calls: mpsc::Sender<Call>,
}

/// Why there is no DynamoDB, or not the table that was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DynamoDbError {
    /// The file cannot be opened or is not a database.
    #[error("cannot open the database {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No memory database, or no thread for it.
    #[error("cannot start the database")]
    Start(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The table exists with other keys.
    #[error(
        "the table {table} exists with the key {found}, not {expected}; delete it, or use another data file"
    )]
    OtherKey {
        /// The table.
        table: String,
        /// The key that was asked for.
        expected: String,
        /// The key it has.
        found: String,
    },
    /// Items of the table already expire by another attribute.
    #[error(
        "items of the table {table} expire by {found}, not by {expected}; delete it, or use another data file"
    )]
    OtherTtl {
        /// The table.
        table: String,
        /// The attribute that was asked for.
        expected: String,
        /// The attribute it has.
        found: String,
    },
    /// DynamoDB refuses the table.
    #[error("{operation} failed: {message}")]
    Refused {
        /// The operation.
        operation: &'static str,
        /// Its answer.
        message: String,
    },
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
        DynamoDb::start(Database::memory().map_err(|error| DynamoDbError::Start(error.into()))?)
    }

    /// A database in a file, which is created if it does not exist and survives restarts.
    ///
    /// Items that have expired are removed now, and not later: DynamoDB leaves them for days, too.
    ///
    /// # Errors
    ///
    /// [`DynamoDbError::Open`].
    pub fn open(path: &Path) -> Result<DynamoDb, DynamoDbError> {
        let open = || -> Result<Database, Box<dyn std::error::Error + Send + Sync>> {
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
        DynamoDb::start(database)
    }

    fn start(database: Database) -> Result<DynamoDb, DynamoDbError> {
        let (calls, queue) = mpsc::channel::<Call>();
        thread::Builder::new()
            .name("dynamodb".into())
            .spawn(move || {
                for call in queue {
                    // A caller that has gone away changes nothing: its write is a write.
                    let _ =
                        call.reply
                            .send(operation::answer(&database, &call.operation, &call.body));
                }
            })
            .map_err(|error| DynamoDbError::Start(error.into()))?;
        Ok(DynamoDb { calls })
    }

    /// One operation, such as `PutItem`, with the JSON body that AWS documents; the answer is status and JSON body.
    pub async fn call(&self, operation: &str, body: Bytes) -> (StatusCode, Bytes) {
        let (reply, answer) = oneshot::channel();
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
