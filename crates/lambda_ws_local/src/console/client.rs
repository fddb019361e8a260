//! One client of the console: a WebSocket to the gateway, and its messages.

mod setup;

pub(super) use setup::{Place, Setup};

use super::reply::ConsoleError;
use crate::activity::{ActivityLog, millis};
use crate::lock::lock;
use futures_util::{SinkExt, StreamExt};
use http::header::SEC_WEBSOCKET_PROTOCOL;
use lambda_ws_protocol::Timestamp;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// The maximum number of stored messages of a client, and of reported messages per second.
const MESSAGES: usize = 500;
const REPORTED: u32 = 100;

/// The maximum number of messages that wait to be sent.
const WAITING: usize = 1_000;

/// The timeout of a handshake (conformance B5), and of a close.
const HANDSHAKE: Duration = Duration::from_secs(35);
const CLOSE: Duration = Duration::from_secs(2);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// One client. Clones share it.
#[derive(Clone)]
pub(super) struct Client(Arc<Inner>);

struct Inner {
    id: u64,
    setup: Setup,
    begun: Instant,
    activity: ActivityLog,
    orders: mpsc::Sender<Order>,
    state: Mutex<State>,
}

struct State {
    /// `connecting`, `open`, `refused`, `failed` or `closed`.
    word: &'static str,
    more: Value,
    messages: VecDeque<Value>,
    /// The current second since the start, and the number of its reported messages.
    second: (u64, u32),
    unreported: u64,
}

enum Order {
    Send(String),
    Close,
}

impl Client {
    pub(super) fn start(
        id: u64,
        setup: Setup,
        place: Place,
        activity: ActivityLog,
    ) -> Result<Client, ConsoleError> {
        let request = setup.request(&place)?;
        let (orders, received) = mpsc::channel(WAITING);
        let client = Client(Arc::new(Inner {
            id,
            setup,
            begun: Instant::now(),
            activity,
            orders,
            state: Mutex::new(State {
                word: "connecting",
                more: Value::Null,
                messages: VecDeque::new(),
                second: (0, 0),
                unreported: 0,
            }),
        }));
        client.report_state();
        let this = client.clone();
        tokio::spawn(async move { this.run(request, place, received).await });
        Ok(client)
    }

    pub(super) fn id(&self) -> u64 {
        self.0.id
    }

    pub(super) fn is_over(&self) -> bool {
        !matches!(lock(&self.0.state).word, "connecting" | "open")
    }

    pub(super) fn send(&self, text: String) -> Result<(), ConsoleError> {
        let order = Order::Send(text);
        let full = "the client is closed, or too many messages wait to be sent";
        let sent = self.0.orders.try_send(order);
        sent.map_err(|_| ConsoleError::bad(full))
    }

    pub(super) fn close(&self) {
        // A full channel belongs to a client that cannot send. It ends with the gateway.
        let _ = self.0.orders.try_send(Order::Close);
    }

    /// Returns the client as JSON for the page.
    pub(super) fn show(&self) -> Value {
        let state = lock(&self.0.state);
        let mut shown = self.state(&state);
        shown["messages"] = state.messages.iter().cloned().collect();
        shown["untold"] = state.unreported.into();
        shown
    }

    fn state(&self, state: &State) -> Value {
        let setup = &self.0.setup;
        json!({
            "k": "client", "client": self.0.id, "name": setup.name, "query": setup.query,
            "headers": setup.headers, "protocols": setup.protocols,
            "state": state.word, "more": state.more,
        })
    }

