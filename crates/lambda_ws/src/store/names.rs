//! Names of connections, rooms and users.

use super::StoreError;

const BYTES: std::ops::RangeInclusive<usize> = 1..=256;

/// Refuses a name that no table key can hold.
pub(crate) fn check(name: &str) -> Result<(), StoreError> {
    match BYTES.contains(&name.len()) {
        true => Ok(()),
        false => Err(StoreError::BadName(name.len())),
    }
}
