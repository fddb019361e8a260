//! One websocket connection: a task that reads and a task that writes.

use crate::client::{Handshake, Input};
use crate::error::Error;
use futures_util::{SinkExt, StreamExt};
use http::HeaderValue;
use http::header::SEC_WEBSOCKET_PROTOCOL;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::mpsc::{Sender, UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{Connector, connect_async_tls_with_config};

/// The longest message of the server: API Gateway's limit of 128 KB, with space for later ones.
const MAX_MESSAGE: usize = 1024 * 1024;

/// How long the server may take to answer a close frame.
const CLOSE: Duration = Duration::from_secs(2);

/// A websocket connection. Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct Socket {
    frames: UnboundedSender<String>,
    unsent: Arc<AtomicUsize>,
    connecting: AbortHandle,
    is_open: bool,
}

impl Socket {
    /// Opens a connection, and reports what happens to it under `number`.
    pub(crate) fn open(
        number: u64,
        handshake: impl Future<Output = Result<Handshake, Error>> + Send + 'static,
        inputs: Sender<Input>,
    ) -> Self {
        let (frames, queue) = unbounded_channel();
        let unsent = Arc::<AtomicUsize>::default();
        let written = unsent.clone();
        let task = tokio::spawn(async move {
            let ended = match handshake.await {
                Ok(handshake) => run(number, handshake, &inputs, queue, &written).await,
                Err(error) => error,
            };
            // The client may be gone.
            let _ = inputs.send(Input::Lost(number, ended)).await;
        });
        Self {
            frames,
            unsent,
            connecting: task.abort_handle(),
            is_open: false,
        }
    }

    /// Notes that the connection is open. It then ends with a close frame.
    pub(crate) fn opened(&mut self) {
        self.is_open = true;
    }

    pub(crate) fn send(&self, text: String) {
        self.unsent.fetch_add(text.len(), Ordering::Relaxed);
        // The reader reports the end.
        let _ = self.frames.send(text);
    }

    /// Returns the bytes that the network has not taken yet.
    pub(crate) fn unsent(&self) -> usize {
        self.unsent.load(Ordering::Relaxed)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if !self.is_open {
            self.connecting.abort();
        }
    }
}

/// Carries frames until the connection ends, and returns why it did.
async fn run(
    number: u64,
    handshake: Handshake,
    inputs: &Sender<Input>,
    mut frames: UnboundedReceiver<String>,
    unsent: &AtomicUsize,
) -> Error {
    let request = match request(handshake) {
        Ok(request) => request,
        Err(error) => return error,
    };
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .read_buffer_size(16 * 1024);
    let tls = request.uri().scheme_str() == Some("wss");
    let connector = tls.then(|| Connector::Rustls(tls_config()));
    let connecting = connect_async_tls_with_config(request, Some(config), true, connector);
    let (mut sink, mut stream) = match connecting.await {
        Ok((socket, _)) => socket.split(),
        Err(error) => return not_opened(error),
    };
    if inputs.send(Input::Opened(number)).await.is_err() {
        return Error::closed();
    }
    let write = async {
        while let Some(text) = frames.recv().await {
            let length = text.len();
            let sent = sink.send(Message::text(text)).await;
            unsent.fetch_sub(length, Ordering::Relaxed);
            if let Err(error) = sent {
                return lost(&error.to_string()).with_source(error);
            }
        }
        // The client has no use for the connection. A server that does not answer the close frame is not awaited.
        let _ = timeout(CLOSE, sink.close()).await;
        Error::closed()
    };
    let read = async {
        loop {
            match stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    let input = Input::Frame(number, text.as_str().to_owned());
                    if inputs.send(input).await.is_err() {
                        return Error::closed();
                    }
                }
                Some(Ok(Message::Close(frame))) => {
                    let Some(frame) = frame else {
                        return lost("the server closed it");
                    };
                    let code = u16::from(frame.code);
                    return lost(&format!("code {code} {}", frame.reason)).with_status(code);
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return lost(&error.to_string()).with_source(error),
                None => return lost("the server closed it"),
            }
        }
    };
    tokio::select! {
        error = write => error,
        error = read => error,
    }
}

fn lost(why: &str) -> Error {
    Error::new("lost", format!("the connection closed: {}", why.trim()))
}

/// Makes the request of a handshake.
fn request(handshake: Handshake) -> Result<http::Request<()>, Error> {
    let Handshake {
        url,
        headers,
        protocols,
    } = handshake;
    let invalid = |error: &dyn std::fmt::Display| {
        let text = format!("the URL is not valid: expected ws:// or wss:// and a host ({error})");
        Error::new("url", text)
    };
    let mut request = url.into_client_request().map_err(|error| invalid(&error))?;
    if !matches!(request.uri().scheme_str(), Some("ws" | "wss")) {
        return Err(invalid(&"another scheme"));
    }
    for (name, value) in headers {
        request.headers_mut().append(name, value);
    }
    if !protocols.is_empty() {
        let value = HeaderValue::from_str(&protocols.join(", "));
        let value =
            value.map_err(|_| Error::new("url", "a subprotocol is not a valid header value"))?;
        request.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, value);
    }
    Ok(request)
}

fn not_opened(error: tungstenite::Error) -> Error {
    match &error {
        tungstenite::Error::Http(response) => {
            let status = response.status();
            let text = format!("the server rejected the connection with {status}");
            Error::new("rejected", text).with_status(status.as_u16())
        }
        tungstenite::Error::Url(_) => {
            Error::new("url", format!("the URL is not valid: {error}")).with_source(error)
        }
        _ => Error::new(
            "unreachable",
            format!("the server cannot be reached: {error}"),
        )
        .with_source(error),
    }
}

/// Returns the TLS settings: ring, and the certificates of the system.
fn tls_config() -> Arc<ClientConfig> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let config = CONFIG.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        // A handshake without a trusted certificate fails with an error that says so.
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let builder = ClientConfig::builder_with_provider(ring::default_provider().into());
        let builder = builder
            .with_safe_default_protocol_versions()
            .expect("ring supports the default versions");
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    });
    config.clone()
}
