//! A websocket client.

use crate::deadline::within;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// A websocket client. Whatever it waits for has a deadline.
#[derive(Debug)]
pub struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// The sub-protocol the server chose.
    pub protocol: Option<String>,
    name: String,
}

/// Why a client was not let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
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
    /// If the server refuses.
    pub async fn connect(url: &str) -> Self {
        let connected = Self::knock(url, &[]).await;
        connected.unwrap_or_else(|refused| panic!("{url} refuses: {refused:?}"))
    }

    /// Asks to connect, with additional headers.
    ///
    /// # Errors
    ///
    /// What the server says instead.
    ///
    /// # Panics
    ///
    /// If it says nothing, or nothing that is HTTP.
    pub async fn knock(url: &str, headers: &[(&'static str, &str)]) -> Result<Self, Refused> {
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
            Err(Error::Http(response)) => Err(Refused {
                status: response.status().as_u16(),
                body: String::from_utf8_lossy(response.body().as_deref().unwrap_or_default())
                    .into_owned(),
            }),
            Err(error) => panic!("{url}: {error}"),
        }
    }

    /// Sends JSON.
    pub async fn say(&mut self, json: Value) {
        self.say_text(&json.to_string()).await;
    }

    /// Sends text.
    ///
    /// # Panics
    ///
    /// If the connection is no more.
    pub async fn say_text(&mut self, text: &str) {
        let sent = self.socket.send(Message::text(text)).await;
        sent.unwrap_or_else(|error| panic!("{} cannot send: {error}", self.name));
    }

    /// The next message, as it is.
    ///
    /// # Panics
    ///
    /// If the connection ends without.
    pub async fn text(&mut self) -> String {
        let what = format!("a message for {}", self.name);
        match within(&what, self.next()).await {
            Ok(text) => text,
            Err(close) => panic!("{what}: closed with {close:?}"),
        }
    }

    /// The next message, as JSON.
    ///
    /// # Panics
    ///
    /// If it is none.
    pub async fn json(&mut self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text:?}"))
    }

    /// Expects this message next.
    ///
    /// # Panics
    ///
    /// If another one arrives.
    #[track_caller]
    pub fn hears(&mut self, expected: Value) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let heard = self.json().await;
            assert_eq!(heard, expected, "{} hears ({caller})", self.name);
        }
    }

    /// Waits for this message, whatever comes before; returns what that was.
    pub async fn hears_at_last(&mut self, expected: &Value) -> Vec<Value> {
        let mut before = Vec::new();
        loop {
            let heard = self.json().await;
            if heard == *expected {
                return before;
            }
            before.push(heard);
        }
    }

    /// Expects these messages next, in any order: API Gateway keeps none (conformance E2, F8).
    ///
    /// # Panics
    ///
    /// If another one arrives.
    pub async fn hears_all<const N: usize>(&mut self, expected: [Value; N]) {
        let mut missing = expected.to_vec();
        while !missing.is_empty() {
            let heard = self.json().await;
            let found = missing.iter().position(|one| *one == heard);
            let found = found
                .unwrap_or_else(|| panic!("{} hears {heard} and expects {missing:?}", self.name));
            missing.swap_remove(found);
        }
    }

    /// Waits until the server closes, whatever it says before; returns code and reason.
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

    /// Everything it hears until the server closes.
    pub async fn all_texts(mut self) -> Vec<String> {
        let what = format!("a message or a close frame for {}", self.name);
        let mut texts = Vec::new();
        while let Ok(text) = within(&what, self.next()).await {
            texts.push(text);
        }
        texts
    }

    /// Closes, as a browser's `close()` does, and waits until the server has agreed.
    pub async fn close(mut self) {
        let _ = self.socket.close(None).await;
        self.closed().await;
    }

    /// The next message, or code and reason of the close frame; 1006 if there was none.
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
