//! Values that belong to no connection.

use super::StoreError;
use crate::Timestamp;

/// The largest value, in bytes.
pub const VALUE_BYTES: usize = 32 * 1024;

/// Keeps values that belong to no connection, such as [tickets](crate::auth::Tickets): each by its key
/// in a namespace, both of 1 to 256 bytes. What has expired at `now` is not there, whether it was
/// removed or not.
pub trait Values: Send + Sync + 'static {
    /// Keeps a value, until `expires` if that is given, unless there is one already. Returns whether it
    /// is kept: `true` to one of several callers with the same key.
    fn insert(
        &self,
        namespace: &str,
        key: &str,
        value: &str,
        expires: Option<Timestamp>,
        now: Timestamp,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;

    /// Removes a value and returns it: to one caller at most, however many there are. If the database's
    /// answer is lost on its way, to nobody: a ticket is then used up.
    fn take(
        &self,
        namespace: &str,
        key: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<Option<String>, StoreError>> + Send;
}
