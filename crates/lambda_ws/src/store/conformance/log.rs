//! The rules of logs.

use super::Check;
use crate::store::{History, Recovery, Store, StoreError};
use crate::{Position, Timestamp};
use futures_util::future::try_join_all;
use std::time::Duration;

const HISTORY: History = History::new(1_000, Duration::from_secs(3600));

impl<S: Store> Check<'_, S> {
    /// Whether the store keeps logs at all.
    pub(super) async fn keeps_logs(&self) -> bool {
        let log = &self.name("log-0");
        let read = self.store.since(log, None, &HISTORY, self.now);
        match read.await {
            Ok(_) => true,
            Err(StoreError::NoHistory) => false,
            Err(error) => panic!("since: {error}"),
        }
    }

    async fn appended(&self, log: &str, data: &str, now: Timestamp) -> Position {
        let append = self.store.append(log, data, &HISTORY, now);
        append.await.expect("append")
    }

    async fn filled(&self, log: &str, count: u64) -> Position {
        let start = self.start(log).await;
        for n in 1..=count {
            self.appended(log, &n.to_string(), self.now).await;
        }
        start
    }

    async fn start(&self, log: &str) -> Position {
        let start = self.store.since(log, None, &HISTORY, self.now);
        let start = start.await.expect("since");
        assert!(start.recovered && start.messages.is_empty() && !start.more);
        start.position
    }

    async fn read(
        &self,
        log: &str,
        since: &Position,
        history: &History,
        now: Timestamp,
    ) -> Recovery {
        let read = self.store.since(log, Some(since), history, now);
        read.await.expect("since")
    }

    pub(super) async fn a_log_is_numbered_without_holes(&self) {
        let log = &self.name("log-1");
        let start = self.start(log).await;
        assert_eq!(start.seq, 0, "an empty log ends at number 0");
        assert_eq!(self.start(log).await, start, "reading begins one epoch");
        let mut all = Vec::new();
        for (n, data) in [r#"{"a":"\u00fc"}"#, "null", r#"" ""#]
            .into_iter()
            .enumerate()
        {
            let position = self.appended(log, data, self.now).await;
            let next = Position::new(&*start.epoch, n as u64 + 1);
            assert_eq!(position, next, "numbers have no holes");
            all.push((position.seq, data.to_owned()));
        }
        for since in 0..=3 {
            let position = Position::new(&*start.epoch, since);
            let read = self.read(log, &position, &HISTORY, self.now).await;
            let expected = Recovery {
                position: Position::new(&*start.epoch, 3),
                recovered: true,
                messages: all[since as usize..].to_vec(),
                more: false,
            };
            assert_eq!(read, expected, "the messages after {since}");
        }
        let end = self.start(log).await;
        assert_eq!(
            end,
            Position::new(&*start.epoch, 3),
            "a log ends at its last message"
        );
    }

    pub(super) async fn a_position_that_is_not_valid_is_a_gap(&self) {
        let log = &self.name("log-2");
        let start = self.filled(log, 2).await;
        let positions = [
            Position::new(&*start.epoch, 3),
            Position::new(&*start.epoch, u64::MAX),
            Position::new("000000000", 1),
            Position::new("zzzzzzzzz", 1),
            Position::new("", 0),
            Position::new("$", 0),
        ];
        for position in positions {
            let read = self.read(log, &position, &HISTORY, self.now).await;
            assert!(!read.recovered, "{position} is not a position of this log");
            assert_eq!(read.position, Position::new(&*start.epoch, 2));
            assert_eq!(read.messages, [(1, "1".to_owned()), (2, "2".to_owned())]);
        }
    }

    pub(super) async fn a_history_bounds_what_is_served(&self) {
        let log = &self.name("log-3");
        let start = self.filled(log, 5).await;
        let few = History::new(2, Duration::from_secs(3600));
        let read = self.read(log, &start, &few, self.now).await;
        assert!(!read.recovered && read.messages.len() == 2 && read.position.seq == 5);
        let read = self
            .read(log, &Position::new(&*start.epoch, 3), &few, self.now)
            .await;
        assert!(read.recovered && read.messages.len() == 2 && !read.more);

        let now = self.now + Duration::from_secs(60);
        self.appended(log, "6", now).await;
        let brief = History::new(100, Duration::from_secs(30));
        let read = self.read(log, &start, &brief, now).await;
        assert!(!read.recovered, "old messages are lost");
        assert_eq!(read.messages, [(6, "6".to_owned())]);
        let read = self
            .read(log, &Position::new(&*start.epoch, 5), &brief, now)
            .await;
        assert!(
            read.recovered,
            "the age of the position itself does not matter"
        );

        let log = &self.name("log-4");
        let start = self.start(log).await;
        let large = format!("\"{}\"", "x".repeat(60 * 1024));
        for _ in 0..3 {
            self.appended(log, &large, self.now).await;
        }
        let (mut since, mut pages) = (start, Vec::new());
        loop {
            let read = self.read(log, &since, &HISTORY, self.now).await;
            assert!(read.recovered);
            pages.push(read.messages.len());
            since = read.position;
            if !read.more {
                break;
            }
        }
        assert_eq!(pages, [1, 1, 1], "a page has at most 100 KB");
    }

    pub(super) async fn a_log_of_expired_messages_begins_an_epoch(&self) {
        let log = &self.name("log-5");
        let start = self.filled(log, 2).await;
        let day = Duration::from_secs(24 * 60 * 60);
        let quiet = self.now + day;
        let third = self.appended(log, "3", quiet).await;
        assert_eq!(
            third,
            Position::new(&*start.epoch, 3),
            "a quiet room keeps its epoch"
        );
        let late = quiet + HISTORY.stored();
        let first = self.appended(log, "4", late).await;
        assert!(
            first.epoch > start.epoch && first.seq == 1,
            "{first} follows {third}"
        );
        let read = self.read(log, &third, &HISTORY, late).await;
        assert!(!read.recovered, "messages after {third} may be missing");
        assert_eq!((&read.position, read.messages.len()), (&first, 1));

        // By reading, too.
        let later = late + HISTORY.stored();
        let end = self.store.since(log, None, &HISTORY, later).await;
        let end = end.expect("since").position;
        assert!(
            end.epoch > first.epoch && end.seq == 0,
            "{end} follows {first}"
        );
        let next = self.appended(log, "5", later).await;
        assert_eq!(next, Position::new(&*end.epoch, 1));
        let read = self.read(log, &end, &HISTORY, later).await;
        assert!(read.recovered && read.position == next);
    }

    pub(super) async fn concurrent_appends_have_different_numbers(&self) {
        const COUNT: u64 = 20;
        let log = &self.name("log-6");
        let appends = (0..COUNT).map(|n| async move {
            let data = n.to_string();
            let position = self.store.append(log, &data, &HISTORY, self.now).await?;
            Ok::<_, StoreError>((position.seq, data))
        });
        let mut appended = try_join_all(appends).await.expect("append");
        appended.sort();
        let end = self.start(log).await;
        assert_eq!(end.seq, COUNT, "each append has a number");
        let read = self
            .read(log, &Position::new(end.epoch, 0), &HISTORY, self.now)
            .await;
        assert_eq!(
            read.messages, appended,
            "each message has the number that its append returned"
        );
    }
}
