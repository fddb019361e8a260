//! The rules that appends and readings of one log keep.

use lambda_ws::Position;
use lambda_ws::store::Recovery;
use std::collections::HashMap;
use std::time::Duration;

/// How long a position is valid.
const VALID: Duration = Duration::from_secs(24 * 60 * 60);

/// What happened to one log, in the order of its ticks.
#[derive(Debug, Default)]
pub(crate) struct Checker {
    /// The appends that succeeded.
    appended: Vec<Appended>,
    /// What was found at each position.
    found: HashMap<Position, String>,
    /// Where each message was found.
    places: HashMap<String, Position>,
    /// The greatest position that anybody has seen.
    seen: Option<Position>,
}

#[derive(Debug)]
struct Appended {
    position: Position,
    data: String,
    began: Duration,
}

/// What is known when a call begins.
#[derive(Debug, Clone)]
pub(crate) struct Before {
    seen: Option<Position>,
    appended: usize,
    at: Duration,
}

impl Checker {
    pub(crate) fn begin(&self, at: Duration) -> Before {
        Before {
            seen: self.seen.clone(),
            appended: self.appended.len(),
            at,
        }
    }

    /// How many appends have succeeded.
    pub(crate) fn count(&self) -> usize {
        self.appended.len()
    }

    fn see(&mut self, position: &Position) {
        self.seen = self.seen.take().max(Some(position.clone()));
    }

    fn find(&mut self, position: &Position, data: &str) {
        let found = self.found.entry(position.clone());
        let found = found.or_insert_with(|| data.to_owned());
        assert_eq!(found, data, "two messages have the position {position}");
        let place = self.places.entry(data.to_owned());
        let place = place.or_insert_with(|| position.clone());
        assert_eq!(place, position, "the message {data} has two positions");
    }

    /// An append has succeeded.
    pub(crate) fn append(&mut self, before: &Before, position: Position, data: String) {
        // A client at the greatest position that was seen would drop it as a duplicate.
        assert!(
            Some(&position) > before.seen.as_ref(),
            "{position} does not follow {:?}",
            before.seen
        );
        self.find(&position, &data);
        self.see(&position);
        let began = before.at;
        self.appended.push(Appended {
            position,
            data,
            began,
        });
    }

    /// A reader has read what follows its position.
    pub(crate) fn read(&mut self, before: &Before, since: Option<&Position>, read: &Recovery) {
        let position = |seq| Position::new(&*read.position.epoch, seq);
        let mut next = read.messages.first().map(|(seq, _)| *seq);
        for (seq, data) in &read.messages {
            assert_eq!(Some(*seq), next, "the numbers of an answer have a hole");
            next = Some(seq + 1);
            self.find(&position(*seq), data);
        }
        match (read.messages.last(), since) {
            (Some((last, _)), _) => assert_eq!(read.position, position(*last)),
            (None, Some(since)) if read.recovered => assert_eq!(read.position, *since),
            _ => {}
        }
        if let (true, Some(since)) = (read.recovered, since) {
            assert_eq!(
                read.position.epoch, since.epoch,
                "a change of the epoch is a gap"
            );
            if let Some((first, _)) = read.messages.first() {
                assert_eq!(*first, since.seq + 1, "there is a silent gap after {since}");
            }
        }
        if !read.more {
            for Appended { position, data, .. } in &self.appended[..before.appended] {
                let missed = format!("{data} at {position} was appended before and is not read");
                assert!(*position <= read.position, "{missed}");
            }
        }
        if let (false, Some(since)) = (read.recovered, since) {
            let known = self.appended.iter().find(|known| known.position == *since);
            if let Some(known) = known {
                let age = before.at - known.began;
                assert!(
                    age >= VALID,
                    "a false gap after {since}, which is {age:?} old"
                );
            }
        }
        self.see(&read.position);
    }
}
