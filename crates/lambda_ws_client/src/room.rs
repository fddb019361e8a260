//! The state of one room: rules 1 to 7 of PROTOCOL.md. It has no timers and no sockets.

use crate::protocol::{Answer, Position};
use serde_json::Value;
use std::collections::BTreeMap;

/// A time in ms, from any start.
pub(crate) type Millis = u64;

/// A time that never comes.
pub(crate) const NEVER: Millis = Millis::MAX;

/// A message waits this long for the messages before it.
const JUMP: Millis = 500;
const MAX_REPAIR: Millis = 30_000;
/// A room is checked this long after its last new message.
const QUIET: Millis = 20_000;
const MAX_BUFFERED: usize = 1_000;

/// What a room has for its application.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RoomEffect {
    Message(Value, Option<Position>),
    Gap {
        from: Position,
        /// `None` if the room has no history any more.
        to: Option<Position>,
    },
}

/// The state of one room.
#[derive(Debug)]
pub(crate) struct Room {
    /// The last delivered message.
    pub(crate) position: Option<Position>,
    /// The time of the next `$ping` with this room's position.
    pub(crate) ask_at: Millis,
    /// The number of failed subscriptions in a row.
    pub(crate) failures: u32,
    effects: Vec<RoomEffect>,
    answered: bool,
    buffer: BTreeMap<Position, Value>,
    /// The greatest position that was seen. Something is missing while it is greater than `position`.
    seen: Option<Position>,
    more: bool,
    repair_at: Millis,
    repairs: u32,
    quiet_at: Millis,
}

impl Room {
    pub(crate) fn new(since: Option<Position>) -> Self {
        Self {
            position: since,
            ask_at: NEVER,
            failures: 0,
            effects: Vec::new(),
            answered: false,
            buffer: BTreeMap::new(),
            seen: None,
            more: false,
            repair_at: NEVER,
            repairs: 0,
            quiet_at: NEVER,
        }
    }

    /// Takes a live message.
    pub(crate) fn receive(
        &mut self,
        position: Position,
        data: Value,
        now: Millis,
    ) -> Vec<RoomEffect> {
        let before = self.position.clone();
        self.take(position, data, now);
        self.schedule(now, self.position != before, false);
        std::mem::take(&mut self.effects)
    }

    /// Takes the answer to a frame that reported the position `since`.
    pub(crate) fn answer(
        &mut self,
        answer: Answer,
        since: Option<&Position>,
        now: Millis,
    ) -> Vec<RoomEffect> {
        let before = self.position.clone();
        self.answered = true;
        self.more = answer.more;
        if self.quiet_at <= now {
            self.quiet_at = NEVER;
        }
        match (answer.position, &before) {
            (Some(end), _) => {
                let first = answer.messages.first().map(|(seq, _)| *seq);
                let base = first.map_or_else(
                    || end.clone(),
                    |first| Position::new(end.epoch.clone(), first - 1),
                );
                self.rebase(before.as_ref(), base, since, answer.recovered);
                self.see(&end);
                self.drain();
                for (seq, data) in answer.messages {
                    self.take(Position::new(end.epoch.clone(), seq), data, now);
                }
            }
            (None, Some(from)) => {
                // The room has lost its history.
                let from = from.clone();
                self.effects.push(RoomEffect::Gap { from, to: None });
                self.position = None;
                self.seen = None;
                self.buffer.clear();
            }
            (None, None) => {}
        }
        self.schedule(now, self.position != before, true);
        std::mem::take(&mut self.effects)
    }

    /// Notes that the server knows no message after the position that was sent, or that it could not look.
    pub(crate) fn no_answer(&mut self, now: Millis, failed: bool) {
        if failed {
            self.quiet_at = now + QUIET;
        } else if self.quiet_at <= now {
            self.quiet_at = NEVER;
        }
        self.more &= failed;
        self.schedule(now, false, true);
    }

    /// Moves to the position before the first message of an answer, if the answer requires it.
    fn rebase(
        &mut self,
        before: Option<&Position>,
        base: Position,
        since: Option<&Position>,
        recovered: bool,
    ) {
        let Some(before) = before else {
            return self.move_to(base);
        };
        // Another answer or live messages can have moved the position since it was sent. What is old by now is no gap.
        let moved = since != Some(before);
        let moves = match recovered {
            true => base.epoch != before.epoch && !moved,
            false => !moved || base > *before,
        };
        if moves {
            if !recovered && base != *before {
                self.effects.push(RoomEffect::Gap {
                    from: before.clone(),
                    to: Some(base.clone()),
                });
            }
            self.move_to(base);
        }
    }

    /// Adds a message to the buffer if it is new, and delivers what has become deliverable.
    fn take(&mut self, position: Position, data: Value, now: Millis) {
        let is_old = self.position.as_ref().is_some_and(|own| position <= *own);
        if is_old || self.buffer.contains_key(&position) {
            return;
        }
        self.see(&position);
        self.quiet_at = now + QUIET;
        // A message that does not fit is fetched later: `seen` remembers it.
        if self.buffer.len() < MAX_BUFFERED || self.next().as_ref() == Some(&position) {
            self.buffer.insert(position, data);
        }
        self.drain();
    }

    fn see(&mut self, position: &Position) {
        if self.seen.as_ref().is_none_or(|seen| position > seen) {
            self.seen = Some(position.clone());
        }
    }

    /// Returns the position of the message that is delivered next.
    fn next(&self) -> Option<Position> {
        self.position
            .as_ref()
            .filter(|_| self.answered)
            .map(Position::next)
    }

    fn drain(&mut self) {
        while let Some(next) = self.next()
            && let Some(data) = self.buffer.remove(&next)
        {
            self.position = Some(next.clone());
            self.effects.push(RoomEffect::Message(data, Some(next)));
        }
    }

    fn move_to(&mut self, base: Position) {
        // A log that went back is another log: what came from the old one is void.
        if self.position.as_ref().is_some_and(|own| base < *own) {
            self.buffer.clear();
            self.seen = None;
        }
        self.buffer.retain(|position, _| *position > base);
        self.position = Some(base);
    }

    /// Sets the time of the next `$ping`. `asked` is true if an answer has just arrived.
    fn schedule(&mut self, now: Millis, progress: bool, asked: bool) {
        let is_behind =
            self.answered && self.position.is_some() && (self.more || self.seen > self.position);
        if progress || !is_behind {
            self.repairs = 0;
        }
        if !is_behind {
            self.repair_at = NEVER;
        } else if asked && self.more && progress {
            self.repair_at = now;
        } else if asked {
            let wait = JUMP
                .saturating_mul(1 << self.repairs.min(16))
                .min(MAX_REPAIR);
            self.repairs += 1;
            self.repair_at = now + wait;
        } else if progress || self.repair_at == NEVER {
            self.repair_at = now + JUMP;
        }
        self.ask_at = self.repair_at.min(self.quiet_at);
    }
}
