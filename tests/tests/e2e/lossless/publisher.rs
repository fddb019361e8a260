//! Publishes messages to one room, one after the other.

use super::ROOMS;
use fastrand::Rng;
use lambda_ws_client::Position;
use serde_json::{Value, json};
use std::time::Duration;
use tests::Gateway;
use tests::lossless::{Guest, Log};
use tokio::time::sleep;

/// A publisher: a guest, by requests, or the outside, by publish events.
pub(super) enum Publisher<'a> {
    Guest(&'a Guest),
    Outside(&'static str),
}

impl<'a> Publisher<'a> {
    /// Returns two guests of each room, and one publisher outside.
    pub(super) fn all(guests: &'a [Guest]) -> Vec<Self> {
        let inside = guests[..2 * ROOMS.len()].iter().map(Self::Guest);
        inside.chain(ROOMS.map(Self::Outside)).collect()
    }

    pub(super) fn room(&self) -> &'static str {
        match self {
            Self::Guest(guest) => guest.room,
            Self::Outside(room) => room,
        }
    }

    /// Publishes until that is over. Returns the messages whose positions were confirmed.
    pub(super) async fn run(
        &self,
        gateway: &Gateway,
        seed: u64,
        is_over: &dyn Fn() -> bool,
    ) -> Log {
        let mut random = Rng::with_seed(seed);
        let mut confirmed = Log::new();
        let mut number = 0;
        while !is_over() {
            let text = format!("{seed}: {number}");
            let position = self.publish(gateway, &text).await;
            // A message without a confirmation may be in the log as well.
            if let Ok(position) = serde_json::from_value::<Position>(position) {
                let other = confirmed.insert(position, text.into());
                assert_eq!(other, None, "a position belongs to one message");
            }
            number += 1;
            sleep(Duration::from_millis(random.u64(100..300))).await;
        }
        confirmed
    }

    /// Publishes a message, and returns its position or null.
    async fn publish(&self, gateway: &Gateway, text: &str) -> Value {
        let room = self.room();
        match self {
            Self::Guest(guest) => {
                let say = json!({"action": "say", "room": room, "text": text});
                let request = guest.client.request(&say).timeout(Duration::from_secs(5));
                request.send().await.unwrap_or_default()
            }
            Self::Outside(_) => {
                let event = json!({"publish": {"room": room, "data": text}}).to_string();
                let answer = gateway.try_admin("POST", "invoke", &event);
                answer.await.unwrap_or_default()["response"]["position"].take()
            }
        }
    }
}
