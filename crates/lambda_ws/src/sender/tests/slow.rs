//! Tests of slow clients and account throttling, in virtual time.

use super::*;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);
/// Eight messages per second.
const PERIOD: Duration = Duration::from_millis(125);

/// A management API whose calls take 10 ms.
#[derive(Clone, Default)]
struct Api(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The clients that do not read.
    full: HashSet<ConnectionId>,
    /// The share of all calls that the account's limit rejects.
    throttled: f64,
    random: Option<fastrand::Rng>,
    posts: HashMap<ConnectionId, usize>,
    order: Vec<ConnectionId>,
    got: HashMap<ConnectionId, usize>,
    closed: Vec<ConnectionId>,
    probes: usize,
}

impl Api {
    async fn call(&self) -> Result<(), SendError> {
        tokio::time::sleep(SECOND / 100).await;
        let mut state = self.lock();
        let share = state.throttled;
        let seeded = || fastrand::Rng::with_seed(7);
        let random = state.random.get_or_insert_with(seeded);
        match random.f64() < share {
            true => Err(SendError::Throttled),
            false => Ok(()),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Returns the number of attempts since the last call.
    fn posts(&self, id: &ConnectionId) -> usize {
        self.lock().posts.remove(id).unwrap_or_default()
    }
}

impl Transport for Api {
    async fn post(&self, id: &ConnectionId, _: &Payload) -> Result<(), SendError> {
        {
            let mut state = self.lock();
            *state.posts.entry(id.clone()).or_default() += 1;
            state.order.push(id.clone());
        }
        self.call().await?;
        let mut state = self.lock();
        if state.full.contains(id) {
            return Err(SendError::Throttled);
        }
        *state.got.entry(id.clone()).or_default() += 1;
        Ok(())
    }

    async fn close(&self, id: &ConnectionId) -> Result<(), SendError> {
        self.call().await?;
        self.lock().closed.push(id.clone());
        Ok(())
    }

    async fn inspect(&self, _: &ConnectionId) -> Result<Inspection, SendError> {
        self.lock().probes += 1;
        self.call().await?;
        Ok(Inspection::default())
    }

    fn url(&self) -> &str {
        "https://api.execute-api.us-east-1.amazonaws.com/test"
    }
}

/// A clock with real pauses.
struct Steady;

impl Clock for Steady {
    fn now(&self) -> Timestamp {
        NOW
    }
}

/// A room with live and slow members.
struct Room {
    api: Api,
    sender: Sender,
    live: Vec<ConnectionId>,
    slow: Vec<ConnectionId>,
}

impl Room {
    async fn with(live: usize, slow: usize) -> Self {
        let api = Api::default();
        let bench = Bench::with(|inner| {
            inner.transport = Arc::new(api.clone());
            inner.clock = Arc::new(Steady);
        });
        let (mut alive, mut stuck) = (Vec::new(), Vec::new());
        for n in 0..live {
            alive.push(bench.member(&format!("live{n}"), OLD).await);
        }
        for n in 0..slow {
            stuck.push(bench.member(&format!("slow{n}"), OLD).await);
        }
        api.lock().full = stuck.iter().cloned().collect();
        Self {
            api,
            sender: bench.sender,
            live: alive,
            slow: stuck,
        }
    }

    fn rate(&self) -> f64 {
        self.sender.0.rate_limiter.rate()
    }

    /// Broadcasts a message to the room. Returns the duration and the result.
    async fn say(&self, text: &str) -> (Duration, Delivery) {
        let began = Instant::now();
        let delivery = self.sender.room("tea").send(text).await.unwrap();
        (began.elapsed(), delivery)
    }

    /// Sends eight messages per second, each in its own event, and returns the lowest rate. Cancels the sends a
    /// second after the end.
    async fn talk(&self, time: Duration) -> f64 {
        let (end, mut lowest) = (Instant::now() + time, f64::MAX);
        let mut events = tokio::task::JoinSet::new();
        while Instant::now() < end {
            let sender = self.sender.clone();
            events.spawn(async move { sender.room("tea").send("hello").await.unwrap() });
            tokio::time::sleep(PERIOD).await;
            lowest = lowest.min(self.rate());
        }
        let _ = tokio::time::timeout(SECOND, events.join_all()).await;
        lowest
    }
}

#[tokio::test(start_paused = true)]
async fn fault_h1_slow_clients_do_not_change_the_rate_and_all_others_get_every_message() {
    for live in [20, 150] {
        for slow in [0, 4, 6, 8, 20, 50] {
            let room = Room::with(live, slow).await;
            let lowest = room.talk(SECOND * 10).await;
            assert_eq!(lowest, f64::from(SEND_RATE), "{live} live, {slow} slow");
            let state = room.api.lock();
            for id in &room.live {
                assert_eq!(state.got[id], 80, "{live} live, {slow} slow");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn fault_h1_a_throttled_account_lowers_the_rate_with_and_without_slow_clients() {
    for (live, slow, share) in [
        (20, 0, 0.3),
        (20, 50, 0.3),
        (150, 50, 0.3),
        (50, 0, 0.8),
        (20, 0, 1.0),
    ] {
        let room = Room::with(live, slow).await;
        let full = f64::from(SEND_RATE);
        let case = format!("{live} live, {slow} slow, {share} throttled");
        assert_eq!(room.talk(SECOND * 3).await, full, "{case}");
        room.api.lock().throttled = share;
        assert!(room.talk(SECOND * 2).await <= full / 2.0, "{case}");
        room.talk(SECOND * 3).await;
        assert!(room.rate() <= full / 2.0, "{case}: {}", room.rate());
        room.api.lock().throttled = 0.0;
        room.talk(SECOND * 20).await;
        assert!(room.rate() >= full * 0.9, "{case}: {}", room.rate());
        // Account throttling marks no client as slow.
        for id in &room.live {
            let slow = room.sender.0.rate_limiter.slow();
            assert!(!slow.throttled(id, Instant::now()), "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn fault_h2_only_the_first_message_waits_for_the_retries_of_a_slow_client() {
    let room = Room::with(20, 3).await;
    let (first, delivery) = room.say("one").await;
    assert!(first > SECOND * 4 / 10, "{first:?}");
    assert_eq!((delivery.sent, delivery.throttled), (20, 3));
    assert_eq!(room.api.posts(&room.slow[0]), 4);
    for _ in 0..10 {
        let (next, delivery) = room.say("more").await;
        assert!(next < SECOND / 10, "{next:?}");
        assert_eq!((delivery.sent, delivery.throttled), (20, 3));
        assert_eq!(room.api.posts(&room.slow[0]), 1);
    }
    // It is still known after minutes.
    tokio::time::advance(SECOND * 240).await;
    room.say("later").await;
    assert_eq!(room.api.posts(&room.slow[0]), 1);

    // A client that reads again counts as normal.
    room.api.lock().full.clear();
    let (_, delivery) = room.say("welcome back").await;
    assert_eq!((delivery.sent, delivery.throttled), (23, 0));
    room.api.lock().full = room.slow.iter().cloned().collect();
    room.api.posts(&room.slow[0]);
    room.say("slow again").await;
    assert_eq!(room.api.posts(&room.slow[0]), 4);
}

#[tokio::test(start_paused = true)]
async fn fault_h2_known_slow_clients_are_sent_to_after_all_others() {
    let room = Room::with(20, 30).await;
    room.say("one").await;
    room.api.lock().order.clear();
    room.say("two").await;
    let order = room.api.lock().order.clone();
    let (first, last) = order.split_at(20);
    assert!(first.iter().all(|id| room.live.contains(id)), "{order:?}");
    assert!(last.iter().all(|id| room.slow.contains(id)), "{order:?}");
}

#[tokio::test(start_paused = true)]
async fn fault_h2_messages_to_one_client_use_the_same_memory() {
    let room = Room::with(1, 2).await;
    let (one, other) = (&room.slow[0], &room.slow[1]);
    for attempts in [4, 1, 1] {
        let sent = room.sender.send(one, "hello").await;
        assert!(matches!(sent, Err(SendError::Throttled)), "{sent:?}");
        assert_eq!(room.api.posts(one), attempts);
    }
    let paced = room.sender.clone().paced(10);
    paced.room("tea").send("hello").await.unwrap();
    assert_eq!((room.api.posts(one), room.api.posts(other)), (1, 4));
    room.sender.send(other, "hello").await.unwrap_err();
    assert_eq!(room.api.posts(other), 1);
    // Another process has another memory.
    let process = Room::with(1, 2).await;
    process.say("hello").await;
    assert_eq!(process.api.posts(other), 4);
}

#[tokio::test(start_paused = true)]
async fn fault_h2_a_room_of_slow_clients_only_is_not_a_throttled_account() {
    let room = Room::with(0, 40).await;
    for attempts in [4, 1, 1, 1] {
        let (_, delivery) = room.say("hello").await;
        assert_eq!(delivery.throttled, 40);
        for id in &room.slow {
            assert_eq!(room.api.posts(id), attempts);
        }
        assert_eq!(room.rate(), f64::from(SEND_RATE));
    }
    assert!(room.api.lock().probes <= 3);
}

#[tokio::test(start_paused = true)]
async fn fault_h2_a_throttled_account_makes_no_client_slow() {
    let room = Room::with(40, 0).await;
    room.api.lock().throttled = 1.0;
    let (_, delivery) = room.say("hello").await;
    assert_eq!(delivery.throttled, 40);
    assert!(room.rate() < f64::from(SEND_RATE));
    for id in &room.live {
        assert_eq!(room.api.posts(id), 4);
    }
    room.say("hello").await;
    for id in &room.live {
        assert_eq!(room.api.posts(id), 4, "its retries go on");
    }
}

#[tokio::test(start_paused = true)]
async fn fault_h2_a_client_that_stays_slow_is_closed() {
    let room = Room::with(5, 2).await;
    for _ in 0..14 {
        room.say("hello").await;
        tokio::time::advance(SECOND * 5).await;
    }
    let mut closed = room.api.lock().closed.clone();
    closed.sort();
    assert_eq!(closed, room.slow);

    // With few messages the time between them is unknown.
    let room = Room::with(5, 2).await;
    for _ in 0..20 {
        room.say("hello").await;
        tokio::time::advance(SECOND * 30).await;
    }
    assert!(room.api.lock().closed.is_empty());
}
