//! Accepts connections until the shutdown, and waits for their ends.

use super::handle::Gateway;
use super::{accept, management};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

/// The maximum duration of a shutdown, in multiples of `Options::shutdown_timeout`.
const PATIENCES: u32 = 12;

impl Gateway {
    /// Serves until `shutdown` resolves. Then closes every connection with 1001, invokes `$disconnect`, and returns
    /// when all have ended, or when none has ended for [`Options::shutdown_timeout`](super::Options::shutdown_timeout).
    ///
    /// A gateway that has been shut down cannot serve again.
    pub async fn serve(&self, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let mut tasks = JoinSet::new();
        let serve = |stream, peer| accept::serve(self.clone(), stream, peer);
        let mut changes = self.time().changes();
        let wake = async {
            // Ends only without the time, which the options hold.
            while changes.changed().await.is_ok() {
                self.state.connections.wake_all();
            }
        };
        tokio::select! {
            () = accept_all(&listener, &mut tasks, serve, shutdown) => {}
            () = wake => {}
        }
        drop(listener);
        self.state.closing.send_replace(true);
        self.state.connections.close_all();
        self.wait_for(tasks).await;
    }

    /// Serves only the management API, without TLS, until the gateway is shut down. Functions then need not trust the
    /// certificate of clients.
    pub async fn serve_management(&self, listener: TcpListener) {
        let mut tasks = JoinSet::new();
        let serve = |stream: TcpStream, peer| {
            let gateway = self.clone();
            // Fails only on a lost connection.
            let _ = stream.set_nodelay(true);
            async move { management::serve(&gateway, stream, peer, Vec::new()).await }
        };
        accept_all(&listener, &mut tasks, serve, self.state.ended()).await;
        drop(listener);
        self.wait_for(tasks).await;
    }

    async fn wait_for(&self, tasks: JoinSet<()>) {
        let all = tasks.len();
        let patience = self.state.options.shutdown_timeout;
        match all_end(tasks, patience).await {
            0 => {}
            cut => tracing::warn!("{cut} of {all} connections did not close in time"),
        }
    }
}

/// Waits until all tasks have ended, as long as one ends within `patience`, and at most [`PATIENCES`] times as long.
/// Returns how many did not end.
///
/// Every `$disconnect` invokes a function, so thousands take longer than one.
async fn all_end(mut tasks: JoinSet<()>, patience: Duration) -> usize {
    let last = Instant::now() + patience * PATIENCES;
    loop {
        let next = last.min(Instant::now() + patience);
        match timeout_at(next, tasks.join_next()).await {
            Ok(Some(ended)) => log(ended),
            Ok(None) | Err(_) => return tasks.len(),
        }
    }
}

/// Accepts connections, and serves each in a separate task, until `shutdown` resolves.
async fn accept_all<F>(
    listener: &TcpListener,
    tasks: &mut JoinSet<()>,
    serve: impl Fn(TcpStream, SocketAddr) -> F,
    shutdown: impl Future<Output = ()>,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    tasks.spawn(serve(stream, peer));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    // Probably out of file descriptors, so an immediate retry would not help.
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            },
            Some(ended) = tasks.join_next() => log(ended),
            () = &mut shutdown => return,
        }
    }
}

fn log(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ends the first tasks one after the other, and `hanging` never; how many are cut off, and after which time.
    async fn end(tasks: u32, every: Duration, hanging: usize) -> (usize, Duration) {
        let mut all = JoinSet::new();
        for number in 1..=tasks {
            all.spawn(tokio::time::sleep(every * number));
        }
        for _ in 0..hanging {
            all.spawn(std::future::pending());
        }
        let begun = Instant::now();
        let cut = all_end(all, Duration::from_secs(5)).await;
        (cut, begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn fault_f31_a_shutdown_goes_on_while_connections_end_and_counts_those_it_cuts_off() {
        let seconds = |(cut, time): (usize, Duration)| (cut, time.as_secs());
        let millis = Duration::from_millis;
        assert_eq!(seconds(end(0, millis(0), 0).await), (0, 0));
        // 3 000 `$disconnect` events at 100 a second take longer than one may.
        assert_eq!(seconds(end(3000, millis(10), 0).await), (0, 30));
        assert_eq!(seconds(end(100, millis(10), 7).await), (7, 6));
        assert_eq!(seconds(end(100, millis(1100), 0).await), (46, 60));
    }
}
