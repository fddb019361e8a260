//! A gateway on a free port, with the test in place of the function.

mod client;

pub(crate) use client::{Client, Reply, close_code, frame, head, next_frame};

use super::{
    Api, Authorization, Authorizer, Gateway, Integration, IntegrationError, Invocation, Options,
    Pages, Route,
};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, http};

pub(crate) const OK: &str = r#"{"statusCode":200}"#;

/// A handshake as bytes.
pub(crate) const HANDSHAKE: &[u8] = b"GET /dev HTTP/1.1\r\nHost: localhost\r\n\
    Upgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

pub(crate) type Answer = Result<String, IntegrationError>;

/// A function that accepts everything.
pub(crate) async fn ok(_: Value) -> Answer {
    Ok(OK.to_owned())
}

/// A two-way function that returns its message.
pub(crate) async fn echo(event: Value) -> Answer {
    let body = event["body"].as_str().unwrap();
    Ok(serde_json::json!({"statusCode": 200, "body": body}).to_string())
}

/// A function that does as `play` once it is released.
pub(crate) fn held<Fut>(
    release: &Arc<Notify>,
    play: impl Fn(Value) -> Fut + Clone + Send + Sync + 'static,
) -> impl Fn(Value) -> BoxFuture<'static, Answer> + Send + Sync + 'static
where
    Fut: Future<Output = Answer> + Send + 'static,
{
    let release = Arc::clone(release);
    move |event| {
        let (release, play) = (Arc::clone(&release), play.clone());
        Box::pin(async move {
            release.notified().await;
            play(event).await
        })
    }
}

/// A function that fails.
pub(crate) async fn fails(_: Value) -> Answer {
    Err(IntegrationError::Function("boom".to_owned()))
}

struct Script<F> {
    play: F,
    seen: mpsc::UnboundedSender<Value>,
}

impl<F, Fut> Integration for Script<F>
where
    F: Fn(Value) -> Fut + Send + Sync,
    Fut: Future<Output = Answer> + Send + 'static,
{
    fn invoke(&self, event: Bytes, request_id: &str) -> Invocation {
        let event: Value = serde_json::from_slice(&event).unwrap();
        assert_eq!(event["requestContext"]["requestId"], request_id);
        // The test may have dropped the receiver.
        let _ = self.seen.send(event.clone());
        let answer = (self.play)(event);
        Box::pin(async move { answer.await.map(Bytes::from) })
    }
}

/// A gateway that is not started yet.
pub(crate) struct Setup {
    pub(crate) api: Api,
    pub(crate) options: Options,
    pages: Option<Arc<dyn Pages>>,
    events: mpsc::UnboundedReceiver<Value>,
    seen: mpsc::UnboundedSender<Value>,
}

impl Setup {
    pub(crate) fn new() -> Self {
        let (seen, events) = mpsc::unbounded_channel();
        let options = Options {
            random: fastrand::Rng::with_seed(7),
            ..Options::default()
        };
        Self {
            api: Api::new("abcd1234", "dev"),
            options,
            pages: None,
            events,
            seen,
        }
    }

    pub(crate) fn route<F, Fut>(self, key: &str, play: F) -> Self
    where
        F: Fn(Value) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        self.with(key, play, |_| {})
    }

    pub(crate) fn two_way<F, Fut>(self, key: &str, play: F) -> Self
    where
        F: Fn(Value) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        self.with(key, play, |route| route.two_way = true)
    }

    pub(crate) fn with<F, Fut>(
        mut self,
        key: &str,
        play: F,
        change: impl FnOnce(&mut Route),
    ) -> Self
    where
        F: Fn(Value) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        let seen = self.seen.clone();
        let mut route = Route::new(Arc::new(Script { play, seen }));
        change(&mut route);
        self.api.routes.insert(key.to_owned(), route);
        self
    }

    pub(super) fn authorizer<F, Fut>(self, sources: &[&str], play: F) -> Self
    where
        F: Fn(Value) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Answer> + Send + 'static,
    {
        let seen = self.seen.clone();
        let mut authorizer = Authorizer::new(Arc::new(Script { play, seen }));
        let sources = sources.iter().map(|source| source.parse().unwrap());
        authorizer.identity_sources = sources.collect();
        self.api(|api| api.authorization = Authorization::Lambda(authorizer))
    }

    pub(super) fn api(mut self, change: impl FnOnce(&mut Api)) -> Self {
        change(&mut self.api);
        self
    }

    pub(crate) fn options(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(&mut self.options);
        self
    }

    pub(crate) fn pages(mut self, pages: impl Pages + 'static) -> Self {
        self.pages = Some(Arc::new(pages));
        self
    }

    pub(crate) async fn start(self) -> Local {
        self.start_on("127.0.0.1:0").await
    }

    pub(crate) async fn start_on(self, address: &str) -> Local {
        self.serve(TcpListener::bind(address).await.unwrap())
    }

    pub(crate) fn serve(self, listener: TcpListener) -> Local {
        let address = listener.local_addr().unwrap();
        let mut gateway = Gateway::new(self.api, self.options);
        gateway.pages = self.pages;
        let (shutdown, ended) = oneshot::channel::<()>();
        let serving = tokio::spawn({
            let gateway = gateway.clone();
            async move {
                gateway
                    .serve(listener, async { ended.await.unwrap_or(()) })
                    .await
            }
        });
        Local {
            address,
            gateway,
            events: Mutex::new(self.events),
            shutdown,
            serving,
        }
    }
}