    async fn run(&self, request: Request, place: Place, mut orders: mpsc::Receiver<Order>) {
        let connecting = timeout(HANDSHAKE, self.connect(request, place)).await;
        let mut socket = match connecting {
            Ok(Some(socket)) => socket,
            Ok(None) => return,
            Err(_) => return self.set("failed", json!({ "why": "no response within 35 s" })),
        };
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Send(text)) => {
                        self.message("sent", &text);
                        if let Err(error) = socket.send(Message::text(text)).await {
                            return self.ended(&error);
                        }
                    }
                    Some(Order::Close) | None => {
                        let closing = async {
                            let _ = socket.close(None).await;
                            while let Some(Ok(_)) = socket.next().await {}
                        };
                        let _ = timeout(CLOSE, closing).await;
                        return self.set("closed", json!({ "by": "client", "code": 1005 }));
                    }
                },
                received = socket.next() => match received {
                    Some(Ok(Message::Text(text))) => self.message("received", text.as_str()),
                    Some(Ok(Message::Close(frame))) => {
                        let _ = timeout(CLOSE, socket.close(None)).await;
                        return self.set("closed", closed(frame.as_ref()));
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return self.ended(&error),
                    None => return self.set("closed", closed(None)),
                },
            }
        }
    }

    async fn connect(&self, request: Request, place: Place) -> Option<Socket> {
        let stream = match TcpStream::connect(place.address).await {
            Ok(stream) => stream,
            Err(error) => {
                self.set("failed", json!({ "why": error.to_string() }));
                return None;
            }
        };
        let _ = stream.set_nodelay(true);
        // The page identifies the connection by its port.
        let port = stream.local_addr().map_or(0, |address| address.port());
        let connector = place.connector;
        let connected =
            tokio_tungstenite::client_async_tls_with_config(request, stream, None, connector).await;
        match connected {
            Ok((socket, response)) => {
                let headers = response.headers();
                let protocol = headers.get(SEC_WEBSOCKET_PROTOCOL);
                let protocol = protocol.and_then(|protocol| protocol.to_str().ok());
                let took = millis(self.0.begun.elapsed());
                self.set(
                    "open",
                    json!({ "port": port, "protocol": protocol, "ms": took }),
                );
                Some(socket)
            }
            Err(Error::Http(response)) => {
                let body = response.body().as_deref().unwrap_or_default();
                let body = String::from_utf8_lossy(body).into_owned();
                let status = response.status().as_u16();
                let took = millis(self.0.begun.elapsed());
                self.set(
                    "refused",
                    json!({ "port": port, "status": status, "body": body, "ms": took }),
                );
                None
            }
            Err(error) => {
                self.set("failed", json!({ "why": error.to_string(), "port": port }));
                None
            }
        }
    }

    fn ended(&self, error: &Error) {
        match error {
            Error::ConnectionClosed | Error::AlreadyClosed => self.set("closed", closed(None)),
            error => {
                let more = json!({ "by": "gateway", "code": 1006, "why": error.to_string() });
                self.set("closed", more);
            }
        }
    }

    fn set(&self, word: &'static str, more: Value) {
        let mut state = lock(&self.0.state);
        state.word = word;
        if let (Value::Object(old), Value::Object(new)) = (&mut state.more, &more) {
            // Details of the open connection stay.
            old.extend(new.clone());
        } else {
            state.more = more;
        }
        drop(state);
        self.report_state();
    }

    fn report_state(&self) {
        self.0
            .activity
            .console_client(|| self.state(&lock(&self.0.state)));
    }

    fn message(&self, direction: &str, text: &str) {
        let since = self.0.begun.elapsed();
        let message = json!({
            "direction": direction, "text": text, "bytes": text.len(),
            "at": Timestamp::now().millis(), "ms": millis(since),
        });
        let mut state = lock(&self.0.state);
        state.messages.push_back(message.clone());
        if state.messages.len() > MESSAGES {
            state.messages.pop_front();
        }
        if state.second.0 != since.as_secs() {
            state.second = (since.as_secs(), 0);
        }
        state.second.1 += 1;
        if state.second.1 > REPORTED {
            state.unreported += 1;
            return;
        }
        let unreported = state.unreported;
        drop(state);
        self.0.activity.console_client(|| {
            let mut entry = message;
            entry["k"] = "said".into();
            entry["client"] = self.0.id.into();
            entry["untold"] = unreported.into();
            entry
        });
    }
}

fn closed(frame: Option<&CloseFrame>) -> Value {
    let (code, reason) = match frame {
        Some(frame) => (u16::from(frame.code), frame.reason.as_str()),
        None => (1006, ""),
    };
    json!({ "by": "gateway", "code": code, "reason": reason })
}
