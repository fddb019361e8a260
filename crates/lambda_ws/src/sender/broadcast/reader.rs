//! The connections of a group, read chunk by chunk.

use super::super::Sender;
use crate::ConnectionId;
use crate::random::rng;
use crate::store::{Page, Scope, Slice, StoreError, check_name};
use crate::sync::spawned;
use crate::task::Range;
use futures_util::stream::{self, BoxStream, Stream, StreamExt, TryStreamExt};

const READS: usize = 4;

/// The most connections of a chunk.
pub(super) const CHUNK: usize = 256;

/// Some of a range's connections, in a random order.
pub(in crate::sender) struct Chunk {
    /// The number of their range.
    pub(in crate::sender) range: usize,
    pub(in crate::sender) ids: Vec<ConnectionId>,
    /// The rest of the range after them.
    pub(in crate::sender) left: Option<Range>,
}

/// Reads several ranges of a group concurrently, each in its order.
pub(in crate::sender) fn chunks(
    sender: &Sender,
    scope: &Scope,
    ranges: Vec<Range>,
) -> BoxStream<'static, Result<Chunk, StoreError>> {
    let named = match scope {
        Scope::Everyone => Ok(()),
        Scope::Room(name) | Scope::User(name) => check_name(name),
    };
    if let Err(error) = named {
        return stream::iter([Err(error)]).boxed();
    }
    let (sender, scope) = (sender.clone(), scope.clone());
    let mut numbered: Vec<_> = ranges.into_iter().enumerate().collect();
    // No connection is always the last.
    rng().shuffle(&mut numbered);
    let reads = stream::iter(numbered).flat_map_unordered(READS, move |(number, range)| {
        read(sender.clone(), scope.clone(), number, range).boxed()
    });
    reads.boxed()
}

fn read(
    sender: Sender,
    scope: Scope,
    number: usize,
    range: Range,
) -> impl Stream<Item = Result<Chunk, StoreError>> {
    let slice = range.slice;
    let pages = stream::try_unfold(Some(range), move |range| {
        let (sender, scope) = (sender.clone(), scope.clone());
        async move {
            let Some(Range { slice, after }) = range else {
                return Ok(None);
            };
            // Chunks are read only as fast as messages are sent.
            let page = spawned(async move {
                let store = sender.store();
                let page = store.page(&scope, slice, after.as_ref(), sender.now());
                page.await
            });
            let Page { ids, next } = page.await?;
            let left = next.map(|after| Range {
                slice,
                after: Some(after),
            });
            Ok(Some(((ids, left.clone()), left)))
        }
    });
    pages
        .map_ok(move |(ids, left)| stream::iter(split(number, slice, ids, left)).map(Ok))
        .try_flatten()
}

/// Splits a page into chunks. `left` is the rest of the range after the page.
fn split(
    range: usize,
    slice: Slice,
    ids: Vec<ConnectionId>,
    left: Option<Range>,
) -> impl Iterator<Item = Chunk> {
    let count = ids.len().div_ceil(CHUNK).max(1);
    let mut ids = ids.into_iter();
    (1..=count).map(move |number| {
        let mut ids: Vec<_> = ids.by_ref().take(CHUNK).collect();
        let left = match number == count {
            true => left.clone(),
            false => Some(Range {
                slice,
                after: ids.last().cloned(),
            }),
        };
        rng().shuffle(&mut ids);
        Chunk { range, ids, left }
    })
}