/// A running gateway.
pub(crate) struct Local {
    pub(crate) address: SocketAddr,
    pub(crate) gateway: Gateway,
    events: Mutex<mpsc::UnboundedReceiver<Value>>,
    shutdown: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl Local {
    pub(crate) async fn event(&self) -> Value {
        self.events.lock().await.recv().await.unwrap()
    }

    /// Returns the next event, which must be of this type.
    pub(crate) async fn expect(&self, kind: &str) -> Value {
        let event = self.event().await;
        assert_eq!(event["requestContext"]["eventType"], kind, "{event}");
        event
    }

    /// Returns the connection id of the next event.
    pub(crate) async fn id(&self) -> String {
        let event = self.event().await;
        let id = event["requestContext"]["connectionId"].as_str();
        id.unwrap().to_owned()
    }

    /// Returns the code and reason of the next event, a DISCONNECT.
    pub(crate) async fn disconnected(&self) -> (u64, String) {
        let event = self.expect("DISCONNECT").await;
        let context = &event["requestContext"];
        (
            context["disconnectStatusCode"].as_u64().unwrap(),
            context["disconnectReason"].as_str().unwrap().to_owned(),
        )
    }

    /// Checks that no event is waiting.
    pub(crate) async fn silent(&self) {
        assert!(self.events.lock().await.try_recv().is_err());
    }

    pub(crate) async fn connect(&self) -> Client {
        self.handshake("/dev", &[]).await.unwrap().0
    }

    /// Sends a handshake and returns its result.
    pub(crate) async fn handshake(
        &self,
        target: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<(Client, http::Response<Option<Vec<u8>>>), http::Response<Option<Vec<u8>>>> {
        let url = format!("ws://{}{target}", self.address);
        let mut request = url.into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        match tokio_tungstenite::client_async(request, self.raw().await).await {
            Ok((socket, response)) => Ok((Client(socket), response)),
            Err(Error::Http(response)) => Err(*response),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn status(&self) -> u16 {
        match self.handshake("/dev", &[]).await {
            Ok(_) => 101,
            Err(response) => response.status().as_u16(),
        }
    }

    pub(crate) async fn raw(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Opens a connection for raw frames.
    pub(crate) async fn raw_socket(&self) -> TcpStream {
        let mut stream = self.raw().await;
        stream.write_all(HANDSHAKE).await.unwrap();
        let head = head(&mut stream).await;
        assert!(head.starts_with("HTTP/1.1 101"), "{head}");
        stream
    }

    /// Sends an HTTP request on a separate TCP connection.
    pub(crate) async fn http(&self, method: &str, path: &str, body: &[u8]) -> Reply {
        self.http_with(method, path, "Host: localhost\r\n", body)
            .await
    }

    pub(crate) async fn http_with(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> Reply {
        let length = body.len();
        let request = format!(
            "{method} {path} HTTP/1.1\r\n{headers}Connection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        let mut stream = self.raw().await;
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
        let mut reply = Vec::new();
        stream.read_to_end(&mut reply).await.unwrap();
        Reply::parse(&String::from_utf8(reply).unwrap())
    }

    pub(crate) async fn post(&self, id: &str, data: &str) -> Reply {
        let path = format!("/dev/@connections/{id}");
        self.http("POST", &path, data.as_bytes()).await
    }

    pub(crate) async fn until(&self, connections: usize) {
        while self.gateway.connections() != connections {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) async fn shut_down(self) -> mpsc::UnboundedReceiver<Value> {
        self.shutdown.send(()).unwrap();
        self.serving.await.unwrap();
        self.events.into_inner()
    }
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}
