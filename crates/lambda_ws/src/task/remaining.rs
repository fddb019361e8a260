//! The remaining recipients of a broadcast.

use crate::ConnectionId;
use crate::payload::Payload;
use crate::store::{Scope, Slice};
use lambda_ws_protocol::table_layout;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// The remaining recipients of a broadcast, with its message. [`Sender::resume`](crate::Sender::resume) continues it,
/// in this process or another one, because it serializes to JSON.
///
/// Reading it from JSON fails if it contains a name or a part of a group that is not valid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedRest")]
#[must_use = "the remaining recipients have not received the message"]
pub struct Remaining {
    pub(crate) scope: Scope,
    /// `None` closes the connections.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<Payload>,
    /// Whether the connections are closed after the message.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) closes: bool,
    #[serde(skip_serializing_if = "HashSet::is_empty")]
    pub(crate) except: HashSet<ConnectionId>,
    /// Recipients that were already read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) ids: Vec<ConnectionId>,
    /// The ranges of the other recipients.
    pub(crate) ranges: Vec<Range>,
}

/// A part of a group: the connections of a slice after one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedRange")]
pub(crate) struct Range {
    #[serde(flatten)]
    pub(crate) slice: Slice,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<ConnectionId>,
}

#[derive(Deserialize)]
struct UncheckedRest {
    scope: Scope,
    message: Option<Payload>,
    #[serde(default)]
    closes: bool,
    #[serde(default)]
    except: HashSet<ConnectionId>,
    #[serde(default)]
    ids: Vec<ConnectionId>,
    ranges: Vec<Range>,
}

impl TryFrom<UncheckedRest> for Remaining {
    type Error = String;

    fn try_from(rest: UncheckedRest) -> Result<Self, Self::Error> {
        // Each slice of everyone is a partition of the table. Other slices do not exist.
        if rest.scope == Scope::Everyone {
            let slices: Vec<_> = rest.scope.slices().collect();
            let odd = rest
                .ranges
                .iter()
                .find(|range| !slices.contains(&range.slice));
            if let Some(Range { slice, .. }) = odd {
                let (from, to) = (slice.from, slice.to);
                return Err(format!(
                    "the slice from {from} to {to} is not a slice of everyone"
                ));
            }
        }
        Ok(Self {
            scope: rest.scope,
            message: rest.message,
            closes: rest.closes,
            except: rest.except,
            ids: rest.ids,
            ranges: rest.ranges,
        })
    }
}

#[derive(Deserialize)]
struct UncheckedRange {
    from: u8,
    to: u8,
    after: Option<ConnectionId>,
}

impl TryFrom<UncheckedRange> for Range {
    type Error = String;

    fn try_from(range: UncheckedRange) -> Result<Self, Self::Error> {
        let slice = Slice::between(range.from, range.to)?;
        match range.after {
            Some(after) if !slice.contains(&after) => {
                let (from, to) = (slice.from, slice.to);
                Err(format!("`{after}` is not in the slice from {from} to {to}"))
            }
            after => Ok(Self { slice, after }),
        }
    }
}

impl Remaining {
    pub(crate) fn all(scope: Scope, except: HashSet<ConnectionId>) -> Self {
        let ranges = scope.slices().map(|slice| Range { slice, after: None });
        Self {
            ranges: ranges.collect(),
            scope,
            message: None,
            closes: false,
            except,
            ids: Vec::new(),
        }
    }

    /// Returns whether it sends a message instead of closing connections.
    pub(crate) fn is_message(&self) -> bool {
        self.message.is_some()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.ranges.is_empty()
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.ids.extend(other.ids);
        self.ranges.extend(other.ranges);
    }

    /// Splits it into at most `most` parts of about the same size.
    pub(crate) fn split(self, most: usize) -> Vec<Self> {
        let mut ranges = self.ranges.clone();
        // Rooms and users are ordered by hash, so one range of theirs can replace several. Small ranges split more
        // evenly.
        if self.scope != Scope::Everyone {
            while ranges.len() < 4 * most {
                let Some(widest) = (0..ranges.len()).max_by_key(|at| ranges[*at].width()) else {
                    break;
                };
                let Some((first, second)) = ranges[widest].halves() else {
                    break;
                };
                ranges[widest] = first;
                ranges.push(second);
            }
        }
        let parts = most.clamp(1, ranges.len().max(1));
        let part = |_| Self {
            ids: Vec::new(),
            ranges: Vec::new(),
            ..self.clone()
        };
        let mut split: Vec<_> = (0..parts).map(part).collect();
        for range in ranges {
            let widths = split.iter().map(|part| part.width());
            let least = widths.enumerate().min_by_key(|(_, width)| *width);
            let (least, _) = least.expect("there is a part");
            split[least].ranges.push(range);
        }
        for (number, id) in self.ids.into_iter().enumerate() {
            split[number % parts].ids.push(id);
        }
        split
    }

