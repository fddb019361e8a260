//! The pauses before retries.

use crate::random::rng;
use std::time::Duration;

/// The pauses before the retries of an operation. Each is a multiple of the previous one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Backoff {
    /// In ms, without jitter.
    pause: u32,
    /// In ms, without jitter.
    longest: u32,
    factor: u8,
    left: u8,
    jitter: Jitter,
}

/// The random factor of a pause, so that processes do not retry at the same time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Jitter {
    /// 1.
    None,
    /// A random number from 0.5 to 1.5.
    Half,
    /// A random number from 0 to 1.
    Full,
}

impl Backoff {
    /// Creates `count` pauses, from `first` to `longest` ms.
    pub(crate) const fn new(
        first: u32,
        factor: u8,
        longest: u32,
        count: u8,
        jitter: Jitter,
    ) -> Self {
        Self {
            pause: first,
            longest,
            factor,
            left: count,
            jitter,
        }
    }

    pub(crate) const fn is_over(&self) -> bool {
        self.left == 0
    }

    /// Waits for the next attempt. Returns `false` at once after the last one.
    #[cfg(feature = "sdk")]
    pub(crate) async fn wait(&mut self) -> bool {
        match self.next() {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return false,
        }
        true
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        self.left = self.left.checked_sub(1)?;
        let pause = Duration::from_millis(self.pause.into());
        let longer = self.pause.saturating_mul(self.factor.into());
        self.pause = longer.min(self.longest);
        Some(match self.jitter {
            Jitter::None => pause,
            Jitter::Half => pause.mul_f32(0.5 + rng().f32()),
            Jitter::Full => pause.mul_f32(rng().f32()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pauses_grow_up_to_the_longest() {
        let backoff = Backoff::new(50, 4, 600, 3, Jitter::None);
        let pauses: Vec<_> = backoff.map(|pause| pause.as_millis()).collect();
        assert_eq!(pauses, [50, 200, 600]);
    }

    #[test]
    fn jitter_stays_in_its_range() {
        for (jitter, range) in [(Jitter::Half, 50..=150), (Jitter::Full, 0..=100)] {
            let pauses = Backoff::new(100, 1, 100, u8::MAX, jitter);
            assert!(
                pauses
                    .map(|pause| pause.as_millis())
                    .all(|ms| range.contains(&ms))
            );
        }
    }
}
