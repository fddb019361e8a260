//! Random numbers, all of the operating system's.
//!
//! A generator in memory would be part of a snapshot (SnapStart). All processes that Lambda restores from it would draw
//! the same numbers: the same ids of tasks, tokens of transactions and versions of records.

/// Returns a generator for a few numbers, with a seed of the operating system's.
pub(crate) fn rng() -> fastrand::Rng {
    // Without the operating system's numbers the seed is that of the thread.
    getrandom::u64().map_or_else(|_| fastrand::Rng::new(), fastrand::Rng::with_seed)
}

/// Seeds the generator of the thread anew, after a restore: crates that this library uses draw from it.
pub(crate) fn reseed() {
    fastrand::seed(rng().u64(..));
}

/// Returns a random id of 32 hexadecimal digits.
pub(crate) fn new_id() -> String {
    let mut random = [0; 16];
    let random = match getrandom::fill(&mut random) {
        Ok(()) => u128::from_ne_bytes(random),
        Err(_) => rng().u128(..),
    };
    format!("{random:032x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_different() {
        assert_ne!(new_id(), new_id());
        assert_eq!(new_id().len(), 32);
    }

    /// Draws what must differ between two processes that are restored from one snapshot.
    fn after_a_restore() -> [String; 2] {
        // The state of a generator in memory, as the snapshot has it.
        fastrand::seed(7);
        [new_id(), rng().u64(..).to_string()]
    }

    #[test]
    fn two_processes_of_one_snapshot_draw_different_numbers() {
        let (first, second) = (after_a_restore(), after_a_restore());
        assert!(first.iter().zip(&second).all(|(a, b)| a != b), "{first:?}");
    }
}
