//! Messages that are appended to the log of their room, and then broadcast.

use super::broadcast::EarlyRead;
use super::{Audience, Delivery, Sender};
use crate::Position;
use crate::error::SendError;
use crate::json::Json;
use crate::payload::{IntoPayload, Payload};
use crate::store::{History, Scope, StoreError, check_name};
use lambda_ws_protocol::limits::MESSAGE_BYTES;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::timeout_at;

/// The bytes that an answer with one message needs besides the data and the name of the room. So a message that can be
/// broadcast can also be read again.
const FRAME_BYTES: usize = 1024;

/// The result of publishing a message.
#[derive(Debug)]
#[non_exhaustive]
pub struct Publication {
    /// The position of the message in the log of its room. `None` for a room without history.
    pub position: Option<Position>,
    /// The result of the broadcast.
    pub delivery: Delivery,
}

/// A live message of a room.
#[derive(Serialize)]
struct MessageFrame<'a> {
    #[serde(rename = "$")]
    kind: &'static str,
    room: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    data: &'a RawValue,
}

impl Audience {
    /// Publishes a message to a room: appends it to the log of the room, and then broadcasts it with its position. A
    /// member that does not receive the broadcast reads the message from the log. See
    /// [lossless rooms](crate::guide::lossless_rooms).
    ///
    /// The message is sent as a frame, `{"$":"message","room":"tea","epoch":"k3f9x0a2b","seq":58,"data":..}`. A room
    /// without [history](crate::Channels::history) costs no request, and its frames have neither `epoch` nor `seq`.
    ///
    /// A message of up to about 940 bytes costs one write unit, if no other process publishes to the room. A room of up
    /// to 256 members is read twice: beside the append, so that the first posts need not wait, and after it, because a
    /// client may have joined in between. So a member that leaves during the append may still receive the message.
    ///
    /// Each call appends: a caller that repeats a call after an error may publish a message twice.
    ///
    /// ```
    /// use lambda_ws::{Error, Sender};
    ///
    /// async fn price_changed(sender: &Sender, cents: u32) -> Result<(), Error> {
    ///     let publication = sender.room("prices").publish(&cents).await?;
    ///     println!("{:?} reached {} clients", publication.position, publication.delivery.sent);
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`SendError::NotPublishable`] without [`Router::channels`](crate::Router::channels) or
    ///   [`Sender::with_channels`], for a group that is not a room, and with [`except`](Self::except): every member
    ///   counts the messages.
    /// - [`SendError::TooLarge`] over 127 KB, less the name of the room; [`SendError::Encode`].
    /// - [`SendError::NotAppended`] if the log cannot be written. The message may be in the log nevertheless.
    /// - [`SendError::NotBroadcast`] if the message is in the log, and the broadcast failed.
    ///
    /// The first two are returned before anything is written.
    pub async fn publish<T: Serialize + ?Sized>(self, data: &T) -> Result<Publication, SendError> {
        let data = to_raw_value(data).map_err(SendError::Encode)?;
        self.publish_json(&data).await
    }

    pub(crate) async fn publish_json(self, data: &RawValue) -> Result<Publication, SendError> {
        let (sender, scope, is_whole) = self.parts();
        let histories = sender.histories().ok_or(SendError::NotPublishable(
            "the sender knows no channels; fix: `Router::channels`, or `Sender::with_channels` outside of handlers",
        ))?;
        let Scope::Room(room) = scope else {
            return Err(SendError::NotPublishable(
                "only a room has members that count its messages; fix: `sender.room(..).publish(..)`, or `send`",
            ));
        };
        if !is_whole {
            return Err(SendError::NotPublishable(
                "every member counts the messages of a room; fix: remove `except`, or use `send`",
            ));
        }
        check_name(room)?;
        let history = histories.of(room);
        let largest = MESSAGE_BYTES - FRAME_BYTES - escaped(room);
        if data.get().len() > largest {
            return Err(SendError::TooLarge);
        }
        let (position, early) = match history {
            Some(history) => {
                let early = EarlyRead::start(sender, room);
                (Some(sender.append(room, data, history).await?), early)
            }
            None => (None, None),
        };
        let frame = frame(room, position.as_ref(), data)?;
        match (self.send_early(frame, early).await, position) {
            (Ok(delivery), position) => Ok(Publication { position, delivery }),
            (Err(source), Some(position)) => {
                let source = Box::new(source);
                Err(SendError::NotBroadcast { position, source })
            }
            (Err(error), None) => Err(error),
        }
    }
}

impl Sender {
    async fn append(
        &self,
        room: &str,
        data: &RawValue,
        history: &History,
    ) -> Result<Position, SendError> {
        let append = self.store().append(room, data.get(), history, self.now());
        let appended = match self.0.deadline {
            Some(deadline) => timeout_at(deadline, append).await.unwrap_or_else(|_| {
                let error = "the time of the event is over before the log has answered";
                Err(StoreError::unavailable(error))
            }),
            None => append.await,
        };
        appended.map_err(SendError::NotAppended)
    }
}

fn frame(room: &str, position: Option<&Position>, data: &RawValue) -> Result<Payload, SendError> {
    let frame = MessageFrame {
        kind: "message",
        room,
        epoch: position.map(|position| &*position.epoch),
        seq: position.map(|position| position.seq),
        data,
    };
    Json(frame).into_payload()
}

/// The length of a name in JSON.
fn escaped(name: &str) -> usize {
    serde_json::to_string(name).map_or(name.len(), |json| json.len())
}
