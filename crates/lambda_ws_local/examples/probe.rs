//! A Lambda function without a library, for the tests of the local gateway. Each line of an event is a command.
//!
//! The optional argument selects what the function does before it requests its first event.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{env, process, thread};

fn main() -> io::Result<()> {
    let address = env::var("AWS_LAMBDA_RUNTIME_API").expect("a Runtime API");
    let mut api = Api {
        stream: BufReader::new(connect(&address)?),
        host: address,
    };
    match env::args().nth(1).as_deref() {
        Some("exit") => {
            eprintln!("the table is missing");
            process::exit(3);
        }
        Some("exit-next-time") => {
            let mark = env::var("MARK").expect("a file");
            if Path::new(&mark).exists() {
                eprintln!("not twice");
                process::exit(3);
            }
            std::fs::write(mark, "")?;
        }
        Some("fail") => {
            let report = br#"{"errorType":"Config","errorMessage":"no table"}"#;
            api.request("POST", "/2018-06-01/runtime/init/error", report)?;
            process::exit(1);
        }
        Some("hang") => {
            eprintln!("thinking");
            thread::sleep(Duration::from_secs(1000));
        }
        _ => {}
    }
    // Each of several events at once has a thread and a connection.
    let workers = env::var("AWS_LAMBDA_MAX_CONCURRENCY");
    let workers: usize = workers.map_or(1, |number| number.parse().expect("a number"));
    for _ in 1..workers {
        let host = api.host.clone();
        let stream = BufReader::new(connect(&host)?);
        let mut api = Api { stream, host };
        thread::spawn(move || {
            if let Err(error) = api.serve() {
                eprintln!("a worker ends: {error}");
            }
        });
    }
    api.serve()
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

struct Api {
    stream: BufReader<TcpStream>,
    host: String,
}

struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Reply {
    /// Returns the header of the Runtime API whose name ends with `name`.
    fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(known, _)| known.ends_with(name))
            .map_or("", |(_, value)| value)
    }
}

impl Api {
    /// Handles events one after the other.
    fn serve(&mut self) -> io::Result<()> {
        loop {
            let next = self.request("GET", "/2018-06-01/runtime/invocation/next", b"")?;
            if next.status != 200 {
                process::exit(9);
            }
            let answer = self.execute(&next)?;
            let (kind, body) = match &answer {
                Ok(body) => ("response", body),
                Err(report) => ("error", report),
            };
            let path = format!(
                "/2018-06-01/runtime/invocation/{}/{kind}",
                next.header("request-id")
            );
            self.request("POST", &path, body)?;
        }
    }

    /// Runs the commands of an event. Returns the answer of the last command that has one.
    fn execute(&mut self, event: &Reply) -> io::Result<Result<Vec<u8>, Vec<u8>>> {
        let mut answer = Ok(Vec::new());
        for line in String::from_utf8_lossy(&event.body).lines() {
            let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
            match command {
                "echo" => answer = Ok(rest.into()),
                "env" => answer = Ok(env::var(rest).unwrap_or_default().into()),
                "header" => answer = Ok(event.header(rest).into()),
                "pid" => answer = Ok(process::id().to_string().into()),
                "huge" => answer = Ok(vec![b'x'; rest.parse().expect("a size")]),
                "error" => answer = Err(rest.into()),
                "print" => println!("{rest}"),
                "complain" => eprintln!("{rest}"),
                "touch" => std::fs::write(rest, "")?,
                "wait" => wait_for(rest),
                "exit" => process::exit(rest.parse().expect("a code")),
                "abort" => process::abort(),
                "print-after" => {
                    let (file, text) = rest.split_once(' ').expect("a file and a text");
                    let (file, text) = (file.to_owned(), text.to_owned());
                    thread::spawn(move || {
                        wait_for(&file);
                        println!("{text}");
                    });
                }
                "leave-a-child" => {
                    process::Command::new("sleep").arg("1000").spawn()?;
                }
                // `setsid` gives the process its own session and process group.
                "leave-a-daemon" => {
                    let daemon = process::Command::new("setsid")
                        .args(["sleep", "1000"])
                        .spawn()?;
                    answer = Ok(daemon.id().to_string().into());
                }
                "answer-and-exit" => {
                    let id = event.header("request-id");
                    self.request(
                        "POST",
                        &format!("/2018-06-01/runtime/invocation/{id}/response"),
                        b"last words",
                    )?;
                    process::exit(0);
                }
                "stream" => {
                    let id = event.header("request-id").to_owned();
                    return self.stream(&id, rest);
                }
                "request" => {
                    let mut words = rest.split(' ');
                    let mut word = || words.next().unwrap_or_default().to_owned();
                    let (method, path, host, origin) = (word(), word(), word(), word());
                    let mut other = Api {
                        stream: BufReader::new(connect(&self.host)?),
                        host,
                    };
                    if !origin.is_empty() {
                        other.host.push_str("\r\nOrigin: ");
                        other.host.push_str(&origin);
                    }
                    if other.host.is_empty() {
                        other.host.clone_from(&self.host);
                    }
                    let reply = other.request(&method, &path, b"")?;
                    answer =
                        Ok(
                            format!("{} {}", reply.status, String::from_utf8_lossy(&reply.body))
                                .into(),
                        );
                }
                _ => panic!("unknown command {command}"),
            }
        }
        Ok(answer)
    }

    /// Sends the answer in chunks like a streaming response of lambda_runtime. Then prints the status and exits.
    fn stream(&mut self, id: &str, rest: &str) -> io::Result<Result<Vec<u8>, Vec<u8>>> {
        let (head, tail) = rest.split_at(rest.len() / 2);
        write!(
            self.stream.get_mut(),
            "POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: {}\r\n\
             Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n\
             {:x}\r\n{head}\r\n{:x}\r\n{tail}\r\n0\r\n\r\n",
            self.host,
            head.len(),
            tail.len()
        )?;
        let status = self.reply()?.status;
        println!("streamed {status}");
        process::exit(0);
    }

    fn request(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<Reply> {
        let mut request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {}\r\n\r\n",
            self.host,
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.stream.get_mut().write_all(&request)?;
        self.reply()
    }

    fn reply(&mut self) -> io::Result<Reply> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let status = lines[0]
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or(0);
        let headers: Vec<(String, String)> = lines[1..]
            .iter()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut reply = Reply {
            status,
            headers,
            body: Vec::new(),
        };
        let length = reply.header("content-length").parse().unwrap_or(0);
        reply.body.resize(length, 0);
        self.stream.read_exact(&mut reply.body)?;
        Ok(reply)
    }
}

/// Waits until a test creates a file, or for at most 60 s.
fn wait_for(file: &str) {
    let end = Instant::now() + Duration::from_secs(60);
    while !Path::new(file).exists() && Instant::now() < end {
        thread::sleep(Duration::from_millis(1));
    }
}
