//! What one message costs, and when its first post is done, with the embedded DynamoDB and without sockets.

use super::figures::median;
use crate::broadcast::args::Args;
use crate::broadcast::loudspeaker::id;
use crate::broadcast::run::Checks;
use crate::store::meter::{Bill, Meter};
use crate::store::table::Table;
use lambda_ws::store::{DynamoDb, Record, Store};
use lambda_ws::transport::{Inspection, Transport};
use lambda_ws::{Channels, ConnectionId, History, Payload, SendError, Sender, Timestamp};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

const API: &str = "api/test";
const HISTORY: History = History::new(1_000, Duration::from_secs(3600));

/// The members of a small room, and of one that is too large for an early read.
const MEMBERS: usize = 20;
const LARGE: usize = 257;

/// The messages of each room and size.
const MESSAGES: usize = 100;

/// The bytes of data: an item has about 80 more.
const SIZES: [usize; 2] = [940, 1024];

/// More than any machine sends.
const UNPACED: u32 = 100_000_000;

/// The messages that a client resumes, and their bytes.
const MISSED: (usize, usize) = (100, 200);

/// A management API whose requests take some time.
#[derive(Debug, Clone, Default)]
struct Api {
    request_time: Duration,
    posted: Arc<Mutex<Posted>>,
}

#[derive(Debug, Default)]
struct Posted {
    posts: usize,
    bytes: usize,
    first: Option<Instant>,
}

impl Api {
    fn take(&self) -> Posted {
        std::mem::take(&mut *self.posted.lock().expect("nobody panics with it"))
    }
}

impl Transport for Api {
    async fn post(&self, _: &ConnectionId, payload: &Payload) -> Result<(), SendError> {
        tokio::time::sleep(self.request_time).await;
        let posted = &mut *self.posted.lock().expect("nobody panics with it");
        posted.posts += 1;
        posted.bytes += payload.bytes().len();
        posted.first.get_or_insert_with(Instant::now);
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

/// A room, and the processes that take turns to publish to it.
struct Room {
    name: &'static str,
    what: &'static str,
    processes: usize,
    members: usize,
}

const ROOMS: [Room; 4] = [
    Room {
        name: "plain/room",
        what: "no history",
        processes: 1,
        members: MEMBERS,
    },
    Room {
        name: "long/alone",
        what: "history",
        processes: 1,
        members: MEMBERS,
    },
    Room {
        name: "long/shared",
        what: "history, 2 processes in turn",
        processes: 2,
        members: MEMBERS,
    },
    Room {
        name: "long/large",
        what: "history, a large room",
        processes: 1,
        members: LARGE,
    },
];

/// The costs of some messages.
#[derive(Default)]
struct Costs {
    bill: Bill,
    posts: usize,
    bytes: usize,
    times: Vec<u128>,
}

/// Measures in virtual time, so that only requests take time.
pub(super) fn measure(args: &Args, checks: &mut Checks) {
    let in_virtual_time = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build();
        let runtime = runtime.expect("a runtime of one thread needs only an event queue");
        runtime.block_on(compare(args, checks));
    };
    // A thread cannot enter two runtimes.
    std::thread::scope(|scope| {
        scope.spawn(in_virtual_time);
    });
}

async fn compare(args: &Args, checks: &mut Checks) {
    let api = Api {
        request_time: args.request_time,
        ..Api::default()
    };
    let (table, meter) = (Table::new(), Meter::default());
    let processes: Vec<_> = (0..2)
        .map(|_| table.process(&meter, args.request_time))
        .collect();
    let channels: Channels = Channels::new().history("long/*", HISTORY);
    let senders: Vec<_> = processes
        .iter()
        .map(|store| {
            Sender::new(store.clone(), api.clone(), API)
                .with_channels(&channels)
                .paced(UNPACED)
        })
        .collect();
    let now = Timestamp::now();
    for number in 0..LARGE {
        let mut record = Record::new(id(number), now, API, now);
        let rooms = ROOMS.iter().filter(|room| number < room.members);
        record.rooms = rooms.map(|room| room.name.to_owned()).collect();
        let registered = processes[0].register(&record).await;
        registered.expect("it is in this process");
    }
    println!(
        "what a message to {MEMBERS} members costs, or to {LARGE}, with the embedded DynamoDB, in virtual time: each request takes {:?}",
        args.request_time
    );
    println!(
        "{:<30}{:>7}{:>10}{:>8}{:>8}{:>7}{:>12}{:>16}",
        "", "data", "requests", "writes", "reads", "posts", "bytes/post", "first post ms"
    );
    for size in SIZES {
        let data = "x".repeat(size - 2);
        let mut all: [Costs; ROOMS.len()] = Default::default();
        // The first messages find the ends of the logs.
        for number in 0..4 + MESSAGES {
            for (room, costs) in ROOMS.iter().zip(&mut all) {
                let sender = &senders[number % room.processes];
                meter.take();
                api.take();
                let began = Instant::now();
                let published = sender.room(room.name).publish(&data).await;
                let delivery = published.expect("nothing fails here").delivery;
                assert_eq!(delivery.sent, room.members);
                if number >= 4 {
                    costs.add(meter.take(), &api.take(), began);
                }
            }
        }
        for (room, costs) in ROOMS.iter().zip(&mut all) {
            costs.line(room.what, size);
        }
        let [plain, log, shared, large] = &mut all;
        let writes = log.bill.write_units / MESSAGES as f64;
        if size == SIZES[0] {
            let what = format!("{size} bytes cost {writes} write units, at most 1.05");
            checks.hold(writes <= 1.05, &what);
        }
        let times = [plain, log, shared, large].map(|costs| median(&mut costs.times));
        for (what, time) in [
            ("one process", times[1]),
            ("two processes in turn", times[2]),
            ("a large room", times[3]),
        ] {
            let ratio = time / times[0];
            let what = format!(
                "{what}: the first post is done after {time:.2} ms, and {:.2} ms without a log: {ratio:.2} times, at most 1.5",
                times[0]
            );
            checks.hold(ratio <= 1.5, &what);
        }
    }
    resume(&processes[0], &meter, checks).await;
}

impl Costs {
    fn add(&mut self, bill: Bill, posted: &Posted, began: Instant) {
        self.bill.requests.extend(bill.requests);
        self.bill.write_units += bill.write_units;
        self.bill.read_units += bill.read_units;
        self.posts += posted.posts;
        self.bytes += posted.bytes;
        let first = posted.first.expect("there are members");
        self.times.push((first - began).as_micros());
    }

