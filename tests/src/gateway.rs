//! A local gateway that serves a function.

use crate::client::{Client, HandshakeError};
use crate::deadline::{PATIENCE, within_time};
use crate::processes::Processes;
use crate::program::{Ended, Program};
use crate::programs;
use crate::table::Table;
use aws_sdk_apigatewaymanagement::config::{Credentials, SharedCredentialsProvider};
use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};
use serde_json::Value;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The option with the number of events that a process has at once.
const AT_ONCE: &str = "--process-concurrency";

/// How a gateway is started.
#[derive(Debug)]
pub struct Setup {
    folder: PathBuf,
    args: Vec<OsString>,
    program: Vec<OsString>,
    patience: Duration,
    secret: String,
    gateway: Option<PathBuf>,
    under: Vec<OsString>,
}

impl Setup {
    /// A gateway on free ports, in the workspace's folder. With `LAMBDA_WS_TEST_CONCURRENCY` its processes have so many
    /// events at once.
    pub fn new() -> Self {
        // What tells the processes of this gateway's function from all others.
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let secret = format!("secret-{}-{number}", std::process::id());
        let this = Self {
            folder: programs::root(),
            args: Vec::new(),
            program: Vec::new(),
            patience: PATIENCE,
            secret,
            gateway: None,
            under: Vec::new(),
        };
        let secret = this.secret.clone();
        this.args(["--port", "0", "--secret-access-key", &secret])
    }

    /// On this port, to restart a gateway where its clients look for it.
    pub fn port(mut self, port: u16) -> Self {
        // The first two arguments are the port.
        self.args[1] = port.to_string().into();
        self
    }

    /// With further options.
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// With a template of this package's fixtures.
    pub fn template(self, name: &str) -> Self {
        let path = programs::fixture(name);
        self.args([OsString::from("--template"), path.into()])
    }

    /// In another folder.
    pub fn folder(mut self, folder: &Path) -> Self {
        self.folder = folder.to_owned();
        self
    }

    /// With this program behind `--`.
    pub fn program<A: Into<OsString>>(mut self, program: impl IntoIterator<Item = A>) -> Self {
        self.program = program.into_iter().map(Into::into).collect();
        self
    }

    /// With so much time to start, because something is compiled.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Another build of the gateway than the tests have.
    pub fn gateway(mut self, program: PathBuf) -> Self {
        self.gateway = Some(program);
        self
    }

    /// With this beginning of the command line.
    pub fn under(mut self, command: Vec<OsString>) -> Self {
        self.under = command;
        self
    }

    /// The processes of its function.
    pub fn processes(&self) -> Processes {
        Processes::with(format!("AWS_SECRET_ACCESS_KEY={}", self.secret))
    }

    /// Starts it, whether or not it can.
    pub fn spawn(mut self) -> Program {
        allow_many_files();
        if let Some(events) = std::env::var_os("LAMBDA_WS_TEST_CONCURRENCY")
            && !self.args.iter().any(|arg| arg == AT_ONCE)
        {
            self = self.args([AT_ONCE.into(), events]);
        }
        let dashes = (!self.program.is_empty()).then(|| "--".into());
        let args = self.args.into_iter().chain(dashes).chain(self.program);
        let gateway = self.gateway.unwrap_or_else(programs::gateway);
        let line = self.under.into_iter().chain([gateway.into()]).chain(args);
        let line: Vec<_> = line.collect();
        Program::start(Path::new(&line[0]), &self.folder, &line[1..])
    }

    /// Starts it and waits until it serves.
    ///
    /// # Panics
    ///
    /// If it does not.
    pub async fn start(self) -> Gateway {
        let (processes, patience) = (self.processes(), self.patience);
        let mut program = self.spawn();
        let ready = program.stdout.find(|line| line.starts_with("credentials"));
        let ready = within_time(patience, "a gateway that serves", ready).await;
        assert!(ready.is_some(), "the gateway does not serve");
        let lines = program.stdout.now();
        let value = |name: &str| {
            let line = lines.iter().find(|line| line.starts_with(name));
            let value = line.and_then(|line| line.split_whitespace().nth(1));
            let value = value.unwrap_or_else(|| panic!("no line `{name}`: {lines:?}"));
            value.to_owned()
        };
        Gateway {
            url: value("websocket"),
            management: value("management"),
            dynamodb: value("dynamodb"),
            processes,
            program,
        }
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}

/// A local gateway that serves a function.
#[derive(Debug)]
pub struct Gateway {
    /// Where clients connect.
    pub url: String,
    /// The management API's URL, as it is printed.
    pub management: String,
    /// DynamoDB's URL.
    pub dynamodb: String,
    /// The processes of its function.
    pub processes: Processes,
    /// The gateway itself.
    pub program: Program,
}

impl Gateway {
    /// One that serves the chat by `template.yaml`.
    pub async fn chat() -> Self {
        Setup::new().program([programs::chat()]).start().await
    }

