//! Answers the frames of clients.

use super::Channels;
use super::frames::{Frame, LogPart, Members, RoomFrame, bad_frame};
use crate::auth::TokenError;
use crate::connection::Connection;
use crate::error::{Error, SendError};
use crate::event::{Event, Message, Subscribe};
use crate::json::Json;
use crate::payload::IntoPayload;
use crate::response::{Body, IntoResponse, Response};
use crate::sender::{Bye, Sender};
use crate::store::{Recovery, StoreError};
use crate::{ConnectionId, Position};
use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::value::RawValue;
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;
use tracing::{debug, error};

/// When a client without a record may connect again.
const RETRY: Duration = Duration::from_secs(1);

/// Why a frame has no answer of its own.
pub(super) enum Failed {
    /// The client receives this.
    Error(Error),
    /// The connection has no record. It is closed.
    Unknown,
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Error(match error {
            StoreError::NotConnected => return Self::Unknown,
            StoreError::TooManyRooms => Error::client("too_many_rooms", error.to_string()),
            StoreError::Unavailable(_) => {
                // An error of the client's is not logged.
                error!(
                    error = &error as &dyn StdError,
                    "a frame of a client is not answered: the connection store does not answer"
                );
                Error::client("unavailable", "the table did not answer: try again")
                    .with_source(error)
            }
            error => error.into(),
        })
    }
}

/// The connection of a frame, and its id.
pub(super) struct Asked<'a> {
    pub(super) event: &'a Event<Message>,
    pub(super) id: Option<&'a RawValue>,
}

impl Asked<'_> {
    pub(super) fn sender(&self) -> &Sender {
        &self.event.sender
    }

    pub(super) fn connection_id(&self) -> &ConnectionId {
        self.event.connection_id()
    }

    fn connection(&self) -> Connection {
        Connection::new(
            self.connection_id().clone(),
            self.event.context.connected_at(),
            self.sender().clone(),
            self.event.record_cache.clone(),
        )
    }
}

impl Channels {
    /// The response to a message, and its route, if it is a frame of the protocol.
    pub(in crate::router) fn respond(
        self: &Arc<Self>,
        event: Event<Message>,
    ) -> Result<(&'static str, BoxFuture<'static, Response>), Event<Message>> {
        let Some((_, action)) = Members::read(&event.data.body) else {
            return Err(event);
        };
        let route = match &*action {
            "$subscribe" => "$subscribe",
            "$unsubscribe" => "$unsubscribe",
            "$ping" => "$ping",
            _ => "$default",
        };
        let channels = self.clone();
        let response = async move {
            let Some((members, action)) = Members::read(&event.data.body) else {
                unreachable!("it was read before");
            };
            let asked = Asked {
                event: &event,
                id: members.id.filter(|id| id.get() != "null"),
            };
            let answered = match members.frame(&action) {
                Ok(frame) => channels.answer(&asked, frame).await,
                Err(error) => Err(error.into()),
            };
            match answered {
                Ok(response) => response,
                Err(Failed::Error(error)) => IntoResponse::<Message>::into_response(error),
                Err(Failed::Unknown) => {
                    dismiss(asked.sender(), asked.connection_id()).await;
                    Response::default()
                }
            }
        };
        Ok((route, Box::pin(response)))
    }

    async fn answer(&self, asked: &Asked<'_>, frame: Frame) -> Result<Response, Failed> {
        match frame {
            Frame::Subscribe { room, since, token } => {
                self.allow(asked, &room, token).await?;
                // The member first: what is appended after the reading is sent to it.
                asked.connection().join(&room).await?;
                let recovery = self.read(asked, &room, since.as_ref()).await?;
                let part = recovery.map(|recovery| LogPart::new(recovery, since.is_some()));
                response("subscribed", &room, asked.id, part)
            }
            Frame::Unsubscribe { room } => {
                asked.connection().leave(&room).await?;
                response("unsubscribed", &room, asked.id, None)
            }
            Frame::Ping { rooms } => self.ping(asked, rooms).await,
        }
    }

    /// Reads the log of a room, if it has one.
    pub(super) async fn read(
        &self,
        asked: &Asked<'_>,
        room: &str,
        since: Option<&Position>,
    ) -> Result<Option<Recovery>, StoreError> {
        let Some(history) = self.histories.of(room) else {
            return Ok(None);
        };
        let sender = asked.sender();
        let read = sender.store().since(room, since, history, sender.now());
        read.await.map(Some)
    }

    /// Decides whether a client may subscribe to a room.
    async fn allow(
        &self,
        asked: &Asked<'_>,
        room: &str,
        token: Option<String>,
    ) -> Result<(), Failed> {
        if self.public.iter().any(|pattern| pattern.matches(room)) {
            return Ok(());
        }
        if let (Some(tokens), Some(token)) = (&self.tokens, &token) {
            let user = match tokens.verify(token, room, asked.sender().now()) {
                Ok(user) => user,
                Err(TokenError::Expired) => {
                    let error = Error::client("token_expired", "the room token has expired");
                    return Err(error.into());
                }
                Err(TokenError::Forbidden) => {
                    return Err(forbidden("the token does not allow this room"));
                }
            };
            let Some(user) = user else { return Ok(()) };
            let (event, at) = (asked.event, asked.event.context.connected_at());
            let found = event
                .record_cache
                .user(asked.sender(), asked.connection_id(), at);
            return match found.await?.as_ref() == Some(&user) {
                true => Ok(()),
                false => Err(forbidden("the token is for another user")),
            };
        }
        let Some(authorize) = &self.authorize else {
            if self.public.is_empty() && self.tokens.is_none() {
                error!(
                    room,
                    "no client may subscribe to any room; fix: `Channels::authorize`, `Channels::tokens` or \
                     `Channels::public`"
                );
            }
            return Err(forbidden("this room is not open to this client"));
        };
        let asks = Event {
            data: Subscribe::new(room.to_owned(), token),
            extensions: asked.event.extensions.clone(),
            context: asked.event.context.clone(),
            sender: asked.sender().clone(),
            record_cache: asked.event.record_cache.clone(),
        };
        match authorize.call(asks).await {
            Response {
                body: Body::Failure(error),
                ..
            } => Err(error.into()),
            response if response.status.is_success() => Ok(()),
            _ => Err(forbidden("this room is not open to this client")),
        }
    }
}

fn forbidden(message: &'static str) -> Failed {
    Error::forbidden(message).into()
}

fn response(
    kind: &'static str,
    room: &str,
    id: Option<&RawValue>,
    part: Option<LogPart>,
) -> Result<Response, Failed> {
    text(&RoomFrame {
        kind,
        room,
        id,
        part,
    })
}

pub(super) fn text(frame: &impl Serialize) -> Result<Response, Failed> {
    let payload = Json(frame).into_payload().map_err(|error| match error {
        SendError::TooLarge => bad_frame("the answer is too large: expected shorter names and ids"),
        error => error.into(),
    })?;
    Ok(Response {
        body: Body::Text(payload),
        ..Response::default()
    })
}

/// Closes a connection without a record. Its client connects again.
async fn dismiss(sender: &Sender, id: &ConnectionId) {
    let bye = Bye::new("unknown").retry(RETRY);
    match sender.close_with(id, bye).await {
        Ok(()) => debug!("a connection without a record is closed"),
        Err(SendError::Gone) => debug!("a connection without a record is gone"),
        Err(error) => error!(
            error = &error as &dyn StdError,
            "a connection without a record is not closed"
        ),
    }
}
