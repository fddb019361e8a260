//! A host that does as a test says, on a free port.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What a host does with a request.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    /// Answers with a status and a body, and keeps the connection.
    Answer(u16, &'static str),
    /// Answers, and closes the connection without having said that it would.
    AnswerAndClose,
    /// Closes the connection.
    Close,
    /// Never answers.
    Hang,
}

/// What a host has seen of a request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    pub(super) line: String,
    pub(super) body: String,
}

pub(super) struct Server {
    pub(super) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// A host that asks `deed` what to do: with the number of the connection, and of the request on it.
    pub(super) async fn start(deed: impl Fn(usize, usize) -> Deed + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/dev", listener.local_addr().unwrap());
        let (seen, connections) = (
            Arc::<Mutex<Vec<_>>>::default(),
            Arc::<AtomicUsize>::default(),
        );
        let server = Self {
            url,
            seen: seen.clone(),
            connections: connections.clone(),
        };
        let deed = Arc::new(deed);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = connections.fetch_add(1, Ordering::Relaxed);
                let (deed, seen) = (deed.clone(), seen.clone());
                tokio::spawn(async move { serve(stream, |n| deed(number, n), &seen).await });
            }
        });
        server
    }

    pub(super) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

async fn serve(
    stream: TcpStream,
    deed: impl Fn(usize) -> Deed,
    seen: &Mutex<Vec<Seen>>,
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    for number in 0.. {
        let request = request(&mut stream).await?;
        seen.lock().unwrap().push(request);
        let (status, body) = match deed(number) {
            Deed::Answer(status, body) => (status, body),
            Deed::AnswerAndClose => {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                stream.write_all(answer).await.ok()?;
                return None;
            }
            Deed::Close => return None,
            Deed::Hang => std::future::pending().await,
        };
        let length = body.len();
        let head = match status {
            204 => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            _ => format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n"),
        };
        stream
            .write_all(format!("{head}{body}").as_bytes())
            .await
            .ok()?;
    }
    None
}

async fn request(stream: &mut BufReader<TcpStream>) -> Option<Seen> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let length = lines.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    Some(Seen {
        line: lines.first()?.clone(),
        body: String::from_utf8(body).ok()?,
    })
}
