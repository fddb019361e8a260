//! Publishers, members that join and leave, failures and crashes at random times.

use super::*;
use crate::store::StoreError;
use crate::transport::{Inspection, Transport};
use std::collections::BTreeSet;
use tokio::time::timeout;

const MEMBERS: usize = 6;
const PUBLISHERS: usize = 3;
const MESSAGES: usize = 6;
const SEEDS: u64 = 100;

/// What happened in one run.
#[derive(Default)]
struct World {
    random: Mutex<fastrand::Rng>,
    /// The numbers of the messages that each member received.
    received: Mutex<Vec<(ConnectionId, u64)>>,
}

/// The time from the end of a subscription until the member begins to leave.
struct Period {
    id: ConnectionId,
    /// The number of the last message at the subscription.
    seq: u64,
    left: Instant,
}

impl World {
    fn time(&self) -> Duration {
        MS * self.random.lock().unwrap().u32(0..20)
    }

    fn happens(&self, percent: u8) -> bool {
        self.random.lock().unwrap().u8(0..100) < percent
    }

    /// A member that subscribes and leaves several times.
    async fn member(&self, store: &Memory, number: usize) -> Vec<Period> {
        let record = Record::new(format!("m{number}").as_str().into(), NOW, API, NOW);
        store.register(&record).await.unwrap();
        let mut periods = Vec::new();
        for _ in 0..4 {
            sleep(self.time() * 2).await;
            let joined = store.join(&record.id, record.at, "tea", record.expires);
            joined.await.unwrap();
            sleep(self.time() / 4).await;
            let end = store.since("tea", None, &HISTORY, NOW).await.unwrap();
            sleep(self.time() * 4).await;
            periods.push(Period {
                id: record.id.clone(),
                seq: end.position.seq,
                left: Instant::now(),
            });
            let left = store.leave(&record.id, record.at, "tea");
            left.await.unwrap();
        }
        periods
    }

    /// Publishes, and returns the messages that were sent to all, with the time when that was done.
    async fn publisher(&self, sender: Sender) -> Vec<(u64, Instant)> {
        let mut sent = Vec::new();
        for _ in 0..MESSAGES {
            sleep(self.time() * 2).await;
            let publishing = sender.room("tea").publish("hi");
            // A crash drops it.
            let patience = match self.happens(20) {
                true => self.time() * 2,
                false => Duration::from_secs(3600),
            };
            let Ok(Ok(published)) = timeout(patience, publishing).await else {
                continue;
            };
            let mut rest = published.delivery.rest;
            while let Some(left) = rest {
                sleep(self.time()).await;
                rest = sender.resume(left).await.unwrap().rest;
            }
            sent.push((published.position.unwrap().seq, Instant::now()));
        }
        sent
    }
}

impl Transport for Arc<World> {
    async fn post(&self, id: &ConnectionId, payload: &Payload) -> Result<(), SendError> {
        sleep(self.time() / 2).await;
        let frame: serde_json::Value = serde_json::from_slice(payload.bytes()).unwrap();
        let seq = frame["seq"].as_u64().unwrap();
        self.received.lock().unwrap().push((id.clone(), seq));
        sleep(self.time() / 2).await;
        Ok(())
    }

    async fn close(&self, _: &ConnectionId) -> Result<(), SendError> {
        Ok(())
    }

    async fn inspect(&self, _: &ConnectionId) -> Result<Inspection, SendError> {
        Ok(Inspection::default())
    }

    fn url(&self) -> &str {
        "https://api.execute-api.us-east-1.amazonaws.com/test"
    }
}

#[tokio::test(start_paused = true)]
async fn every_member_receives_each_message_after_its_subscription_once() {
    let mut expected = 0;
    for seed in 0..SEEDS {
        let world = Arc::new(World {
            random: Mutex::new(fastrand::Rng::with_seed(seed)),
            ..World::default()
        });
        let store = Memory::new();
        let senders = (0..PUBLISHERS).map(|_| {
            let world = world.clone();
            let wrapped = InterceptedStore {
                store: store.clone(),
                before: {
                    let world = world.clone();
                    move |_: &'static str| -> BoxFuture<'static, Result<(), StoreError>> {
                        let (time, fails) = (world.time(), world.happens(5));
                        Box::pin(async move {
                            sleep(time).await;
                            match fails {
                                true => Err(StoreError::unavailable("the table is on fire")),
                                false => Ok(()),
                            }
                        })
                    }
                },
            };
            let bench = Bench::with(|inner| {
                inner.store = Arc::new(wrapped);
                inner.transport = Arc::new(world);
                inner.histories = histories();
            });
            bench.sender
        });
        let senders: Vec<_> = senders.collect();
        let publishing = senders.into_iter().map(|sender| world.publisher(sender));
        let publishing = futures_util::future::join_all(publishing);
        let members = (0..MEMBERS).map(|number| world.member(&store, number));
        let members = futures_util::future::join_all(members);
        let (sent, periods) = tokio::join!(publishing, members);

        let received = world.received.lock().unwrap();
        let once: BTreeSet<_> = received.iter().collect();
        assert_eq!(
            once.len(),
            received.len(),
            "seed {seed}: a message came twice"
        );
        for (seq, done) in sent.iter().flatten() {
            for period in periods.iter().flatten() {
                if period.seq < *seq && period.left > *done {
                    expected += 1;
                    let has = once.contains(&(period.id.clone(), *seq));
                    assert!(has, "seed {seed}: {} does not have {seq}", period.id);
                }
            }
        }
    }
    assert!(expected > 500, "{expected} messages were due");
}
