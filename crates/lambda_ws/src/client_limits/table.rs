//! The clients that a process knows, in bounded memory.

use super::client::Client;
use crate::sync::lock;
use std::sync::Mutex;

/// The number of sets. A client has its place in one of them.
const SETS: usize = 1280;

/// The places of a set. All places together are 10 240, and take at most 1.5 MB.
const PLACES: usize = 8;

/// The clients of a process by the hash of their names. If a set is full, it forgets the client that was quiet for the
/// longest time.
#[derive(Debug)]
pub(super) struct Table(Mutex<Vec<Option<Box<[Client; PLACES]>>>>);

impl Table {
    pub(super) fn new() -> Self {
        Self(Mutex::new(vec![None; SETS]))
    }

    /// Calls `change` with a client.
    pub(super) fn with<T>(&self, key: u64, now: u64, change: impl FnOnce(&mut Client) -> T) -> T {
        // 0 is the key of an empty place.
        let key = key.max(1);
        let mut sets = lock(&self.0);
        let set = sets[(key % SETS as u64) as usize].get_or_insert_default();
        let place = match set.iter().position(|client| client.key == key) {
            Some(place) => place,
            None => {
                let quiet = set.iter().enumerate().min_by_key(|(_, client)| client.at);
                let place = quiet.map_or(0, |(place, _)| place);
                set[place] = Client::new(key, now);
                place
            }
        };
        change(&mut set[place])
    }
}

/// Returns the hash of a name that API Gateway has chosen. It is the same in all processes.
pub(super) fn hash(name: &[u8]) -> u64 {
    // FNV-1a.
    name.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_and_quiet_clients_are_forgotten_first() {
        let table = Table::new();
        let names: Vec<_> = (0..100_000_u32).map(|number| number.to_string()).collect();
        for (now, name) in names.iter().enumerate() {
            table.with(hash(name.as_bytes()), now as u64, |client| {
                client.user = Some(Some(7))
            });
            // An attacker beside them is never quiet.
            table.with(hash(b"attacker"), now as u64, |client| {
                client.at = now as u64;
                client.user = Some(Some(8));
            });
        }
        let sets = lock(&table.0).iter().flatten().count();
        assert!(sets <= SETS && size_of::<[Client; PLACES]>() * SETS < 1_500_000);
        let known = |name: &str| {
            let known = |client: &mut Client| client.user.is_some();
            table.with(hash(name.as_bytes()), 100_000, known)
        };
        assert!(known("attacker") && known(&names[99_999]));
        assert!(!known(&names[0]));
    }
}
