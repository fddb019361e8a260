//! An interactive client.

mod subscribe;

use super::output::Style;
use super::sign::Sign;
use super::signals::Signals;
use super::trust::Trust;
use clap::Args;
use futures_util::{SinkExt, StreamExt};
use lambda_ws_client::Position;
use lambda_ws_local::emulator::Failure;
use std::io::{IsTerminal, Write};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

/// Talk to a WebSocket: each line of input is sent as a message, and each message is printed as a line
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  lambda-ws-local connect 'ws://127.0.0.1:3001/dev?user=ann'
  lambda-ws-local connect wss://abcd1234.execute-api.eu-west-1.amazonaws.com/dev --header 'Authorization: Bearer x'
  lambda-ws-local connect --cacert ca.pem wss://localhost:3001/dev
  echo '{\"action\":\"who\"}' | lambda-ws-local connect 'ws://127.0.0.1:3001/dev?user=ann'
  lambda-ws-local connect ws://127.0.0.1:3001/dev --subscribe tea --subscribe news
  lambda-ws-local connect ws://127.0.0.1:3001/dev --subscribe tea --since 0mk0ztxmo:57

With --subscribe, it connects again after a lost connection and prints what it missed. A message of a room is
the line `ROOM EPOCH:SEQ DATA`, and a gap is the line `ROOM gap: ..`. Ctrl-C ends it.

Ctrl-D closes the connection. In a pipe, the end of the input closes it after --linger seconds
without a message. Exit code: 0 if the connection was opened and closed normally.")]
pub(super) struct Connect {
    /// Where to connect: ws:// or wss://
    url: String,
    /// A header of the handshake
    #[arg(short = 'H', long, value_name = "NAME: VALUE", value_parser = header)]
    header: Vec<(http::HeaderName, http::HeaderValue)>,
    /// A sub-protocol to offer
    #[arg(short, long)]
    protocol: Vec<String>,
    /// How long to wait for messages after the end of the input, in seconds
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS")]
    linger: f64,
    /// Subscribe to a lossless room, and stay subscribed when the connection is lost; repeatable
    #[arg(long, value_name = "ROOM", conflicts_with_all = ["linger", "cacert", "insecure"])]
    subscribe: Vec<String>,
    /// Print the messages after this position first; for one room only
    #[arg(long, value_name = "EPOCH:SEQ", requires = "subscribe", value_parser = subscribe::position)]
    since: Option<Position>,
    /// The room token, if the rooms require one
    #[arg(long, requires = "subscribe")]
    token: Option<String>,
    #[command(flatten)]
    sign: Sign,
    #[command(flatten)]
    trust: Trust,
}

/// The timeout of the handshake, and of the server's close frame.
const PATIENCE: Duration = Duration::from_secs(30);
const CLOSE: Duration = Duration::from_secs(2);

