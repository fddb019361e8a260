//! The output of a function's processes.

use crate::lock::lock;
use crate::log_line::{LogLine, Stream};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::mpsc::{self, error::SendTimeoutError};

/// The maximum length of a line, in bytes. The rest of a longer line is dropped. This is CloudWatch's limit for one log
/// event.
pub const LINE_LIMIT: usize = 256 * 1024;

/// How long a full channel blocks a program before lines are dropped.
const PATIENCE: Duration = Duration::from_secs(1);

/// The number of stderr lines in a start error.
const STDERR_TAIL: usize = 10;

pub(crate) struct Log {
    environment: u64,
    lines: mpsc::Sender<LogLine>,
    patience: Duration,
    dropped: AtomicU64,
    request_id: Mutex<Option<Arc<str>>>,
    stderr_tail: Mutex<VecDeque<String>>,
}

impl Log {
    pub(crate) fn new(environment: u64, lines: mpsc::Sender<LogLine>) -> Log {
        Log {
            environment,
            lines,
            patience: PATIENCE,
            dropped: AtomicU64::new(0),
            request_id: Mutex::default(),
            stderr_tail: Mutex::default(),
        }
    }

    /// From now on lines belong to this event, or to none.
    pub(crate) fn attribute(&self, request_id: Option<Arc<str>>) {
        *lock(&self.request_id) = request_id;
    }

    /// Writes a line of the environment itself. It is dropped if the log is full.
    pub(crate) fn platform(&self, text: String) {
        if self
            .lines
            .try_send(self.line(Stream::Platform, text))
            .is_err()
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the last lines on stderr before the first event.
    pub(crate) fn stderr_tail(&self) -> Vec<String> {
        lock(&self.stderr_tail).iter().cloned().collect()
    }

    /// Forwards the program's output until it closes the stream.
    pub(crate) async fn read(&self, stream: Stream, source: impl AsyncRead + Unpin) {
        let mut source = BufReader::new(source);
        let mut line = Line::default();
        // A failing pipe counts as closed.
        while let Ok(bytes) = source.fill_buf().await {
            if bytes.is_empty() {
                break;
            }
            let (part, end) = match bytes.iter().position(|byte| *byte == b'\n') {
                Some(end) => (&bytes[..end], Some(end)),
                None => (bytes, None),
            };
            line.push(part);
            let consumed = end.map_or(part.len(), |end| end + 1);
            source.consume(consumed);
            if end.is_some() {
                self.send(stream, line.take()).await;
            }
        }
        if !line.is_empty() {
            self.send(stream, line.take()).await;
        }
    }

    async fn send(&self, stream: Stream, text: String) {
        let line = self.line(stream, text);
        if stream == Stream::Stderr && line.request_id.is_none() {
            let mut stderr_tail = lock(&self.stderr_tail);
            if stderr_tail.len() == STDERR_TAIL {
                stderr_tail.pop_front();
            }
            stderr_tail.push_back(line.text.clone());
        }
        let dropped = self.dropped.load(Ordering::Relaxed);
        if dropped > 0 {
            let notice = format!("{dropped} lines were dropped: the log was read too slowly");
            if self
                .lines
                .try_send(self.line(Stream::Platform, notice))
                .is_err()
            {
                // A program waits only once for a full channel.
                self.dropped.fetch_add(1, Ordering::Relaxed);
                return;
            }
            self.dropped.fetch_sub(dropped, Ordering::Relaxed);
        }
        if let Err(SendTimeoutError::Timeout(_)) =
            self.lines.send_timeout(line, self.patience).await
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn line(&self, stream: Stream, text: String) -> LogLine {
        let request_id = lock(&self.request_id).clone();
        LogLine {
            environment: self.environment,
            request_id,
            stream,
            text,
        }
    }
}

#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    cut: usize,
}

impl Line {
    fn push(&mut self, part: &[u8]) {
        let room = LINE_LIMIT - self.bytes.len();
        let kept = part.len().min(room);
        self.bytes.extend_from_slice(&part[..kept]);
        self.cut += part.len() - kept;
    }

    fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.cut == 0
    }

    fn take(&mut self) -> String {
        let bytes = std::mem::take(&mut self.bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(&bytes);
        let mut text = String::from_utf8_lossy(bytes).into_owned();
        let cut = std::mem::take(&mut self.cut);
        if cut > 0 {
            text.push_str(&format!(" [cut {cut} more bytes]"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(printed: &[u8]) -> Vec<String> {
        let (sender, mut receiver) = mpsc::channel(16);
        Log::new(1, sender).read(Stream::Stdout, printed).await;
        let mut lines = Vec::new();
        while let Some(line) = receiver.recv().await {
            lines.push(line.text);
        }
        lines
    }

    #[tokio::test]
    async fn output_is_cut_into_lines() {
        let expected = ["one", "", "two", "without an end"];
        assert_eq!(read(b"one\n\ntwo\r\nwithout an end").await, expected);
        assert_eq!(read(b"").await, [""; 0]);
    }

    #[tokio::test]
    async fn bytes_that_are_not_text_are_replaced() {
        assert_eq!(read(b"a\xffb\n").await, ["a\u{fffd}b"]);
    }

    #[tokio::test]
    async fn a_line_over_the_limit_is_cut_and_says_so() {
        let mut printed = vec![b'x'; LINE_LIMIT + 7];
        printed.extend_from_slice(b"\nnext\n");
        let lines = read(&printed).await;
        let expected = LINE_LIMIT + " [cut 7 more bytes]".len();
        assert_eq!(lines[0].len(), expected);
        assert!(lines[0].ends_with("x [cut 7 more bytes]"));
        assert_eq!(lines[1], "next");
    }

    #[tokio::test]
    async fn a_reader_that_sleeps_costs_lines_and_does_not_block_the_program() {
        let (sender, mut receiver) = mpsc::channel(2);
        let log = Log {
            patience: Duration::ZERO,
            ..Log::new(1, sender)
        };
        log.read(Stream::Stdout, &b"1\n2\n3\n4\n5\n"[..]).await;
        let found = receiver.recv().await.map(|line| line.text);
        assert_eq!(found.as_deref(), Some("1"));
        let found = receiver.recv().await.map(|line| line.text);
        assert_eq!(found.as_deref(), Some("2"));
        log.read(Stream::Stdout, &b"6\n"[..]).await;
        let notice = receiver.recv().await.expect("a notice");
        assert_eq!(notice.stream, Stream::Platform);
        let expected = "3 lines were dropped: the log was read too slowly";
        assert_eq!(notice.text, expected);
        let found = receiver.recv().await.map(|line| line.text);
        assert_eq!(found.as_deref(), Some("6"));
    }

    #[tokio::test]
    async fn a_closed_reader_does_not_block_the_program() {
        let (sender, receiver) = mpsc::channel(1);
        drop(receiver);
        Log::new(1, sender)
            .read(Stream::Stdout, &b"1\n2\n3\n"[..])
            .await;
    }
}
