//! A stream of many small pieces to one client, in order: the words of a language model, say.
//!
//! Each message is posted when the one before has arrived, so they cannot overtake each other. A post
//! takes some milliseconds and costs money: pieces that come within 50 ms are one message.

use futures_util::stream::{self, Stream, StreamExt};
use lambda_ws::{BoxError, Connection, Error, Json, Router, SendError};
use serde::{Deserialize, Serialize};
use std::pin::pin;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long pieces are collected before they are sent.
const EVERY: Duration = Duration::from_millis(50);

/// A text of so many bytes is sent before that.
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

/// What the client hears: texts, and then one of the other two, so that it knows the end.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Heard<'a> {
    Text { text: &'a str },
    Done,
    Failed,
}

async fn ask(me: Connection, Json(ask): Json<Ask>) -> Result<(), Error> {
    relay(&me, model(&ask.prompt)).await
}

/// Stands in for a language model, which fails when it is asked for `failure`.
fn model(prompt: &str) -> impl Stream<Item = Result<String, BoxError>> + Send + use<> {
    let words = prompt.split_inclusive(' ').map(|word| match word.trim() {
        "failure" => Err("the model is overloaded".into()),
        _ => Ok(word.to_owned()),
    });
    stream::iter(words.collect::<Vec<_>>())
}

/// Sends all pieces, and how it ended. What came before a failure is sent, too.
async fn relay(
    me: &Connection,
    pieces: impl Stream<Item = Result<String, BoxError>> + Send,
) -> Result<(), Error> {
    let mut texts = pin!(collected(pieces, EVERY));
    while let Some(text) = texts.next().await {
        let heard = match &text {
            Ok(text) => Heard::Text { text },
            Err(_) => Heard::Failed,
        };
        match me.send(Json(heard)).await {
            Ok(()) => {}
            // Nobody is listening any more: to drop the stream is to stop the model.
            Err(SendError::Gone) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        if let Err(error) = text {
            eprintln!("the stream has ended early: {error}");
            return Ok(());
        }
    }
    me.send(Json(Heard::Done)).await?;
    Ok(())
}

/// Joins the pieces that come within `every` of the first of them. Nothing is lost at the end, nor
/// before an error, which is an item of its own.
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
        // The time and the size are asked for because pieces that are there already never time out.
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
        let heard = ann.recv_all().into_iter();
        heard
            .map(|json| serde_json::from_str(&json).unwrap())
            .collect()
    }

    fn text(heard: &[Value]) -> String {
        heard
            .iter()
            .filter_map(|heard| heard["text"].as_str())
            .collect()
    }

    #[tokio::test]
    async fn all_pieces_arrive_in_order_in_few_messages_and_then_the_end() {
        let words: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
        let heard = asked(&words.join(" ")).await;
        assert_eq!(text(&heard), words.join(" "));
        assert!(heard.len() < 100, "{} messages", heard.len());
        assert_eq!(heard.last().unwrap()["type"], "done");
    }

    #[tokio::test]
    async fn what_is_there_at_once_is_more_than_one_message_if_it_is_long() {
        let words = "word ".repeat(10_000);
        let heard = asked(&words[..30_000]).await;
        assert_eq!(text(&heard), &words[..30_000]);
        assert!(heard.len() > 2);
    }

    #[tokio::test]
    async fn what_came_before_a_failure_arrives_and_the_client_learns_of_it() {
        let heard = asked("one two failure three").await;
        assert_eq!(text(&heard), "one two ");
        assert_eq!(heard.last().unwrap()["type"], "failed");
        let heard = asked("failure").await;
        assert_eq!(heard.len(), 1);
    }

    #[tokio::test]
    async fn a_piece_is_not_kept_for_longer_than_it_may() {
        let pieces = stream::iter(["a", "b", "c"]).map(|piece| Ok(piece.to_owned()));
        let texts: Vec<_> = collected(pieces, Duration::ZERO)
            .map(Result::unwrap)
            .collect()
            .await;
        assert_eq!(texts, ["a", "b", "c"]);
    }
}
