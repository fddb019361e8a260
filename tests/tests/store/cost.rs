//! What the operations of the DynamoDB store cost.
//!
//! A write unit is 1 KB written, two in a transaction; a read unit is 4 KB read, half of one if the read
//! need not be consistent. What the data model promises, and the table holds it to:
//!
//! - Registering and `$disconnect` are two requests, one without rooms and user (and one more for each
//!   further 25 rooms), with a unit for the record and for each member.
//! - Joining, leaving and entering are one request, at twice the units of its writes: the price of members
//!   and record always agreeing.
//! - A page of 1 000 members is one request, at less than 40 bytes a member.
//! - `everyone` is one request for each of the 16 partitions. It reads whole records, because a filter
//!   applies after reading, at half the price, because it need not be consistent.
//! - The session is part of the record: whatever changes or reads the record pays for the session's size.
//! - A `$disconnect` of a connection that was found gone deletes its members again, in case the one who
//!   found it gone was cut off.
//! - A message of up to about 940 bytes is appended by one request of one write unit, if its process knows the end of
//!   the log, and read again by one request for all that a client has missed.
//! - A value is read, written, replaced or deleted by one request. Keys cost what reading their values
//!   does.

use super::meter::Meter;
use super::table::Table;
use lambda_ws::store::{DynamoDb, KeyValueStore, Record, Scope, Slice, Store};
use lambda_ws::{ConnectionId, History, Position, Timestamp};
use std::fmt::Write;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn record(n: usize, rooms: &[&str], user: Option<&str>) -> Record {
    let id = ConnectionId::from(format!("c{n:014}="));
    let mut record = Record::new(id, NOW, "abcdef1234/prod", NOW);
    record.rooms = rooms.iter().map(|room| room.to_string()).collect();
    record.user = user.map(str::to_owned);
    record
}

struct Costs {
    store: DynamoDb,
    meter: Meter,
    table: String,
    connections: usize,
}

impl Costs {
    fn line(&mut self, what: &str) {
        let bill = self.meter.take();
        let (writes, reads) = (bill.write_units, bill.read_units);
        let mut requests = bill.requests;
        let count = requests.len();
        requests.dedup();
        let requests = requests.join(", ");
        writeln!(
            self.table,
            "{what:<42} {count:>3}  {writes:>4} {reads:>5}  {requests}"
        )
        .expect("a string");
    }

    /// A connection of its own, which costs nothing.
    async fn registered(&mut self, rooms: &[&str], user: Option<&str>) -> Record {
        self.connections += 1;
        let record = record(self.connections, rooms, user);
        self.store.register(&record).await.expect("register");
        self.meter.take();
        record
    }

    async fn removed(&mut self, record: &Record) {
        let removed = self.store.remove(&record.id, record.at).await;
        assert!(removed.expect("remove").is_some());
    }
}

#[tokio::test(start_paused = true)]
async fn the_cost_of_every_operation_is_known() {
    let meter = Meter::default();
    let store = Table::metered(&meter).store;
    let table = format!("{:<42} {:>3}  {:>4} {:>5}\n", "", "req", "WCU", "RCU");
    let mut costs = Costs {
        store: store.clone(),
        meter,
        table,
        connections: 10_000,
    };
    let three = ["tea", "coffee", "milk"];
    for (what, rooms, user) in [
        ("no room", &three[..0], None),
        ("1 room", &three[..1], None),
        ("3 rooms", &three[..], None),
        ("3 rooms, a user", &three[..], Some("ann")),
    ] {
        let record = record(1, rooms, user);
        store.register(&record).await.expect("register");
        costs.line(&format!("register, {what}"));
        costs.removed(&record).await;
        costs.line(&format!("$disconnect, {what}"));
    }

    let one = costs.registered(&[], None).await;
    let result = store.join(&one.id, NOW, "tea", one.expires).await;
    result.expect("join");
    costs.line("join");
    store.leave(&one.id, NOW, "tea").await.expect("leave");
    costs.line("leave");
    let mover = costs.registered(&["tea"], None).await;
    let result = store.switch_room(&mover, "coffee").await;
    result.expect("switch_room");
    costs.line("switch_room from 1 room");
    let mover = costs.registered(&three, None).await;
    let result = store.switch_room(&mover, "water").await;
    result.expect("switch_room");
    costs.line("switch_room from 3 rooms");

    store.record(&one.id, NOW).await.expect("record");
    costs.line("read a session");
    let small = store.save(&one.id, NOW, "{}", 0).await.expect("save");
    costs.line("save a session, 2 bytes");
    let large = format!("\"{}\"", "x".repeat(32 * 1024 - 2));
    store.save(&one.id, NOW, &large, small).await.expect("save");
    costs.line("save a session, 32 KB");
    store.record(&one.id, NOW).await.expect("record");
    costs.line("read a session, 32 KB");
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    let seen = costs.registered(&three, Some("ann")).await;
    for (what, after) in [
        ("mark as seen", minutes(5)),
        ("mark as seen again, too early", minutes(9)),
        ("mark as seen again", minutes(10)),
    ] {
        let marked = store.mark_seen(&seen.id, NOW, NOW + after, minutes(5));
        marked.await.expect("mark_seen");
        costs.line(what);
    }
    let result = store.join(&one.id, NOW, "tea", one.expires).await;
    result.expect("join");
    costs.line("join, with a session of 32 KB");
    store.remove(&one.id, NOW).await.expect("remove");
    costs.line("$disconnect, 1 room, a session of 32 KB");

    let gone = costs.registered(&three, Some("ann")).await;
    store.record(&gone.id, NOW).await.expect("record");
    store.mark_gone(&gone.id, NOW).await.expect("mark_gone");
    costs.line("gone: record, mark; 3 rooms, a user");
    costs.removed(&gone).await;
    costs.line("a late $disconnect of it");
    store.record(&gone.id, NOW).await.expect("record");
    let result = store.forget(&Scope::Room("tea".into()), &gone.id).await;
    result.expect("forget");
    costs.line("gone: no record, one room");

    for n in 0..1000 {
        let record = record(n, &["big"], None);
        store.register(&record).await.expect("register");
    }
    costs.meter.take();
    let room = Scope::Room("big".into());
    let result = store.page(&room, Slice::ALL, None, NOW).await;
    let page = result.expect("page");
    assert_eq!((page.ids.len(), page.next), (1000, None));
    costs.line("a room of 1 000");
    for slice in Scope::Everyone.slices() {
        let result = store.page(&Scope::Everyone, slice, None, NOW).await;
        result.expect("page");
    }
    costs.line("everyone, 1 000");
    let room = Scope::Room("empty".into());
    let result = store.page(&room, Slice::ALL, None, NOW).await;
    result.expect("page");
    costs.line("an empty room");

    values(&mut costs, &large).await;
    logs(&mut costs).await;

    println!("{}", costs.table);
    insta::assert_snapshot!(costs.table);
}

