//! What clients from hell do to a gateway, and what is left of it afterwards.

mod report;

pub use report::{Held, Report};

use crate::gateway::{Gateway, Setup};
use futures_util::future::join_all;
use std::io;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How much of everything.
#[derive(Debug, Clone, Copy)]
pub struct Torture {
    /// Short connections, one after another in each of [`Torture::clients`].
    pub connections: usize,
    /// Bytes of frames that are larger than they may be.
    pub bytes: u64,
    /// Connections of random bytes, to every port.
    pub noise: usize,
    /// Clients that never finish a handshake, all at once.
    pub slow: usize,
    /// How many clients there are at a time.
    pub clients: usize,
    /// When to stop what is not at its end.
    pub limit: Duration,
}

const HANDSHAKE: &str = "GET /dev HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

impl Torture {
    /// Tortures a gateway whose function is `program`, which answers every event.
    ///
    /// # Panics
    ///
    /// If the gateway does not start, or serves nobody afterwards.
    pub async fn run<A: Into<std::ffi::OsString>>(
        self,
        program: impl IntoIterator<Item = A>,
    ) -> Report {
        let folder = tempfile::tempdir().expect("a folder");
        let setup = Setup::new().args(["--quiet", "--concurrency", "1"]);
        let gateway = setup.folder(folder.path()).program(program).start().await;
        let ports = Ports::of(&gateway);
        let until = Instant::now() + self.limit;
        let mut done = Vec::new();

        // What is paid once: the function's first event, and what allocators keep.
        let first = websocket(ports.gateway, true).await;
        assert!(matches!(first, Ok(101)), "who comes first: {first:?}");
        let files = gateway.held().files;
        self.connect(&ports, 400, until).await;
        self.pour(&ports, 1 << 24, until).await;
        self.noise(&ports, 40, until).await;
        let before = gateway.settled(files).await;

        let connected = self.connect(&ports, self.connections, until).await;
        done.push(format!("{connected} of {} connections", self.connections));
        let poured = self.pour(&ports, self.bytes, until).await;
        done.push(format!("{poured} of {} bytes", self.bytes));
        let noisy = self.noise(&ports, self.noise, until).await;
        done.push(format!("{noisy} of {} noises", self.noise));
        let slow = self.slow(&gateway, &ports).await;
        let after = gateway.settled(before.files).await;
        let status = websocket(ports.gateway, true).await;
        assert!(matches!(status, Ok(101)), "who comes then: {status:?}");
        let ended = gateway.end(rustix::process::Signal::TERM).await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
        Report {
            done,
            before,
            slow,
            after,
            errors: ended.stderr,
        }
    }

    /// Short connections of every kind; how many there were.
    async fn connect(&self, ports: &Ports, connections: usize, until: Instant) -> usize {
        let clients = (0..self.clients).map(async |client| {
            let mut done = 0;
            for number in 0..connections.div_ceil(self.clients) {
                if Instant::now() > until {
                    break;
                }
                // What the gateway answers to those is another test's.
                let _ = match (client + number) % 8 {
                    0 => websocket(ports.gateway, true).await.map(drop),
                    1 => websocket(ports.gateway, false).await.map(drop),
                    2 => talk(ports.gateway, b"GET /dev HTTP/1.1\r\nHo", false).await,
                    3 => talk(ports.gateway, b"", false).await,
                    4 => talk(ports.gateway, &HANDSHAKE.as_bytes()[..60], false).await,
                    5 => {
                        talk(
                            ports.dynamodb,
                            b"POST / HTTP/1.1\r\nHost: localhost\r\n",
                            false,
                        )
                        .await
                    }
                    6 => {
                        let elsewhere = HANDSHAKE.replace("/dev", "/elsewhere");
                        talk(ports.gateway, elsewhere.as_bytes(), true).await
                    }
                    _ => {
                        let get = b"GET /dev/@connections/AAAAAAAAAAAAAAA= HTTP/1.1\r\n\
                            Host: localhost\r\nConnection: close\r\n\r\n";
                        talk(ports.gateway, get, true).await
                    }
                };
                done += 1;
            }
            done
        });
        join_all(clients).await.into_iter().sum()
    }

