//! What must hold.

/// What must hold, said as it is looked at.
#[derive(Debug, Default)]
pub(super) struct Checks {
    pub(super) failed: usize,
}

impl Checks {
    /// Prints whether something holds.
    pub(super) fn hold(&mut self, holds: bool, what: &str) {
        let verdict = if holds { "holds" } else { "DOES NOT HOLD" };
        println!("  {verdict}: {what}");
        self.failed += usize::from(!holds);
    }
}
