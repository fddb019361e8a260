//! What went wrong once, or may go wrong in one documented way only.

use super::course::{COURSE, Course, Fault, Turn};
use super::table::Table;
use lambda_ws::store::{
    DynamoDb, KeyValueStore, MAX_ROOMS, Record, Scope, Slice, Store, StoreError,
};
use lambda_ws::{ConnectionId, Timestamp};
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

async fn registered(store: &DynamoDb, rooms: &[&str]) -> Record {
    let mut record = Record::new("c".into(), NOW, "api/test", NOW);
    record.rooms = rooms.iter().map(|room| room.to_string()).collect();
    store.register(&record).await.expect("register");
    record
}

async fn members(store: &DynamoDb, room: &str) -> Vec<ConnectionId> {
    let scope = Scope::Room(room.to_owned());
    let page = store.page(&scope, Slice::ALL, None, NOW).await;
    page.expect("page").ids
}

/// Runs a task whose first requests meet these faults.
async fn with<T>(faults: &[Fault], task: impl Future<Output = T>) -> T {
    let turns: Vec<Turn> = faults.iter().map(|fault| Turn::at_once(*fault)).collect();
    COURSE.scope(Course::new(&turns, None), task).await
}

#[tokio::test(start_paused = true)]
async fn a_reused_id_is_not_in_its_former_rooms() {
    let store = Table::new().store;
    let mut record = registered(&store, &["a", "b"]).await;
    record.at = NOW + Duration::from_secs(1);
    record.rooms.remove("a");
    store.register(&record).await.expect("register");
    assert_eq!(members(&store, "a").await, []);
    assert_eq!(members(&store, "b").await, [record.id]);
}

#[tokio::test(start_paused = true)]
async fn a_mark_succeeds_when_its_answer_is_lost() {
    let store = Table::new().store;
    let record = registered(&store, &["a"]).await;
    let marked = with(&[Fault::AnswerLost], store.mark_gone(&record.id, NOW)).await;
    assert!(marked.expect("mark_gone"), "it was this call");
    assert_eq!(members(&store, "a").await, []);
    let marked = store.mark_gone(&record.id, NOW).await;
    assert!(!marked.expect("mark_gone"), "it was the other call");
}

#[tokio::test(start_paused = true)]
async fn a_save_succeeds_when_its_answer_is_lost() {
    let store = Table::new().store;
    let record = registered(&store, &[]).await;
    let (id, version) = (&record.id, record.version);
    let saved = with(&[Fault::AnswerLost], store.save(id, NOW, "1", version)).await;
    let saved = saved.expect("it was this call");
    let stale = store.save(id, NOW, "1", version).await;
    assert!(matches!(stale, Err(StoreError::Conflict)), "{stale:?}");
    store.save(id, NOW, "2", saved).await.expect("save");
}

#[tokio::test(start_paused = true)]
async fn a_room_switch_succeeds_when_its_answer_is_lost() {
    let store = Table::new().store;
    let record = registered(&store, &["a"]).await;
    let mut faults = vec![Fault::AnswerLost];
    faults.extend([Fault::InTheWay; 4]);
    let entered = with(&faults, store.switch_room(&record, "b")).await;
    entered.expect("it was this call");
    assert_eq!(members(&store, "b").await, [record.id]);
}

#[tokio::test(start_paused = true)]
async fn a_removal_is_reported_when_members_are_left() {
    let store = Table::new().store;
    let record = registered(&store, &["a"]).await;
    let faults = [Fault::None, Fault::NotSent, Fault::NotSent, Fault::NotSent];
    let removed = with(&faults, store.remove(&record.id, NOW)).await;
    assert_eq!(removed.expect("remove"), Some(record.clone()));
    assert_eq!(members(&store, "a").await, [record.id], "until it expires");
}

