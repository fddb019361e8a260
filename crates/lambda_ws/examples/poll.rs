//! A poll in which each user votes once. Votes and counts outlive connections, and expire after a day.

use futures_util::TryStreamExt;
use lambda_ws::store::StoreError;
use lambda_ws::{Error, Json, Kv, Namespaced, Opening, Query, Router, Sender, User};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    lambda_ws::run(router()).await
}

fn router() -> Router {
    Router::new()
        .connect(connect)
        .route("vote", vote)
        .route("count", count)
}

/// The vote of a user. The key is the user's name.
#[derive(Serialize, Deserialize)]
struct Vote {
    option: String,
}

impl Namespaced for Vote {
    const NAMESPACE: &'static str = "votes";
}

/// The number of votes for an option. The key is the option's name.
#[derive(Serialize, Deserialize)]
struct Count(u32);

impl Namespaced for Count {
    const NAMESPACE: &'static str = "counts";
}

#[derive(Deserialize)]
struct Who {
    user: String,
}

async fn connect(me: Opening, Query(who): Query<Who>) -> Result<(), Error> {
    me.user(&who.user)?;
    Ok(())
}

async fn vote(
    User(user): User,
    votes: Kv<Vote>,
    counts: Kv<Count>,
    sender: Sender,
    Json(vote): Json<Vote>,
) -> Result<(), Error> {
    let once = votes.with_ttl(DAY).set_if(&user, &vote, None).await;
    match once {
        Err(StoreError::Conflict) => {
            return Err(Error::client("voted", "everybody has one vote"));
        }
        once => drop(once?),
    }
    // If this fails, the vote is stored but not counted. Count the votes instead if the number must be exact.
    let more = |count: Option<Count>| Count(count.map_or(0, |count| count.0) + 1);
    let count = counts.with_ttl(DAY).update(&vote.option, more).await?;
    let news = BTreeMap::from([(vote.option, count)]);
    sender.everyone().send(Json(news)).await?;
    Ok(())
}

async fn count(counts: Kv<Count>) -> Result<Json<BTreeMap<String, Count>>, Error> {
    let mut all = BTreeMap::new();
    let mut options = counts.keys("");
    while let Some(option) = options.try_next().await? {
        // It may have expired by now.
        if let Some(count) = counts.get(&option).await? {
            all.insert(option, count);
        }
    }
    Ok(Json(all))
}

#[cfg(test)]
mod tests {
    use super::{DAY, router};
    use lambda_ws::testing::{Client, Gateway};

    const COUNT: &str = r#"{"action":"count"}"#;

    async fn voted(gateway: &Gateway, user: &str, option: &str) -> Client {
        let uri = format!("/?user={user}");
        let client = gateway.connect(&uri).await.expect("accepted");
        let vote = format!(r#"{{"action":"vote","option":"{option}"}}"#);
        client.send(vote).await;
        client
    }

    #[tokio::test]
    async fn each_user_votes_once_and_later_clients_see_the_count() {
        let gateway = Gateway::new(router());
        let mut ann = voted(&gateway, "ann", "tea").await;
        let bob = voted(&gateway, "bob", "tea").await;
        let cat = voted(&gateway, "cat", "milk").await;
        assert_eq!(
            ann.recv_all(),
            [r#"{"tea":1}"#, r#"{"tea":2}"#, r#"{"milk":1}"#]
        );
        for client in [ann, bob, cat] {
            client.close().await;
        }
        let mut ann = voted(&gateway, "ann", "milk").await;
        assert!(ann.recv().await.contains(r#""code":"voted""#));
        ann.send(COUNT).await;
        assert_eq!(ann.recv().await, r#"{"milk":1,"tea":2}"#);
    }

    #[tokio::test]
    async fn a_poll_expires_after_a_day() {
        let gateway = Gateway::new(router());
        voted(&gateway, "ann", "tea").await;
        gateway.advance(DAY).await;
        let mut ann = voted(&gateway, "ann", "milk").await;
        assert_eq!(ann.recv().await, r#"{"milk":1}"#);
        ann.send(COUNT).await;
        assert_eq!(ann.recv().await, r#"{"milk":1}"#);
    }
}
