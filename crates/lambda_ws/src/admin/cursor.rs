//! The cursors of commands that answer page by page.

use super::AdminError;
use crate::store::Scope;

/// The command that a cursor belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CursorKind {
    Count,
    List,
    Tasks,
}

impl CursorKind {
    fn letter(self) -> char {
        match self {
            Self::Count => 'c',
            Self::List => 'l',
            Self::Tasks => 't',
        }
    }
}

/// Writes the cursor of a command for a group: a letter, the hash of the group, and a position in it.
pub(super) fn write(kind: CursorKind, scope: Option<&Scope>, position: &str) -> String {
    format!("{}{:08x}{position}", kind.letter(), hash(scope))
}

/// Reads the position of a cursor.
///
/// # Errors
///
/// The cursor belongs to another command or group.
pub(super) fn read<'c>(
    kind: CursorKind,
    scope: Option<&Scope>,
    cursor: &'c str,
) -> Result<&'c str, AdminError> {
    let start = write(kind, scope, "");
    cursor.strip_prefix(&start).ok_or(AdminError::Cursor)
}

/// Returns the FNV-1a hash of a group. It detects mistakes: IAM, not the cursor, protects the table.
fn hash(scope: Option<&Scope>) -> u32 {
    let (kind, name) = match scope {
        None => (0, ""),
        Some(Scope::Everyone) => (1, ""),
        Some(Scope::Room(name)) => (2, name.as_str()),
        Some(Scope::User(name)) => (3, name.as_str()),
    };
    let bytes = std::iter::once(kind).chain(name.bytes());
    bytes.fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}
