//! Random numbers.
//!
//! The generator of a thread is part of a snapshot (SnapStart). All processes that Lambda restores from it would draw the
//! same numbers: the same ids of tasks, tokens of transactions and versions of records. So each thread gets a new seed from
//! the operating system after a restore.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of times that Lambda has restored this process.
static RESTORES: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The number of restores when the generator of the thread was seeded.
    static SEEDED: Cell<u64> = const { Cell::new(0) };
}

/// Returns a generator with a seed of the thread's generator.
pub(crate) fn rng() -> fastrand::Rng {
    let restores = RESTORES.load(Ordering::Relaxed);
    if SEEDED.replace(restores) != restores {
        seed();
    }
    fastrand::Rng::new()
}

/// Notes that Lambda has restored this process.
pub(crate) fn restored() {
    RESTORES.fetch_add(1, Ordering::Relaxed);
    // Crates that this library uses draw from the same generator.
    seed();
}

fn seed() {
    // Without numbers of the operating system the seed remains.
    if let Ok(seed) = getrandom::u64() {
        fastrand::seed(seed);
    }
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
        restored();
        [new_id(), rng().u64(..).to_string()]
    }

    #[test]
    fn other_threads_draw_different_numbers_after_a_restore() {
        let draw = || {
            std::thread::spawn(|| {
                rng();
                // A restore happens on another thread.
                std::thread::spawn(restored).join().expect("no panic");
                fastrand::seed(7);
                rng().u64(..)
            })
        };
        let (first, second) = (draw().join().expect("one"), draw().join().expect("two"));
        assert_ne!(first, second);
    }

    #[test]
    fn two_processes_of_one_snapshot_draw_different_numbers() {
        let (first, second) = (after_a_restore(), after_a_restore());
        assert!(first.iter().zip(&second).all(|(a, b)| a != b), "{first:?}");
    }
}
