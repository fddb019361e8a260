//! The layout of the connections table in DynamoDB.
//!
//! The key attributes `pk` and `sk` are strings. The time to live is `exp`, in seconds. There is no index. A table may
//! have other names for these three: see [`TableAttributes`].
//!
//! | item | pk | sk | attributes |
//! |---|---|---|---|
//! | connection | `C#<h0>` | `<id>` | at, exp, api, user?, rooms?, session?, v, gone?, seen? |
//! | member of a room | `R#<room>` | `<h>#<id>` | exp |
//! | connection of a user | `U#<user>` | `<h>#<id>` | exp |
//! | value | `K#<namespace>` | `<key>` | value, v, exp? |
//! | message of a room | `H#<room>` | `<epoch>#<n>` | data?, at, exp, n |
//! | head of a room's log | `H#<room>` | `$` | epoch, at, exp |
//!
//! `h` is the [`hash`] of the connection id in two hexadecimal digits. `h0` is the first digit.
//!
//! An epoch has [`EPOCH_LENGTH`] characters, and `<n>` has [`SEQ_DIGITS`] digits, so the order of the sort keys is the
//! order of the messages. The attribute `n` of a message is the random number of the call that wrote it. Number 0 of
//! each epoch has no data: it marks the start of the epoch. The number after the last message of an epoch that has ended has
//! no data either: it marks the end.

mod attributes;

pub use attributes::{BadAttributes, KEYS, TTL, TableAttributes};

use crate::ConnectionId;

/// The maximum number of rooms of a connection.
pub const MAX_ROOMS: usize = 100;

/// The maximum size of a session, in bytes of JSON.
pub const SESSION_BYTES: usize = 32 * 1024;

/// The maximum size of a value, in bytes of JSON.
pub const VALUE_BYTES: usize = 32 * 1024;

/// The maximum size of the data of a user in a room, in bytes of JSON.
pub const PRESENCE_BYTES: usize = 1024;

/// Returns the hash byte of a connection id. The hash is part of the layout and never changes.
pub fn hash(id: &ConnectionId) -> u8 {
    // FNV-1a, folded to one byte, because the ids of one second differ in few characters.
    let fnv = id.as_str().bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    fnv.to_be_bytes().into_iter().fold(0, |a, b| a ^ b)
}

/// Returns the partition of the connections whose hash has the same first digit as `hash`.
pub fn connections(hash: u8) -> String {
    format!("C#{:x}", hash >> 4)
}

/// Returns the partition of a room's members.
pub fn room(name: &str) -> String {
    format!("R#{name}")
}

/// Returns the partition of a user's connections.
pub fn user(name: &str) -> String {
    format!("U#{name}")
}

/// Returns the partition of a namespace's values.
pub fn values(namespace: &str) -> String {
    format!("K#{namespace}")
}

/// The number of characters of an epoch: a time in ms since 1970, in base 36.
pub const EPOCH_LENGTH: usize = 9;

/// The number of digits of a sequence number in a sort key.
pub const SEQ_DIGITS: usize = 12;

/// The highest sequence number.
pub const MAX_SEQ: u64 = 10_u64.pow(SEQ_DIGITS as u32) - 1;

/// The sort key of the head of a log. It is less than the sort key of every message.
pub const LOG_HEAD: &str = "$";

/// Returns the partition of a room's log.
pub fn log(room: &str) -> String {
    format!("H#{room}")
}

/// Returns the sort key of a message in the log of its room.
pub fn log_message(epoch: &str, seq: u64) -> String {
    format!("{epoch}#{seq:0digits$}", digits = SEQ_DIGITS)
}

/// Returns the epoch and the sequence number of a message's sort key. Returns `None` for the head.
pub fn log_position(sk: &str) -> Option<(&str, u64)> {
    let (epoch, seq) = sk.split_once('#')?;
    Some((epoch, seq.parse().ok()?))
}

/// Returns the epoch that begins `millis` ms after 1970.
pub fn epoch(millis: u64) -> String {
    let mut rest = millis;
    let mut digits = [b'0'; EPOCH_LENGTH];
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdefghijklmnopqrstuvwxyz"[(rest % 36) as usize];
        rest /= 36;
    }
    digits.iter().copied().map(char::from).collect()
}

/// Returns the time in ms since 1970 at which an epoch began. Returns `None` if the text is not an epoch.
pub fn epoch_millis(epoch: &str) -> Option<u64> {
    let is_digit = |c: u8| c.is_ascii_digit() || c.is_ascii_lowercase();
    let is_epoch = epoch.len() == EPOCH_LENGTH && epoch.bytes().all(is_digit);
    u64::from_str_radix(epoch, 36).ok().filter(|_| is_epoch)
}

/// Returns the sort key of a connection in the partition of a room or a user.
pub fn member(id: &ConnectionId) -> String {
    format!("{:02x}#{id}", hash(id))
}

/// Returns the first and the last sort key of the members whose hashes are in a range.
pub fn members_between(from: u8, to: u8) -> [String; 2] {
    // `$` is the next character after `#`.
    [format!("{from:02x}#"), format!("{to:02x}$")]
}

/// Returns the connection id of a sort key. `pk` is optional, because a projection of members does not contain it.
pub fn connection_id<'a>(pk: Option<&str>, sk: &'a str) -> &'a str {
    match sk.split_once('#') {
        // No connection id contains `#`.
        Some((_, id)) if !pk.is_some_and(|pk| pk.starts_with("C#")) => id,
        _ => sk,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_a_log_is_the_order_of_its_sort_keys() {
        let now = 1_767_607_440_000;
        let epochs = [0, 35, 36, now, now + 1, 36_u64.pow(9) - 1].map(epoch);
        assert!(epochs.is_sorted(), "{epochs:?}");
        let mut keys = vec![LOG_HEAD.to_owned()];
        for epoch in &epochs {
            keys.extend([0, 1, 9, 10, MAX_SEQ].map(|seq| log_message(epoch, seq)));
            assert!(epoch_millis(epoch).is_some_and(|millis| super::epoch(millis) == *epoch));
        }
        assert!(keys.is_sorted(), "{keys:?}");
        assert_eq!(log_position(LOG_HEAD), None);
        assert_eq!(
            log_position(&log_message(&epochs[3], 7)),
            Some((&*epochs[3], 7))
        );
        for bad in [
            "",
            "00",
            "A00000000",
            "+00000000",
            "0000000000",
            "00000000\u{e9}",
        ] {
            assert_eq!(epoch_millis(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_hash_of_an_id_never_changes_and_is_evenly_distributed() {
        assert_eq!(hash(&"PJqB0fHsqRcCHlw=".into()), 179);
        let mut random = fastrand::Rng::with_seed(1);
        let mut counts = [0_u32; 16];
        for _ in 0..16_000 {
            let id = crate::event::new_id(&mut random).into();
            counts[usize::from(hash(&id) >> 4)] += 1;
        }
        assert!(counts.iter().all(|c| (850..1150).contains(c)), "{counts:?}");
    }
}