    fn line(&mut self, what: &str, size: usize) {
        let each = |sum: f64| sum / MESSAGES as f64;
        println!(
            "{what:<30}{size:>7}{:>10.2}{:>8.2}{:>8.2}{:>7}{:>12}{:>16.2}",
            each(self.bill.requests.len() as f64),
            each(self.bill.write_units),
            each(self.bill.read_units),
            each(self.posts as f64),
            self.bytes / self.posts,
            median(&mut self.times),
        );
    }
}

/// Measures how a client that was away reads what it missed.
async fn resume(store: &DynamoDb, meter: &Meter, checks: &mut Checks) {
    let now = Timestamp::now();
    let room = "long/resumed";
    let (count, size) = MISSED;
    let start = store.since(room, None, &HISTORY, now).await;
    let start = start.expect("it is in this process").position;
    let data = format!("\"{}\"", "x".repeat(size - 2));
    for _ in 0..count {
        let appended = store.append(room, &data, &HISTORY, now).await;
        appended.expect("it is in this process");
    }
    let back = Record::new(id(LARGE), now, API, now);
    store.register(&back).await.expect("it is in this process");
    meter.take();
    let joined = store.join(&back.id, back.at, room, back.expires).await;
    joined.expect("it is in this process");
    let join = meter.take();
    let read = store.since(room, Some(&start), &HISTORY, now).await;
    assert_eq!(read.expect("it is in this process").messages.len(), count);
    let read = meter.take();
    let what = format!(
        "{count} messages of {size} bytes are resumed with {} request and {} read units, after the join with {} request and {} write units",
        read.requests.len(),
        read.read_units,
        join.requests.len(),
        join.write_units
    );
    checks.hold(read.requests.len() == 1, &what);
}
