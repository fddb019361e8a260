//! The connections of a group, page by page, from a cursor to the next.

use super::AdminError;
use super::cursor::{self, CursorKind};
use crate::ConnectionId;
use crate::sender::Sender;
use crate::store::{Page, Scope, Slice, StoreError};

/// The most pages of the store that one command reads. A page of DynamoDB has up to 1 MB, so these need up to 16 384
/// read units.
const PAGES: usize = 64;

/// A position in a group: the rest of a slice, and the slices after it.
pub(super) struct Walk<'s> {
    sender: &'s Sender,
    scope: Scope,
    kind: CursorKind,
    /// The slice of the next page, and the connection before the page. `None` after the last page.
    place: Option<(Slice, Option<ConnectionId>)>,
    pages: usize,
}

impl<'s> Walk<'s> {
    /// Returns the walk from a cursor, or from the beginning.
    ///
    /// # Errors
    ///
    /// The cursor is not one of this command and group.
    pub(super) fn new(
        sender: &'s Sender,
        scope: Scope,
        kind: CursorKind,
        cursor: Option<&str>,
    ) -> Result<Self, AdminError> {
        let place = match cursor {
            None => (scope.slices().next().expect("a group has slices"), None),
            Some(cursor) => {
                let position = cursor::read(kind, Some(&scope), cursor)?;
                place(&scope, position).ok_or(AdminError::Cursor)?
            }
        };
        Ok(Self {
            sender,
            scope,
            kind,
            place: Some(place),
            pages: 0,
        })
    }

    /// Reads the next page. Its connections are empty after the last page.
    pub(super) async fn page(&mut self) -> Result<Vec<ConnectionId>, StoreError> {
        let Some((slice, after)) = &self.place else {
            return Ok(Vec::new());
        };
        let (slice, now) = (*slice, self.sender.now());
        let page = self
            .sender
            .store()
            .page(&self.scope, slice, after.as_ref(), now);
        let Page { ids, next } = page.await?;
        self.pages += 1;
        self.place = match next {
            Some(after) => Some((slice, Some(after))),
            None => self
                .scope
                .slices()
                .find(|other| other.from > slice.to)
                .map(|slice| (slice, None)),
        };
        Ok(ids)
    }

    /// Returns whether the command ends here: after the last page, or after the most pages.
    pub(super) fn is_over(&self) -> bool {
        self.place.is_none() || self.pages >= PAGES
    }

    /// Continues after a connection of the last page.
    pub(super) fn back_to(&mut self, id: ConnectionId) {
        let slice = self.scope.slices().find(|slice| slice.contains(&id));
        self.place = slice.map(|slice| (slice, Some(id)));
    }

    /// Returns the cursor of the next page, if there is one.
    pub(super) fn cursor(&self) -> Option<String> {
        let (slice, after) = self.place.as_ref()?;
        let after = after.as_ref().map_or("", ConnectionId::as_str);
        let position = format!("{:02x}{after}", slice.from);
        Some(cursor::write(self.kind, Some(&self.scope), &position))
    }
}

/// Reads a position: the first hash of a slice in two hexadecimal digits, and the id before the page.
fn place(scope: &Scope, position: &str) -> Option<(Slice, Option<ConnectionId>)> {
    let (from, after) = position.split_at_checked(2)?;
    let from = u8::from_str_radix(from, 16).ok()?;
    let slice = scope.slices().find(|slice| slice.from == from)?;
    if after.is_empty() {
        return Some((slice, None));
    }
    let after = ConnectionId::from(after);
    // DynamoDB rejects a key of another partition.
    let is_valid = slice.contains(&after) && after.as_str().len() <= 256;
    is_valid.then_some((slice, Some(after)))
}