fn header(text: &str) -> Result<(http::HeaderName, http::HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE")?;
    let name = name
        .trim()
        .parse()
        .map_err(|_| "this is not a valid header name")?;
    let value = value
        .trim()
        .parse()
        .map_err(|_| "this is not a valid header value")?;
    Ok((name, value))
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

enum End {
    Client,
    Server(Option<CloseFrame>),
}

impl Connect {
    pub(super) async fn run(self) -> Result<(), Failure> {
        // More than one provider may be compiled in, so rustls has no default.
        let _ = rustls::crypto::ring::default_provider().install_default();
        if !self.subscribe.is_empty() {
            return self.follow().await;
        }
        let mut signals = Signals::listen()?;
        let request = self.request()?;
        let connector = self.trust.connector(request.uri())?;
        let connecting = connect_async_tls_with_config(request, None, false, connector);
        let connected = tokio::select! {
            connected = timeout(PATIENCE, connecting) => connected,
            () = signals.next() => return Ok(()),
        };
        let connected = connected.map_err(|_| {
            Failure::new(format!(
                "{} does not respond within {} s",
                self.url,
                PATIENCE.as_secs()
            ))
        })?;
        let (mut socket, response) = connected.map_err(|error| self.explain(error))?;

        let style = Style::stderr();
        let interactive = std::io::stdin().is_terminal();
        if interactive {
            let protocol = response.headers().get(http::header::SEC_WEBSOCKET_PROTOCOL);
            let protocol = protocol.and_then(|value| value.to_str().ok());
            let protocol = protocol.map(|p| format!(" ({p})")).unwrap_or_default();
            eprintln!("{}{protocol}; Ctrl-D closes", style.good("connected"));
        }
        let end = self.talk(&mut socket, &mut signals, interactive).await?;
        finish(socket, end).await
    }

    /// Sends the lines of the input and prints the messages, until one side ends the connection.
    async fn talk(
        &self,
        socket: &mut Socket,
        signals: &mut Signals,
        interactive: bool,
    ) -> Result<End, Failure> {
        let mut input = Some(BufReader::new(tokio::io::stdin()).lines());
        let linger = Duration::try_from_secs_f64(self.linger).unwrap_or_default();
        let mut quiet_at = Instant::now();
        loop {
            tokio::select! {
                line = next_line(&mut input) => match line? {
                    Some(line) if line.is_empty() && interactive => {}
                    Some(line) => {
                        if socket.send(Message::text(line)).await.is_err() {
                            // The receiving side reports the reason.
                            input = None;
                        }
                    }
                    None if interactive => return Ok(End::Client),
                    None => {
                        input = None;
                        quiet_at = Instant::now() + linger;
                    }
                },
                received = socket.next() => match received {
                    Some(Ok(Message::Text(text))) => {
                        let mut stdout = std::io::stdout().lock();
                        writeln!(stdout, "{text}")?;
                        stdout.flush()?;
                        quiet_at = Instant::now() + linger;
                    }
                    Some(Ok(Message::Close(frame))) => return Ok(End::Server(frame)),
                    Some(Ok(_)) => {}
                    Some(Err(Error::ConnectionClosed | Error::AlreadyClosed)) | None => {
                        return Ok(End::Server(None));
                    }
                    Some(Err(error)) => return Err(Failure::because("the connection failed", error)),
                },
                () = sleep_until(quiet_at), if input.is_none() => return Ok(End::Client),
                () = signals.next() => return Ok(End::Client),
            }
        }
    }

    fn request(&self) -> Result<Request, Failure> {
        let bad = |error| {
            Failure::because(
                &format!("`{}` is not a valid WebSocket URL", self.url),
                error,
            )
        };
        let mut request = self.url.as_str().into_client_request().map_err(bad)?;
        for (name, value) in &self.header {
            request.headers_mut().append(name, value.clone());
        }
        if !self.protocol.is_empty() {
            let protocols = self.protocol.join(", ");
            let protocols = protocols.parse().map_err(|_| {
                Failure::new(format!(
                    "`{protocols}` is not a valid list of sub-protocols"
                ))
            })?;
            let headers = request.headers_mut();
            headers.insert(http::header::SEC_WEBSOCKET_PROTOCOL, protocols);
        }
        self.sign.apply(&mut request)?;
        Ok(request)
    }

    /// Returns the reason why the connection failed.
    fn explain(&self, error: Error) -> Failure {
        match error {
            Error::Http(response) => {
                let status = response.status();
                let body = response.body().as_deref().unwrap_or_default();
                let body = String::from_utf8_lossy(body);
                Failure::new(
                    format!("the server rejects the handshake: {status} {body}").trim_end(),
                )
            }
            error => Failure::because(&format!("cannot connect to {}", self.url), error),
        }
    }
}

/// Closes the connection, or reports the server's close code.
async fn finish(mut socket: Socket, end: End) -> Result<(), Failure> {
    match end {
        End::Client => {
            let normal = CloseFrame {
                code: CloseCode::Normal,
                reason: "".into(),
            };
            let closed = async {
                let _ = socket.close(Some(normal)).await;
                while let Some(Ok(_)) = socket.next().await {}
            };
            let _ = timeout(CLOSE, closed).await;
            Ok(())
        }
        End::Server(frame) => {
            let (code, reason) = match &frame {
                Some(frame) => (u16::from(frame.code), frame.reason.as_str()),
                None => (1006, ""),
            };
            let closed = format!("closed by the server: {code} {reason}");
            match code {
                1000 | 1001 => {
                    eprintln!("{}", Style::stderr().faint(closed.trim_end()));
                    Ok(())
                }
                _ => Err(Failure::new(closed.trim_end())),
            }
        }
    }
}

/// Returns the next line of the input. Without an input it waits forever.
async fn next_line(
    input: &mut Option<tokio::io::Lines<BufReader<tokio::io::Stdin>>>,
) -> std::io::Result<Option<String>> {
    match input {
        Some(lines) => lines.next_line().await,
        None => std::future::pending().await,
    }
}
