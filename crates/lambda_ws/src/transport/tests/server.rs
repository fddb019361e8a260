//! A scripted host on a free port.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{HandshakeKind, ServerConfig};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter,
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// The reaction of a host to a request.
#[derive(Debug, Clone)]
pub(crate) enum ServerAction {
    /// Sends a status and a body, and keeps the connection open.
    HttpResponse(u16, &'static str),
    /// Sends exactly this, and keeps the connection open.
    Raw(String),
    /// Sends exactly this, and closes the connection.
    RawAndClose(String),
    /// Responds, and closes the connection without announcing it.
    AnswerAndClose,
    /// Sends this forever.
    Flood(&'static str),
    /// Sends this before it has read the body, and never reads the body.
    Unread(&'static str),
    /// Closes the connection.
    Close,
    /// Never responds.
    Hang,
}

/// A request that a host received.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) line: String,
    headers: Vec<String>,
    pub(crate) body: String,
}

impl Seen {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// The numbers of a host's connections.
#[derive(Debug, Default)]
struct Counts {
    all: AtomicUsize,
    open: AtomicUsize,
    resumed: AtomicUsize,
    /// The running TLS handshakes, and their maximum.
    shaking: AtomicUsize,
    most_shaking: AtomicUsize,
}

pub(crate) struct Server {
    pub(crate) url: String,
    /// The authority of its certificate, in PEM.
    pub(crate) authority: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    counts: Arc<Counts>,
}

impl Server {
    /// Starts a host with a script: `action` gets the number of the connection and of its request.
    pub(crate) async fn start(
        action: impl Fn(usize, usize, &Seen) -> ServerAction + Send + Sync + 'static,
    ) -> Self {
        Self::listen("127.0.0.1:0", action, None).await.unwrap()
    }

    /// Starts a host on an address, if this machine has it.
    pub(crate) async fn start_at(
        address: &str,
        action: impl Fn(usize, usize, &Seen) -> ServerAction + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        Self::listen(address, action, None).await
    }

    /// Starts a host with TLS.
    pub(crate) async fn start_tls(
        action: impl Fn(usize, usize, &Seen) -> ServerAction + Send + Sync + 'static,
    ) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config =
            ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![certificate.der().clone()], key)
                .unwrap();
        let tls = TlsAcceptor::from(Arc::new(config));
        let result = Self::listen("127.0.0.1:0", action, Some(tls)).await;
        let mut server = result.unwrap();
        server.authority = authority.pem();
        server
    }

    async fn listen(
        address: &str,
        action: impl Fn(usize, usize, &Seen) -> ServerAction + Send + Sync + 'static,
        tls: Option<TlsAcceptor>,
    ) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}/dev", listener.local_addr().unwrap());
        let seen = Arc::<Mutex<Vec<_>>>::default();
        let counts = Arc::<Counts>::default();
        let server = Self {
            url,
            authority: String::new(),
            seen: seen.clone(),
            counts: counts.clone(),
        };
        let action = Arc::new(action);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = counts.all.fetch_add(1, Ordering::Relaxed);
                counts.open.fetch_add(1, Ordering::Relaxed);
                let (action, seen, counts) = (action.clone(), seen.clone(), counts.clone());
                let tls = tls.clone();
                tokio::spawn(async move {
                    let action = |request: usize, seen: &Seen| action(number, request, seen);
                    match tls {
                        None => serve(stream, action, &seen).await,
                        Some(tls) => {
                            let stream = counts.shake(tls.accept(stream)).await;
                            match stream {
                                Ok(stream) => {
                                    let kind = stream.get_ref().1.handshake_kind();
                                    if kind == Some(HandshakeKind::Resumed) {
                                        counts.resumed.fetch_add(1, Ordering::Relaxed);
                                    }
                                    serve(stream, action, &seen).await
                                }
                                Err(_) => None,
                            }
                        }
                    };
                    counts.open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Ok(server)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// Returns the number of all connections.
    pub(crate) fn connections(&self) -> usize {
        self.counts.all.load(Ordering::Relaxed)
    }

    /// Waits until at most this many connections are open.
    pub(crate) async fn has_open(&self, most: usize) {
        while self.counts.open.load(Ordering::Relaxed) > most {
            tokio::task::yield_now().await;
        }
    }

    /// Returns the number of resumed TLS sessions.
    pub(crate) fn resumed(&self) -> usize {
        self.counts.resumed.load(Ordering::Relaxed)
    }

    /// Returns the maximum number of connections that were opened at once.
    pub(crate) fn most_shaking(&self) -> usize {
        self.counts.most_shaking.load(Ordering::Relaxed)
    }
}

impl Counts {
    async fn shake<T>(&self, handshake: impl Future<Output = T>) -> T {
        let now = self.shaking.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_shaking.fetch_max(now, Ordering::Relaxed);
        let made = handshake.await;
        self.shaking.fetch_sub(1, Ordering::Relaxed);
        made
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    action: impl Fn(usize, &Seen) -> ServerAction,
    seen: &Mutex<Vec<Seen>>,
) -> Option<()> {
    let mut stream = BufReader::new(BufWriter::new(stream));
    for number in 0.. {
        let (mut request, length) = head(&mut stream).await?;
        let action = action(number, &request);
        if let ServerAction::Unread(answer) = action {
            seen.lock().unwrap().push(request);
            stream.write_all(answer.as_bytes()).await.ok()?;
            stream.flush().await.ok()?;
            return std::future::pending().await;
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.ok()?;
        request.body = String::from_utf8(body).ok()?;
        seen.lock().unwrap().push(request);
        let (answer, keep) = match action {
            ServerAction::HttpResponse(204, _) => {
                ("HTTP/1.1 204 No Content\r\n\r\n".to_owned(), true)
            }
            ServerAction::HttpResponse(status, body) => {
                let length = body.len();
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n");
                (head + body, true)
            }
            ServerAction::Raw(answer) => (answer, true),
            ServerAction::RawAndClose(answer) => (answer, false),
            ServerAction::AnswerAndClose => {
                ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".into(), false)
            }
            ServerAction::Flood(answer) => loop {
                stream.write_all(answer.as_bytes()).await.ok()?;
            },
            ServerAction::Close => return None,
            ServerAction::Hang | ServerAction::Unread(_) => std::future::pending().await,
        };
        stream.write_all(answer.as_bytes()).await.ok()?;
        stream.flush().await.ok()?;
        if !keep {
            stream.shutdown().await.ok()?;
            return None;
        }
    }
    None
}

/// Returns the head of a request and the length of its body.
async fn head(stream: &mut (impl AsyncBufReadExt + Unpin)) -> Option<(Seen, usize)> {
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => headers.push(line.to_owned()),
        }
    }
    let seen = Seen {
        line: headers.first()?.clone(),
        headers,
        body: String::new(),
    };
    let length = seen.header("content-length");
    let length = length.map_or(Some(0), |length| length.parse().ok())?;
    Some((seen, length))
}
