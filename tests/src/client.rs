//! A websocket client.

use crate::deadline::within;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// A websocket client. Every wait has a timeout.
#[derive(Debug)]
pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The sub-protocol that the server chose.
    pub protocol: Option<String>,
    name: String,
}

/// The response that rejects a handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandshakeError {
    /// The HTTP status.
    pub status: u16,
    /// The HTTP body.
    pub body: String,
}

impl Client {
    /// Connects.
    ///
    /// # Panics
    ///
    /// The server rejects the handshake.
    pub async fn connect(url: &str) -> Self {
        let connected = Self::try_connect(url, &[]).await;
        connected.unwrap_or_else(|refused| panic!("{url} rejects the handshake: {refused:?}"))
    }

    /// Tries to connect, with additional headers.
    ///
    /// # Errors
    ///
    /// The server rejects the handshake.
    ///
    /// # Panics
    ///
    /// The server does not answer with HTTP.
    pub async fn try_connect(
        url: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, HandshakeError> {
        let mut request = url.into_client_request().expect("a proper URL");
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("a proper header");
            request.headers_mut().insert(*name, value);
        }
        match within("an answer to a handshake", connect_async(request)).await {
            Ok((socket, response)) => {
                let protocol = response.headers().get("sec-websocket-protocol");
                let protocol = protocol.map(|p| p.to_str().expect("ASCII").to_owned());
                Ok(Self {
                    socket,
                    protocol,
                    name: url.to_owned(),
                })
            }
            Err(Error::Http(response)) => Err(HandshakeError {
                status: response.status().as_u16(),
                body: String::from_utf8_lossy(response.body().as_deref().unwrap_or_default())
                    .into_owned(),
            }),
            Err(error) => panic!("{url}: {error}"),
        }
    }

    /// Sends JSON.
    pub async fn send(&mut self, json: Value) {
        self.send_text(&json.to_string()).await;
    }

    /// Sends text.
    ///
    /// # Panics
    ///
    /// The connection is closed.
    pub async fn send_text(&mut self, text: &str) {
        let sent = self.socket.send(Message::text(text)).await;
        sent.unwrap_or_else(|error| panic!("{} cannot send: {error}", self.name));
    }

    /// Receives the next message.
    ///
    /// # Panics
    ///
    /// The connection ends before.
    pub async fn text(&mut self) -> String {
        let what = format!("a message for {}", self.name);
        match within(&what, self.next()).await {
            Ok(text) => text,
            Err(close) => panic!("{what}: closed with {close:?}"),
        }
    }

    /// Receives the next message as JSON.
    ///
    /// # Panics
    ///
    /// The message is not valid JSON.
    pub async fn json(&mut self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("not valid JSON: {text:?}"))
    }

    /// Expects this message next.
    ///
    /// # Panics
    ///
    /// Another message arrives.
    #[track_caller]
    pub fn expects(&mut self, expected: Value) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let heard = self.json().await;
            assert_eq!(heard, expected, "{} receives ({caller})", self.name);
        }
    }

    /// Waits for this message. Returns the messages before it.
    pub async fn expects_at_last(&mut self, expected: &Value) -> Vec<Value> {
        let mut before = Vec::new();
        loop {
            let heard = self.json().await;
            if heard == *expected {
                return before;
            }
            before.push(heard);
        }
    }

    /// Expects these messages next, in any order: API Gateway guarantees none (conformance E2, F8).
    ///
    /// # Panics
    ///
    /// Another message arrives.
    pub async fn expects_all<const N: usize>(&mut self, expected: [Value; N]) {
        let mut missing = expected.to_vec();
        while !missing.is_empty() {
            let heard = self.json().await;
            let found = missing.iter().position(|one| *one == heard);
            let found = found.unwrap_or_else(|| {
                panic!("{} receives {heard} and expects {missing:?}", self.name)
            });
            missing.swap_remove(found);
        }
    }

    /// Waits until the server closes the connection. Returns the code and the reason.
    pub async fn closed(&mut self) -> (u16, String) {
        let what = format!("a close frame for {}", self.name);
        let closed = async {
            loop {
                if let Err(close) = self.next().await {
                    return close;
                }
            }
        };
        within(&what, closed).await
    }

    /// Receives all messages until the server closes the connection.
    pub async fn all_texts(mut self) -> Vec<String> {
        let what = format!("a message or a close frame for {}", self.name);
        let mut texts = Vec::new();
        while let Ok(text) = within(&what, self.next()).await {
            texts.push(text);
        }
        texts
    }

    /// Closes the connection like a browser's `close()`, and waits for the server's close frame.
    pub async fn close(mut self) {
        let _ = self.socket.close(None).await;
        self.closed().await;
    }

    /// Returns the next message, or the code and the reason of the close frame; 1006 without a close frame.
    async fn next(&mut self) -> Result<String, (u16, String)> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(Some(frame)))) => {
                    return Err((frame.code.into(), frame.reason.as_str().to_owned()));
                }
                Some(Ok(Message::Close(None))) => return Err((1005, String::new())),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err((1006, error.to_string())),
                None => return Err((1006, String::new())),
            }
        }
    }
}
