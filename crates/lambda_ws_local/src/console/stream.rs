//! What a page hears: server-sent events, each a batch of entries.

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

/// How often a page hears. Nobody who tells the activity something has to wake anybody.
const TICK: Duration = Duration::from_millis(50);
const TICKS_A_SECOND: u32 = 20;

/// How many entries are looked at in a tick, and how many bytes are sent.
const ENTRIES: usize = 4_000;
const BYTES: usize = 1024 * 1024;

/// How many entries of the past a new page is shown.
const PAST: usize = 3_000;

/// How many entries that belong to no invocation are sent in a tick, and how many outcomes: most of very many are of
/// handshakes that no function was asked about.
const ALONE: usize = 50;
const OUTCOMES: usize = 200;

/// The seconds of figures that a new page is shown.
const FIGURES: usize = 300;

/// Tells a page what happens, from entry number `from` on, until it goes away or the gateway ends. A page that does not read
/// holds nobody up: it loses entries, and learns how many.
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
        // A number of another gateway means nothing.
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
    /// The number of the next entry.
    next: u64,
    timer: Interval,
    ticks: u32,
    sampler: Sampler,
    /// Entries that are left out because there are too many.
    left_out: u64,
}

impl Teller {
    /// The next event; `None` at the end.
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

    /// The entries since the last time, and how many were forgotten meanwhile.
    fn entries(&mut self) -> (Vec<Value>, u64) {
        self.sampler.tick();
        let read = self.reader.read(self.next, ENTRIES);
        self.next = read.first;
        let (mut shown, mut bytes) = (Vec::new(), 0);
        let (mut alone, mut outcomes) = (0, 0);
        for entry in read.entries {
            if bytes > BYTES {
                // The others wait for the next tick, or are forgotten.
                break;
            }
            self.next += 1;
            let wanted = match &entry.kind {
                EntryKind::Begun { id, gateway, .. } => match gateway {
                    Some(gateway) => self.sampler.begins(&[id, gateway]),
                    None => self.sampler.begins(&[id]),
                },
                // A list of connections is whole, and so are the console's own clients.
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