    /// Frames of a terabyte each, of which as much is sent as the gateway takes; how many bytes.
    async fn pour(&self, ports: &Ports, bytes: u64, until: Instant) -> u64 {
        static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];
        let share = bytes / self.clients as u64;
        let clients = (0..self.clients).map(async |_| {
            let mut poured = 0;
            while poured < share && Instant::now() < until {
                let Ok(mut stream) = open(ports.gateway).await else {
                    continue;
                };
                let header = b"\x81\xff\0\0\x01\0\0\0\0\0\0\0\0\0";
                let mut sent = stream.write_all(header).await;
                while sent.is_ok() && poured < share && Instant::now() < until {
                    // One that takes no more counts as well: it must not be waited for.
                    let written = timeout(Duration::from_secs(10), stream.write_all(&PIECE));
                    sent = written.await.unwrap_or(Err(io::ErrorKind::TimedOut.into()));
                    poured += PIECE.len() as u64;
                }
            }
            poured
        });
        join_all(clients).await.into_iter().sum()
    }

    /// Random bytes to every port, alone and behind what is good; how many connections.
    async fn noise(&self, ports: &Ports, noise: usize, until: Instant) -> usize {
        let clients = (0..self.clients).map(async |client| {
            let mut random = fastrand::Rng::with_seed(client as u64);
            let mut done = 0;
            for number in 0..noise.div_ceil(self.clients) {
                if Instant::now() > until {
                    break;
                }
                let mut bytes = match number % 4 {
                    0 => Vec::new(),
                    1 => HANDSHAKE.as_bytes().to_vec(),
                    2 => b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300\r\n\r\n"
                        .to_vec(),
                    _ => b"POST /2018-06-01/runtime/invocation/x/response HTTP/1.1\r\nHost: x\r\n"
                        .to_vec(),
                };
                bytes.extend((0..random.usize(..600)).map(|_| random.u8(..)));
                let all = [Some(ports.gateway), Some(ports.dynamodb), ports.runtime];
                for port in all.into_iter().flatten() {
                    let _ = talk(port, &bytes, random.bool()).await;
                }
                done += 1;
            }
            done
        });
        join_all(clients).await.into_iter().sum()
    }

    /// Clients that never finish their handshakes; what the gateway holds with them.
    async fn slow(&self, gateway: &Gateway, ports: &Ports) -> Held {
        let mut slow = Vec::new();
        for _ in 0..self.slow {
            let Ok(mut stream) = TcpStream::connect(("127.0.0.1", ports.gateway)).await else {
                continue;
            };
            let _ = stream.write_all(&HANDSHAKE.as_bytes()[..100]).await;
            slow.push(stream);
        }
        gateway.held()
    }
}

/// The ports of a gateway.
#[derive(Debug, Clone, Copy)]
struct Ports {
    gateway: u16,
    dynamodb: u16,
    runtime: Option<u16>,
}

impl Ports {
    fn of(gateway: &Gateway) -> Self {
        let port = |url: &str| {
            let authority = url.split('/').nth(2).unwrap_or(url);
            authority.rsplit(':').next()?.parse().ok()
        };
        let runtime = gateway.processes.ids().into_iter().find_map(|id| {
            let environment = std::fs::read(format!("/proc/{id}/environ")).ok()?;
            let mut variables = environment.split(|byte| *byte == 0);
            let value = variables.find_map(|v| v.strip_prefix(b"AWS_LAMBDA_RUNTIME_API="))?;
            port(&String::from_utf8_lossy(value))
        });
        Self {
            gateway: port(&gateway.url).expect("a port"),
            dynamodb: port(&gateway.dynamodb).expect("a port"),
            runtime,
        }
    }
}

/// An open connection of raw frames.
async fn open(port: u16) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    stream.write_all(HANDSHAKE.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    Ok(stream)
}

/// A websocket that sends a ping and a message, and ends properly or is gone: its status.
async fn websocket(port: u16, properly: bool) -> io::Result<u16> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(HANDSHAKE.as_bytes()).await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    let status = std::str::from_utf8(&head[9..])
        .ok()
        .and_then(|s| s.parse().ok());
    stream
        .write_all(b"\x89\x81\0\0\0\0p\x81\x82\0\0\0\0hi")
        .await?;
    if properly {
        stream.write_all(b"\x88\x82\0\0\0\0\x03\xe8").await?;
        stream.read_to_end(&mut Vec::new()).await?;
    }
    Ok(status.unwrap_or_default())
}

/// Sends this, and waits for the answer's end or goes.
async fn talk(port: u16, bytes: &[u8], waits: bool) -> io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(bytes).await?;
    if waits {
        stream.shutdown().await?;
        // A body that was promised and does not come is waited for longer than a test takes.
        let mut heard = Vec::new();
        let _ = timeout(Duration::from_secs(5), stream.read_to_end(&mut heard)).await;
    }
    Ok(())
}