async fn values(costs: &mut Costs, large: &str) {
    let store = costs.store.clone();
    let small = store.write("n", "k", "{}", None).await.expect("write");
    costs.line("write a value, 2 bytes");
    store.read("n", "k", NOW).await.expect("read");
    costs.line("read a value, 2 bytes");
    let replace = store.replace("n", "k", large, None, Some(small), NOW);
    replace.await.expect("replace");
    costs.line("replace a value, 32 KB");
    store.read("n", "k", NOW).await.expect("read");
    costs.line("read a value, 32 KB");
    store.delete("n", "k", NOW).await.expect("delete");
    costs.line("delete a value, 32 KB");
    store.read("n", "k", NOW).await.expect("read");
    costs.line("read no value");
    for (what, prefix, count, value) in [
        ("1 000 of 2 bytes", "small/", 1000, "{}"),
        ("10 of 32 KB", "large/", 10, large),
    ] {
        for n in 0..count {
            let key = format!("{prefix}{n}");
            store.write("n", &key, value, None).await.expect("write");
        }
        costs.meter.take();
        let page = store.keys("n", prefix, None, NOW).await.expect("keys");
        assert_eq!((page.keys.len(), page.next), (count, None));
        costs.line(&format!("keys, {what}"));
    }
}

async fn logs(costs: &mut Costs) {
    let store = costs.store.clone();
    let history = History::new(300, Duration::from_secs(3600));
    let data = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    let append = async |data: String| {
        let appended = store.append("tea", &data, &history, NOW).await;
        appended.expect("append")
    };
    let since = async |position: Option<&Position>| {
        let read = store.since("tea", position, &history, NOW).await;
        read.expect("since")
    };
    let start = since(None).await.position;
    costs.line("subscribe to an empty log");
    append(data(940)).await;
    costs.line("append 940 bytes, for the first time");
    append(data(940)).await;
    costs.line("append 940 bytes");
    append(data(1024)).await;
    costs.line("append 1 KB");
    append(data(100 * 1024)).await;
    costs.line("append 100 KB");
    since(None).await;
    costs.line("subscribe, the last message has 100 KB");
    append(data(200)).await;
    let end = since(None).await.position;
    for _ in 0..100 {
        append(data(200)).await;
    }
    costs.meter.take();
    let end = since(Some(&end)).await;
    assert!(end.recovered && end.messages.len() == 100);
    costs.line("resume 100 messages of 200 bytes");
    let nothing = since(Some(&end.position)).await;
    assert!(nothing.recovered && nothing.messages.is_empty());
    costs.line("resume nothing");
    let foreign = Position::new("000000000", 1);
    assert!(!since(Some(&foreign)).await.recovered);
    costs.line("a gap: 105 messages, one of 100 KB");
    for _ in 0..300 {
        append(data(200)).await;
    }
    costs.meter.take();
    assert!(!since(Some(&start)).await.recovered);
    costs.line("a gap of 405 messages, in one epoch");
}