    /// Connects a client with this query string.
    pub async fn client(&self, query: &str) -> Client {
        Client::connect(&self.at(query)).await
    }

    /// Connects a client of the chat, and waits for its welcome message.
    ///
    /// # Panics
    ///
    /// Another message arrives first.
    pub async fn welcomed(&self, query: &str) -> Client {
        let mut client = self.client(query).await;
        let mut welcome = client.json().await;
        // Users who joined shortly before may be announced only now.
        while welcome["type"] == "joined" {
            welcome = client.json().await;
        }
        assert_eq!(welcome["type"], "welcome", "{query} receives {welcome}");
        client
    }

    /// Tries to connect a client with this query string.
    ///
    /// # Errors
    ///
    /// The gateway rejects the handshake.
    pub async fn try_client(&self, query: &str) -> Result<Client, HandshakeError> {
        Client::try_connect(&self.at(query), &[]).await
    }

    /// The port on which it serves.
    ///
    /// # Panics
    ///
    /// If its URL has none.
    pub fn port(&self) -> u16 {
        let rest = self.url.rsplit_once(':').map(|(_, rest)| rest);
        let port = rest.and_then(|rest| rest.split('/').next()?.parse().ok());
        port.expect("the URL has a port")
    }

    /// The URL with a query string.
    pub fn at(&self, query: &str) -> String {
        format!("{}?{query}", self.url)
    }

    /// Calls the admin API.
    ///
    /// # Panics
    ///
    /// The response is not JSON with status 200.
    pub async fn admin(&self, method: &str, page: &str, body: &str) -> Value {
        let answer = self.try_admin(method, page, body).await;
        answer.unwrap_or_else(|answer| panic!("{page}: {answer}"))
    }

    /// Calls the admin API.
    ///
    /// # Errors
    ///
    /// The response, if its status is not 200.
    ///
    /// # Panics
    ///
    /// The response is not JSON.
    pub async fn try_admin(&self, method: &str, page: &str, body: &str) -> Result<Value, String> {
        let rest = self.management.strip_prefix("http://");
        let host = rest.and_then(|rest| rest.split('/').next());
        let host = host.expect("the gateway prints its address");
        let length = body.len();
        let request = format!(
            "{method} /_admin/{page} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        let mut stream = TcpStream::connect(host).await.expect("it listens");
        let sent = stream.write_all(request.as_bytes()).await;
        sent.expect("it reads");
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer).await;
        read.expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP response");
        if !head.starts_with("HTTP/1.1 200 ") {
            return Err(answer);
        }
        Ok(serde_json::from_str(body).expect("it answers in JSON"))
    }

    /// The connections' table.
    pub async fn table(&self) -> Table {
        Table::at(&self.dynamodb).await
    }

    /// Asks it to end and waits until it has, with everything it has started.
    ///
    /// # Panics
    ///
    /// If it does not end well, or leaves a process behind.
    pub async fn stop(self) {
        let processes = self.processes.clone();
        let ended = self.end(Signal::TERM).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        processes.ended().await;
    }

    /// Ends it by a signal, and waits for that.
    pub async fn end(self, signal: Signal) -> Ended {
        self.program.signal(signal);
        self.program.ended().await
    }
}

/// Raises the soft limit of open files of this process, and of those that it starts. Returns the limit, if there is one.
pub fn allow_many_files() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit {
        current: limit.maximum,
        ..limit
    };
    // A limit that stays lower is reported where files are missing.
    let _ = setrlimit(Resource::Nofile, most);
    getrlimit(Resource::Nofile).current
}

/// Returns the configuration of an AWS SDK with these credentials.
pub fn sdk_config(key: &str, secret: &str) -> aws_config::SdkConfig {
    let credentials = Credentials::new(key, secret, None, None, "tests");
    aws_config::SdkConfig::builder()
        .behavior_version(aws_config::BehaviorVersion::latest())
        .region(aws_config::Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(lambda_ws::transport::https_client())
        .build()
}
