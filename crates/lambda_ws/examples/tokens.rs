//! A stream of many small pieces to one client, in order, such as the words of a language model.
//!
//! Each message is posted after the previous post has returned, so the order is kept. A post takes some
//! milliseconds and costs money. The pieces of 50 ms are therefore joined to one message.

use futures_util::stream::{self, Stream, StreamExt};
use lambda_ws::{BoxError, Connection, Error, Json, Router, SendError};
use serde::{Deserialize, Serialize};
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long pieces are collected before they are sent.
const EVERY: Duration = Duration::from_millis(50);

/// A text of this size is sent before that time.
const MOST_BYTES: usize = 16 * 1024;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_ws::run(router()).await
}

fn router() -> Router {
    Router::new().route("ask", ask)
}

#[derive(Deserialize)]
struct Ask {
    prompt: String,
}

/// The messages to the client: texts, and then `Done` or `Failed`, so that the client knows the end.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum ServerMessage<'a> {
    Text { text: &'a str },
    Done,
    Failed,
}

async fn ask(me: Connection, Json(ask): Json<Ask>) -> Result<(), Error> {
    relay(&me, model(&ask.prompt)).await
}

/// Stands in for a language model. It fails at the word `failure`.
fn model(prompt: &str) -> impl Stream<Item = Result<String, BoxError>> + Send + use<> {
    let words = prompt.split_inclusive(' ').map(|word| match word.trim() {
        "failure" => Err("the model is overloaded".into()),
        _ => Ok(word.to_owned()),
    });
    stream::iter(words.collect::<Vec<_>>())
}

/// Sends all pieces and then the result. Pieces before a failure are sent too.
async fn relay(
    me: &Connection,
    pieces: impl Stream<Item = Result<String, BoxError>> + Send,
) -> Result<(), Error> {
    let mut texts = pin!(collected(pieces, EVERY));
    while let Some(text) = texts.next().await {
        let message = match &text {
            Ok(text) => ServerMessage::Text { text },
            Err(_) => ServerMessage::Failed,
        };
        match me.send(Json(message)).await {
            Ok(()) => {}
            // The client has disconnected. Dropping the stream stops the model.
            Err(SendError::Gone) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        if let Err(error) = text {
            eprintln!("the stream has ended early: {error}");
            return Ok(());
        }
    }
    me.send(Json(ServerMessage::Done)).await?;
    Ok(())
}

/// Joins the pieces that arrive within `every` after the first one. No piece is lost at the end or before an
/// error. An error is an item of its own.
fn collected(
    pieces: impl Stream<Item = Result<String, BoxError>> + Send,
    every: Duration,
) -> impl Stream<Item = Result<String, BoxError>> + Send {
    let pieces = Box::pin(pieces.fuse());
    stream::unfold((pieces, None), move |(mut pieces, failed)| async move {
        if let Some(error) = failed {
            return Some((Err(error), (pieces, None)));
        }
        let mut text = match pieces.next().await? {
            Ok(text) => text,
            Err(error) => return Some((Err(error), (pieces, None))),
        };
        let due = Instant::now() + every;
        // The loop checks time and size, because pieces that are already available never time out.
        while Instant::now() < due && text.len() < MOST_BYTES {
            let Ok(Some(piece)) = timeout_at(due, pieces.next()).await else {
                break;
            };
            match piece {
                Ok(more) => text.push_str(&more),
                Err(error) => return Some((Ok(text), (pieces, Some(error)))),
            }
        }
        Some((Ok(text), (pieces, None)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_ws::testing::{Client, Gateway};
    use serde_json::Value;

    async fn asked(prompt: &str) -> Vec<Value> {
        let gateway = Gateway::new(router());
        let mut ann: Client = gateway.connect("/").await.expect("accepted");
        let ask = serde_json::json!({"action": "ask", "prompt": prompt});
        ann.send(Json(ask)).await;
        let received = ann.recv_all().into_iter();
        received
            .map(|json| serde_json::from_str(&json).unwrap())
            .collect()
    }

    fn text(received: &[Value]) -> String {
        received
            .iter()
            .filter_map(|received| received["text"].as_str())
            .collect()
    }

    #[tokio::test]
    async fn all_pieces_arrive_in_order_in_few_messages_before_the_end() {
        let words: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        let received = asked(&words.join(" ")).await;
        assert_eq!(text(&received), words.join(" "));
        assert!(received.len() < 100, "{} messages", received.len());
        assert_eq!(received.last().unwrap()["type"], "done");
    }

    #[tokio::test]
    async fn a_long_text_is_split_into_several_messages() {
        let words = "word ".repeat(10_000);
        let received = asked(&words[..30_000]).await;
        assert_eq!(text(&received), &words[..30_000]);
        assert!(received.len() > 2);
    }

    #[tokio::test]
    async fn pieces_before_a_failure_arrive_and_the_client_gets_the_failure() {
        let received = asked("one two failure three").await;
        assert_eq!(text(&received), "one two ");
        assert_eq!(received.last().unwrap()["type"], "failed");
        let received = asked("failure").await;
        assert_eq!(received.len(), 1);
    }

    #[tokio::test]
    async fn a_piece_is_not_held_longer_than_allowed() {
        let pieces = stream::iter(["a", "b", "c"]).map(|piece| Ok(piece.to_owned()));
        let texts: Vec<_> = collected(pieces, Duration::ZERO)
            .map(Result::unwrap)
            .collect()
            .await;
        assert_eq!(texts, ["a", "b", "c"]);
    }
}
