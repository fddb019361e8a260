//! The limits in virtual time.

mod fleet;