    fn width(&self) -> usize {
        self.ranges.iter().map(Range::width).sum()
    }
}

impl Range {
    fn from(&self) -> u8 {
        self.after
            .as_ref()
            .map_or(self.slice.from, table_layout::hash)
            .clamp(self.slice.from, self.slice.to)
    }

    pub(crate) fn width(&self) -> usize {
        usize::from(self.slice.to - self.from()) + 1
    }

    fn halves(&self) -> Option<(Self, Self)> {
        let (from, to) = (self.from(), self.slice.to);
        if from == to {
            return None;
        }
        let middle = from + (to - from) / 2;
        let first = Self {
            slice: Slice { from, to: middle },
            after: self.after.clone(),
        };
        let second = Self {
            slice: Slice {
                from: middle + 1,
                to,
            },
            after: None,
        };
        Some((first, second))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_room_cover_the_remaining_range_once() {
        let after = ConnectionId::from("PJqB0fHsqRcCHlw=");
        for (after, first) in [(None, 0), (Some(after.clone()), table_layout::hash(&after))] {
            let mut rest = Remaining::all(Scope::Room("tea".into()), HashSet::new());
            rest.ranges[0].after = after.clone();
            rest.ids = vec!["a".into(), "b".into(), "c".into()];
            let parts = rest.split(4);
            assert_eq!(parts.len(), 4);
            let ids: Vec<_> = parts.iter().flat_map(|part| &part.ids).collect();
            assert_eq!(ids.len(), 3);
            let mut ranges: Vec<_> = parts.iter().flat_map(|part| &part.ranges).collect();
            ranges.sort_by_key(|range| range.slice.from);
            let hashes: Vec<_> = ranges
                .iter()
                .flat_map(|range| range.slice.from..=range.slice.to)
                .collect();
            assert_eq!(hashes, (first..=255).collect::<Vec<_>>());
            let afters: Vec<_> = ranges.iter().filter_map(|r| r.after.clone()).collect();
            let expected = Vec::from_iter(after);
            assert_eq!(afters, expected, "only the first part begins inside");
        }
    }

    #[test]
    fn the_partitions_of_everyone_are_shared_out_whole() {
        let parts = Remaining::all(Scope::Everyone, HashSet::new()).split(5);
        let counts: Vec<_> = parts.iter().map(|part| part.ranges.len()).collect();
        assert_eq!(counts, [4, 3, 3, 3, 3]);
        let parts = Remaining::all(Scope::Everyone, HashSet::new()).split(99);
        assert_eq!(parts.len(), 16);
    }

    #[test]
    fn any_number_of_parts_is_about_even() {
        for most in 1..10 {
            let parts = Remaining::all(Scope::User("ann".into()), HashSet::new()).split(most);
            assert_eq!(parts.len(), most);
            let widths: Vec<_> = parts.iter().map(Remaining::width).collect();
            assert_eq!(widths.iter().sum::<usize>(), 256);
            let (least, most) = (widths.iter().min().unwrap(), widths.iter().max().unwrap());
            assert!(most - least <= 16, "{widths:?}");
        }
    }

    #[test]
    fn what_has_one_hash_left_is_not_split() {
        let mut rest = Remaining::all(Scope::Room("tea".into()), HashSet::new());
        rest.ranges[0].slice.from = 255;
        assert_eq!(rest.clone().split(4), [rest]);
    }

    #[test]
    fn the_rest_can_be_written_down() {
        let mut rest = Remaining::all(Scope::Room("tea".into()), HashSet::from(["eve".into()]));
        rest.ids.push("ann".into());
        rest.ranges[0].after = Some("bob".into());
        let json = serde_json::to_string(&rest).unwrap();
        assert_eq!(
            json,
            r#"{"scope":{"room":"tea"},"except":["eve"],"ids":["ann"],"ranges":[{"from":0,"to":255,"after":"bob"}]}"#
        );
        assert_eq!(serde_json::from_str::<Remaining>(&json).unwrap(), rest);
        let everyone = serde_json::to_value(Scope::Everyone).unwrap();
        assert_eq!(everyone, "everyone");
    }
}
