use super::*;
use crate::function::{CallerTrace, InvokeError, trace};
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::Mutex;
use tokio::sync::mpsc;
use tokio::time::Instant;

mod http;
mod queue;

type Outcome = Result<Bytes, InvokeError>;

/// A function whose answers are written down; when none is left, it never answers.
struct Script {
    answers: Mutex<VecDeque<Outcome>>,
    seen: mpsc::UnboundedSender<Seen>,
}

/// An event as a function got it.
#[derive(Debug)]
struct Seen {
    at: Instant,
    event: Bytes,
    request_id: String,
    trace: ::http::HeaderValue,
}

impl Target for Script {
    fn invoke<'a>(&'a self, event: Bytes, request_id: &'a str) -> ResponseFuture<'a> {
        let seen = Seen {
            at: Instant::now(),
            event,
            request_id: request_id.to_owned(),
            trace: trace(),
        };
        self.seen.send(seen).expect("the test looks");
        let answer = self.answers.lock().expect("no panic").pop_front();
        Box::pin(async {
            match answer {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        })
    }
}

/// The function `chat` with these answers, and what it gets.
fn chat(answers: impl IntoIterator<Item = Outcome>) -> (Invocable, mpsc::UnboundedReceiver<Seen>) {
    let (seen, sees) = mpsc::unbounded_channel();
    let script = Script {
        answers: Mutex::new(answers.into_iter().collect()),
        seen,
    };
    let served = Invocable {
        name: "chat".to_owned(),
        remote_name: Some("bin-chat".to_owned()),
        asynchronous: Asynchronous::default(),
        target: Arc::new(script),
    };
    (served, sees)
}

fn failure() -> Outcome {
    Err(InvokeError::Handler {
        error_type: "KeyError".to_owned(),
        message: "no text".to_owned(),
        report: Bytes::new(),
    })
}
