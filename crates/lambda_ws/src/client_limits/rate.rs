//! The rate of a limit.

/// A number of messages, bytes or handshakes in a time, and how many may come at once.
///
/// A client may use up to the burst at once, and then as much as the rate allows: in each interval of `t` at most `burst
/// + rate * t`.
///
/// ```
/// use lambda_ws::Rate;
///
/// // 20 at once, then 10 per second.
/// let rate = Rate::per_second(10).burst(20);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    pub(super) per_ms: f64,
    pub(super) burst: f64,
    /// How much each process allows without a request to the store.
    pub(super) free: f64,
    /// How much a process takes from the store at once.
    pub(super) grant: f64,
}

/// A tenth of the rate is allowed in each process without a request to the store.
const FREE_RATE: f64 = 0.1;

impl Rate {
    /// Creates a rate per second, with a burst of the same number.
    ///
    /// # Panics
    ///
    /// If the number is 0.
    #[track_caller]
    pub const fn per_second(number: u32) -> Self {
        Self::new(number, 1000)
    }

    /// Creates a rate per minute, with a burst of the same number.
    ///
    /// # Panics
    ///
    /// If the number is 0.
    #[track_caller]
    pub const fn per_minute(number: u32) -> Self {
        Self::new(number, 60_000)
    }

    #[track_caller]
    const fn new(number: u32, millis: u32) -> Self {
        assert!(number > 0, "a rate of 0 is not valid: expected at least 1");
        let rate = Self {
            per_ms: number as f64 / millis as f64,
            burst: 0.0,
            free: 0.0,
            grant: 1.0,
        };
        rate.burst(number)
    }

    /// Sets how many may come at once.
    ///
    /// # Panics
    ///
    /// If the number is 0.
    #[must_use]
    #[track_caller]
    pub const fn burst(self, number: u32) -> Self {
        assert!(number > 0, "a burst of 0 is not valid: expected at least 1");
        // Whole numbers, so that a burst of messages is allowed to the last one.
        let grant = if number < 8 { 1 } else { number / 4 };
        Self {
            burst: number as f64,
            free: (number / 2) as f64,
            grant: grant as f64,
            ..self
        }
    }

    /// The same rate, exact in all processes together: every use is a request to the store.
    pub(super) const fn exact(self) -> Self {
        Self {
            free: 0.0,
            grant: 1.0,
            ..self
        }
    }

    /// How much becomes available in a time.
    pub(super) fn refill(&self, millis: u64) -> f64 {
        self.per_ms * millis as f64
    }

    /// How much of a process's own use is forgiven in a time.
    pub(super) fn forgiven(&self, millis: u64) -> f64 {
        self.refill(millis) * FREE_RATE
    }

    /// The time until so much is available, in ms.
    pub(super) fn wait(&self, amount: f64) -> u64 {
        (amount / self.per_ms).ceil().max(1.0) as u64
    }
}
