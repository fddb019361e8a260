//! The layout of the connections table in DynamoDB.
//!
//! The key attributes `pk` and `sk` are strings. The time to live is `exp`, in seconds. There is no index.
//!
//! | item | pk | sk | attributes |
//! |---|---|---|---|
//! | connection | `C#<h0>` | `<id>` | at, exp, api, user?, rooms?, session?, v, gone? |
//! | member of a room | `R#<room>` | `<h>#<id>` | exp |
//! | connection of a user | `U#<user>` | `<h>#<id>` | exp |
//! | value | `K#<namespace>` | `<key>` | value, v, exp? |
//!
//! `h` is the [`hash`] of the connection id in two hexadecimal digits. `h0` is the first digit.

use crate::ConnectionId;

/// The names of the two key attributes.
pub const KEYS: [&str; 2] = ["pk", "sk"];

/// The maximum number of rooms of a connection.
pub const MAX_ROOMS: usize = 100;

/// The maximum size of a session, in bytes of JSON.
pub const SESSION_BYTES: usize = 32 * 1024;

/// The maximum size of a value, in bytes of JSON.
pub const VALUE_BYTES: usize = 32 * 1024;

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