/// The one case in which a removal has no winner: see [`DynamoDb`].
#[tokio::test(start_paused = true)]
async fn a_removal_whose_answer_is_lost_has_no_winner_and_leaves_members_until_they_expire() {
    let store = Table::new().store;
    let record = registered(&store, &["a"]).await;
    let removed = with(&[Fault::AnswerLost], store.remove(&record.id, NOW)).await;
    assert_eq!(removed.expect("remove"), None);
    assert_eq!(store.record(&record.id, NOW).await.expect("record"), None);
    let room = Scope::Room("a".to_owned());
    let found = store.page(&room, Slice::ALL, None, record.expires).await;
    assert_eq!(found.expect("page").ids, []);
    assert_eq!(members(&store, "a").await.len(), 1);
    store.forget(&room, &record.id).await.expect("forget");
    assert_eq!(members(&store, "a").await, []);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_room_switch_leaves_no_room() {
    let store = Table::new().store;
    let rooms: Vec<String> = (0..MAX_ROOMS).map(|n| format!("{n:03}")).collect();
    let rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
    let record = registered(&store, &rooms).await;
    let result = store.switch_room(&record, "099").await;
    result.expect("switch_room");
    let late = store.switch_room(&record, "b").await;
    assert!(matches!(late, Err(StoreError::Conflict)), "{late:?}");
    let found = members(&store, "099").await;
    assert_eq!(found, [record.id], "it entered this one");
}

#[tokio::test(start_paused = true)]
async fn every_write_is_retried_after_a_transaction_conflict() {
    let store = Table::new().store;
    let busy = [Fault::InTheWay; 5];
    let record = with(&busy, registered(&store, &["a"])).await;
    let joined = store.join(&record.id, NOW, "b", record.expires);
    with(&busy, joined).await.expect("join");
    let result = with(&busy, store.leave(&record.id, NOW, "b")).await;
    result.expect("leave");
    let result = with(&busy, store.save(&record.id, NOW, "1", 0)).await;
    result.expect("save");
    let marked = with(&busy, store.mark_gone(&record.id, NOW)).await;
    assert!(marked.expect("mark_gone"));
    let room = Scope::Room("a".to_owned());
    let result = with(&busy, store.forget(&room, &record.id)).await;
    result.expect("forget");
    let removed = with(&busy, store.remove(&record.id, NOW)).await;
    assert!(removed.expect("remove").is_some());

    let written = with(&busy, store.write("n", "k", "1", None)).await;
    let version = Some(written.expect("write"));
    let replaced = store.replace("n", "k", "2", None, version, NOW);
    with(&busy, replaced).await.expect("replace");
    let deleted = with(&busy, store.delete("n", "k", NOW)).await;
    assert!(deleted.expect("delete"));
    let inserted = with(&busy, store.insert("n", "k", "3", None, NOW)).await;
    assert!(inserted.expect("insert"));
    let taken = with(&busy, store.take("n", "k", NOW)).await;
    assert_eq!(taken.expect("take").as_deref(), Some("3"));
}

async fn value(store: &DynamoDb) -> Option<String> {
    let found = store.read("n", "k", NOW).await.expect("read");
    found.map(|found| found.value)
}

#[tokio::test(start_paused = true)]
async fn a_replacement_succeeds_when_its_answer_is_lost() {
    let store = Table::new().store;
    let replace = |value, version| store.replace("n", "k", value, None, version, NOW);
    let lost = [Fault::AnswerLost; 2];
    let one = with(&lost, replace("1", None)).await;
    let one = one.expect("it was this call");
    let two = with(&lost, replace("2", Some(one))).await;
    let two = two.expect("it was this call");
    for version in [None, Some(one)] {
        let stale = with(&lost, replace("0", version)).await;
        assert!(matches!(stale, Err(StoreError::Conflict)), "{stale:?}");
    }
    replace("3", Some(two)).await.expect("it has this version");
    assert_eq!(value(&store).await.as_deref(), Some("3"));
    let inserted = with(&lost, store.insert("n", "k2", "1", None, NOW)).await;
    assert!(inserted.expect("insert"), "it was this call");
}

#[tokio::test(start_paused = true)]
async fn a_value_has_the_version_that_its_writer_knows_though_the_answer_is_lost() {
    let store = Table::new().store;
    let written = with(&[Fault::AnswerLost], store.write("n", "k", "1", None)).await;
    let version = Some(written.expect("write"));
    let replaced = store.replace("n", "k", "2", None, version, NOW).await;
    replaced.expect("it has this version");
}

/// As [`KeyValueStore`] says.
#[tokio::test(start_paused = true)]
async fn a_deletion_whose_answer_is_lost_does_not_know_that_it_happened() {
    let store = Table::new().store;
    let lost = [Fault::AnswerLost];
    store.write("n", "k", "1", None).await.expect("write");
    let deleted = with(&lost, store.delete("n", "k", NOW)).await;
    assert!(!deleted.expect("delete"));
    assert_eq!(value(&store).await, None);
    store.write("n", "k", "1", None).await.expect("write");
    let taken = with(&lost, store.take("n", "k", NOW)).await;
    assert_eq!(taken.expect("take"), None);
    assert_eq!(value(&store).await, None);
}
