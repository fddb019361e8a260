//! The cost of the machine itself: the same clients with servers that do nothing.

use super::client::Place;
use futures_util::{SinkExt, StreamExt};
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc;
use tests::bench::Cores;
use tests::{Endpoint, Meter};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

/// A server on a thread of this process, which ends with it.
#[derive(Debug)]
pub(super) struct Floor {
    pub(super) place: Place,
    pub(super) meter: Meter,
}

impl Floor {
    /// Sends bytes back.
    pub(super) fn tcp(cores: Cores) -> Self {
        Self::start(cores, Place::Tcp, bytes)
    }

    /// Echoes messages with tokio-tungstenite.
    pub(super) fn tungstenite(cores: Cores) -> Self {
        let place = |address| {
            let path = "/".to_owned();
            Place::Websocket(Endpoint { address, path })
        };
        Self::start(cores, place, messages)
    }

    fn start<F>(cores: Cores, place: fn(SocketAddr) -> Place, serve: fn(TcpStream) -> F) -> Self
    where
        F: Future<Output = Option<()>> + Send + 'static,
    {
        let (started, start) = mpsc::channel();
        std::thread::spawn(move || {
            let listening = listen(serve, |address| {
                let meter = Meter::own_thread();
                if let Meter::Thread(id) = meter {
                    cores.place_server(id);
                }
                started.send((address, meter)).expect("it is waited for");
            });
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_all().build();
            runtime.and_then(|runtime| runtime.block_on(listening))
        });
        let (address, meter) = start.recv().expect("a port is free");
        let place = place(address);
        Self { place, meter }
    }
}

async fn listen<F>(serve: fn(TcpStream) -> F, listens: impl FnOnce(SocketAddr)) -> io::Result<()>
where
    F: Future<Output = Option<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    listens(listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        // Fails only on a connection that is gone.
        let _ = stream.set_nodelay(true);
        tokio::spawn(serve(stream));
    }
}

async fn bytes(mut stream: TcpStream) -> Option<()> {
    let mut buffer = vec![0; 8192];
    loop {
        let read = stream.read(&mut buffer).await.ok().filter(|n| *n > 0)?;
        stream.write_all(&buffer[..read]).await.ok()?;
    }
}

async fn messages(stream: TcpStream) -> Option<()> {
    let config = WebSocketConfig::default().read_buffer_size(4096);
    let socket = tokio_tungstenite::accept_async_with_config(stream, Some(config));
    let mut socket = socket.await.ok()?;
    loop {
        let message = socket.next().await?.ok()?;
        socket.send(message).await.ok()?;
    }
}
