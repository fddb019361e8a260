//! A management API that accepts every call, in a separate process on the other core.

use super::authority::Authority;
use super::http;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::error::Error;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tests::bench::Cores;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// The first argument of a server's process.
pub(super) const ROLE: &str = "server";

/// The response of API Gateway.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Date: Wed, 21 Oct 2026 07:28:00 GMT\r\n\
    Content-Length: 0\r\n\
    Connection: keep-alive\r\n\
    x-amzn-RequestId: 3c4b7f1e-6f0f-4d8f-9f1a-0a1b2c3d4e5f\r\n\
    Access-Control-Allow-Origin: *\r\n\
    x-amz-apigw-id: PJqB0fHsqRcCHlw=\r\n\r\n";

/// A server, until it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    /// Its URL as a management API.
    pub(super) url: String,
    child: Child,
}

impl Server {
    /// Starts a server that responds after a delay.
    pub(super) fn start(authority: &Authority, latency: Duration) -> Result<Self, Box<dyn Error>> {
        let mut command = Cores::Apart.command();
        command.push(std::env::current_exe()?.into());
        command.extend([OsString::from(ROLE), latency.as_millis().to_string().into()]);
        command.extend([authority.certificate().into(), authority.key().into()]);
        let mut child = Command::new(&command[0])
            .args(&command[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut url = String::new();
        let stdout = child.stdout.take().ok_or("it has an output")?;
        BufReader::new(stdout).read_line(&mut url)?;
        let url = url.trim_end().to_owned();
        Ok(Self { url, child })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only if it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process of a server: responds after `latency` ms, until its input ends.
pub(super) async fn serve(mut args: impl Iterator<Item = String>) -> Result<(), Box<dyn Error>> {
    let mut next = || args.next().ok_or("a server has three arguments");
    let latency = Duration::from_millis(next()?.parse()?);
    let certificate = CertificateDer::from_pem_file(Path::new(&next()?))?;
    let key = PrivateKeyDer::from_pem_file(Path::new(&next()?))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let listener = socket.listen(4096)?;
    println!("https://{}/dev", listener.local_addr()?);
    let clients = accept(listener, acceptor, latency);
    let (mut input, mut nowhere) = (tokio::io::stdin(), tokio::io::sink());
    let end = tokio::io::copy(&mut input, &mut nowhere);
    tokio::select! {
        accepted = clients => accepted,
        // The parent has ended.
        _ = end => Ok(()),
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    latency: Duration,
) -> Result<(), Box<dyn Error>> {
    loop {
        let (stream, _) = listener.accept().await?;
        let acceptor = acceptor.clone();
        tokio::spawn(async move { answer(stream, acceptor, latency).await.ok() });
    }
}

async fn answer(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    latency: Duration,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = acceptor.accept(stream).await?;
    let mut buffer = Vec::with_capacity(2048);
    loop {
        http::read(&mut stream, &mut buffer).await?;
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        stream.write_all(ANSWER).await?;
        stream.flush().await?;
    }
}
