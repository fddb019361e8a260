mod access;
mod actions;
mod logs;
mod stream;

use super::*;
use crate::activity::{Observer as _, Observers};
use crate::admin::Admin;
use crate::faults::Faults;
use crate::function::{LogLine, Stream};
use crate::gateway::testing::{Local, Reply, Setup, ok};
use crate::gateway::{Audience, IntegrationError, Rate, RateLimits};
use crate::guard::Guard;
use crate::session_tokens::{Session, SessionTokens};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::{TcpListener, TcpStream};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A gateway with a console, and what it is told.
struct Watched {
    local: Local,
    activity: ActivityLog,
    dynamodb: DynamoDb,
    tokens: SessionTokens,
}

/// A function that repeats its event.
struct Repeating;

impl Functions for Repeating {
    fn names(&self) -> Vec<String> {
        vec!["chat".to_owned()]
    }

    fn invoke(&self, function: &str, event: Bytes) -> Invoked {
        let known = function == "chat";
        Box::pin(async move { known.then_some(event).ok_or("nobody".to_owned()) })
    }

    fn freezes(&self) -> Option<bool> {
        Some(true)
    }

    fn set_freeze(&self, _: bool) {}
}

async fn start(setup: Setup, web: Option<&Path>) -> Watched {
    start_for(setup, web, Audience::ThisMachine).await
}

async fn start_for(setup: Setup, web: Option<&Path>, audience: Audience) -> Watched {
    let tokens = SessionTokens::new();
    let activity = ActivityLog::new(tokens.clone());
    let dynamodb = DynamoDb::memory().unwrap();
    dynamodb.create_table(table(), Some("exp")).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    // The clients' address is known before the gateway is.
    let address = listener.local_addr().unwrap();
    let console = Console::new(
        activity.clone(),
        dynamodb.clone(),
        Arc::new(Repeating),
        address,
    );
    let setup = setup.options(|options| {
        options.session_tokens = tokens.clone();
        options.observers = Observers::default().with(activity.clone());
    });
    let setup = setup.pages(Site {
        admin: Admin::new(Faults::default()),
        console: Some(console),
        web: web.map(|folder| Web::new(folder, false)),
        admin_audience: audience,
        console_audience: audience,
    });
    let local = setup.serve(listener);
    Watched {
        local,
        activity,
        dynamodb,
        tokens,
    }
}

fn table() -> Value {
    json!({
        "TableName": "Connections", "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [
            {"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "S"},
        ],
        "KeySchema": [
            {"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
    })
}

impl Watched {
    async fn call(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let path = format!("/_console/api/{path}");
        let answer = self.local.http(method, &path, body.as_bytes()).await;
        let json = serde_json::from_str(&answer.body);
        (answer.status, json.unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Reply {
        self.local.http("GET", path, b"").await
    }

    /// A page that listens.
    async fn page(&self) -> Listening {
        let mut stream = self.local.raw().await;
        let request = "GET /_console/api/stream HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        Listening(BufReader::new(stream).lines())
    }
}

struct Listening(Lines<BufReader<TcpStream>>);

impl Listening {
    /// The next batch; `None` at the end.
    async fn batch(&mut self) -> Option<Value> {
        let next = async {
            while let Some(line) = self.0.next_line().await.ok()? {
                if let Some(data) = line.strip_prefix("data: ") {
                    return Some(serde_json::from_str(data).unwrap());
                }
            }
            None
        };
        let next = tokio::time::timeout(PATIENCE, next).await;
        next.expect("the stream goes on or ends")
    }

    /// The first entry of this kind that is so.
    async fn entry(&mut self, kind: &str, is: impl Fn(&Value) -> bool) -> Value {
        let found = async {
            loop {
                let batch = self.batch().await.expect("the stream goes on");
                let mut entries = batch["entries"].as_array().unwrap().iter();
                if let Some(found) = entries.find(|one| one["k"] == kind && is(one)) {
                    return found.clone();
                }
            }
        };
        let found = tokio::time::timeout(PATIENCE, found).await;
        found.unwrap_or_else(|_| panic!("no entry `{kind}` is told"))
    }
}
