//! The server-sent events of a page, each a batch of entries.

use super::reply::{POLICY, protect};
use super::sampler::Sampler;
use crate::activity::{ActivityLog, EntryKind, Reader};
use crate::gateway::{Gateway, PageBody};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// The interval between batches. A timer is simpler than a wake-up by every source of activity.
const TICK: Duration = Duration::from_millis(50);
const TICKS_A_SECOND: u32 = 20;

/// The maximum number of entries and bytes per batch.
const ENTRIES: usize = 4_000;
const BYTES: usize = 1024 * 1024;

/// The number of earlier entries for a new page.
const PAST: usize = 3_000;

/// The maximum number of entries without an invocation per batch, and of outcomes. Under load most of them are
/// handshakes that no function was invoked for.
const ALONE: usize = 50;
const OUTCOMES: usize = 200;

/// The number of earlier seconds of figures for a new page.
const FIGURES: usize = 300;

/// Sends the activity to a page from entry number `from` on, until the page or the gateway ends. A page that does not
/// read delays nothing: it loses entries and gets their number.
pub(super) fn stream(
    activity: &ActivityLog,
    gateway: Gateway,
    from: Option<u64>,
) -> Response<PageBody> {
    let reader = activity.reader();
    let mut timer = interval(TICK);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = reader.last(0);
    let past = reader.last(PAST);
    let teller = Teller {
        // The number may come from another gateway.
        next: from
            .filter(|from| *from <= end)
            .map_or(past, |from| from.max(past)),
        reader,
        gateway,
        timer,
        ticks: 0,
        sampler: Sampler::new(),
        left_out: 0,
    };
    let events = futures_util::stream::unfold(teller, async |mut teller| {
        let event = teller.event().await?;
        Some((Ok::<_, Infallible>(Frame::data(event)), teller))
    });
    let mut response = Response::new(StreamBody::new(events).boxed_unsync());
    let kind = HeaderValue::from_static("text/event-stream");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    protect(&mut response, POLICY);
    response
}

struct Teller {
    reader: Reader,
    gateway: Gateway,
    next: u64,
    timer: Interval,
    ticks: u32,
    sampler: Sampler,
    left_out: u64,
}

impl Teller {
    async fn event(&mut self) -> Option<Bytes> {
        loop {
            tokio::select! {
                _ = self.timer.tick() => {}
                () = self.gateway.ended() => return None,
            }
            let first = self.ticks == 0;
            let second = self.ticks.is_multiple_of(TICKS_A_SECOND);
            self.ticks = self.ticks.wrapping_add(1);
            if second {
                self.sampler.second();
            }
            let (entries, lost) = self.entries();
            if entries.is_empty() && lost == 0 && !second {
                continue;
            }
            let mut batch = json!({ "next": self.next, "entries": entries, "lost": lost });
            if second {
                batch["connections"] = self.gateway.connections().into();
                batch["sampled"] = self.sampler.of().into();
                batch["leftOut"] = std::mem::take(&mut self.left_out).into();
                batch["figures"] = self.reader.figures(if first { FIGURES } else { 2 });
            }
            let event = format!("id: {}\ndata: {batch}\n\n", self.next);
            return Some(event.into());
        }
    }

    /// Returns the entries since the last call, and the number of dropped entries.
    fn entries(&mut self) -> (Vec<Value>, u64) {
        self.sampler.tick();
        let read = self.reader.read(self.next, ENTRIES);
        self.next = read.first;
        let (mut shown, mut bytes) = (Vec::new(), 0);
        let (mut alone, mut outcomes) = (0, 0);
        for entry in read.entries {
            if bytes > BYTES {
                // The remaining entries wait for the next batch, or are dropped.
                break;
            }
            self.next += 1;
            let wanted = match &entry.kind {
                EntryKind::Begun { id, gateway, .. } => match gateway {
                    Some(gateway) => self.sampler.begins(&[id, gateway]),
                    None => self.sampler.begins(&[id]),
                },
                // The lists of connections and of the console's clients are complete.
                EntryKind::Opened { .. } | EntryKind::Closed(_) | EntryKind::Client(_) => true,
                EntryKind::Operation(done) => {
                    let shows = self.sampler.shows(&done.gateway);
                    outcomes += usize::from(shows);
                    shows && outcomes <= OUTCOMES
                }
                _ => match entry.invocation() {
                    Some(id) => self.sampler.shows(id),
                    None => {
                        alone += 1;
                        let fits = alone <= ALONE;
                        self.left_out += u64::from(!fits);
                        fits
                    }
                },
            };
            if wanted {
                bytes += entry.bytes();
                shown.push(entry.show());
            }
        }
        (shown, read.lost)
    }
}
