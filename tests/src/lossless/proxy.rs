//! A TCP proxy between clients and the gateway that breaks connections.

use std::sync::{Arc, Mutex};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};

/// The network of one client. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    /// The port on which it accepts connections.
    pub port: u16,
    connections: Arc<Mutex<JoinSet<()>>>,
    is_stalled: watch::Sender<bool>,
    accepting: AbortHandle,
}

impl Proxy {
    /// Forwards connections to a port of this machine.
    ///
    /// # Panics
    ///
    /// If there is no free port.
    pub async fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let connections = Arc::<Mutex<JoinSet<()>>>::default();
        let (is_stalled, stalled) = watch::channel(false);
        let accepted = connections.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut connections = accepted.lock().unwrap();
                while connections.try_join_next().is_some() {}
                connections.spawn(forward(client, target, stalled.clone()));
            }
        });
        Self {
            port,
            connections,
            is_stalled,
            accepting: accepting.abort_handle(),
        }
    }

    /// Closes the connections without a close frame.
    ///
    /// # Panics
    ///
    /// If a task of the proxy panicked.
    pub fn cut(&self) {
        self.connections.lock().unwrap().abort_all();
    }

    /// Carries no more bytes of the open connections, and leaves them open. New connections are not affected.
    pub fn stall(&self) {
        self.is_stalled.send_replace(true);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn forward(mut client: TcpStream, target: u16, mut stalled: watch::Receiver<bool>) {
    stalled.mark_unchanged();
    let Ok(mut gateway) = TcpStream::connect(("127.0.0.1", target)).await else {
        return;
    };
    let is_stalled = tokio::select! {
        // An error means that one of the two has closed the connection.
        _ = copy_bidirectional(&mut client, &mut gateway) => false,
        changed = stalled.changed() => changed.is_ok(),
    };
    if is_stalled {
        // The sockets stay open until the connection is cut.
        std::future::pending::<()>().await;
    }
}
