//! What a program writes, line by line.

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::sync::watch;

/// What a program writes, line by line, as far as it has written.
#[derive(Debug, Clone)]
pub struct Lines(watch::Receiver<Vec<String>>);

impl Lines {
    /// Reads `stream` to its end.
    pub(crate) fn of(stream: impl AsyncRead + Unpin + Send + 'static) -> Self {
        let (read, lines) = watch::channel(Vec::new());
        tokio::spawn(async move {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while let Ok(1..) = stream.read_until(b'\n', &mut line).await {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                read.send_modify(|lines| lines.push(text));
                line.clear();
            }
        });
        Self(lines)
    }

    /// The lines until now.
    pub fn now(&self) -> Vec<String> {
        self.0.borrow().clone()
    }

    /// The first line that is as `wanted`; waits for it, and is `None` if the program ends without.
    pub async fn find(&mut self, wanted: impl Fn(&str) -> bool) -> Option<String> {
        loop {
            let found = self
                .0
                .borrow_and_update()
                .iter()
                .find(|l| wanted(l))
                .cloned();
            if found.is_some() || self.0.changed().await.is_err() {
                return found;
            }
        }
    }

    /// All lines, when there will be no more.
    pub async fn all(&mut self) -> Vec<String> {
        while self.0.changed().await.is_ok() {}
        self.now()
    }
}
