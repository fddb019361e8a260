//! A chat: each client is in one room and receives its messages.

use crate::name::Name;
use crate::protocol::{Direct, Heard, Join, Say, Who};
use http::StatusCode;
use lambda_ws::{
    Accept, Connection, ConnectionId, Error, Json, Opening, PresenceChange, Protocols, Query,
    Rooms, Router, Sender, User,
};
use std::time::Duration;

/// The sub-protocol, for clients that offer one.
const PROTOCOL: &str = "chat.v1";

const LOBBY: &str = "lobby";

/// The most users that a list names: it costs the same in any larger room.
const MOST_USERS: usize = 100;

/// How long a user may be away, for example while a page is loaded again, before the room is told.
const GRACE: Duration = Duration::from_secs(2);

pub(crate) fn router() -> Router {
    Router::new()
        .connect(connect)
        .opened(welcome)
        .joined(joined)
        .left(left)
        .grace(GRACE)
        .route("say", say)
        .route("join", join)
        .route("who", who)
        .route("direct", direct)
}

async fn connect(
    me: Opening,
    Query(who): Query<Who>,
    protocols: Protocols,
) -> Result<Accept, Error> {
    let user = Name::try_from(who.user.unwrap_or_default()).map_err(|problem| {
        Error::client("bad_user", problem).with_status(StatusCode::UNAUTHORIZED)
    })?;
    let room = Name::try_from(who.room.unwrap_or_else(|| LOBBY.to_owned()))
        .map_err(|problem| Error::client("bad_room", problem))?;
    let (user, room) = (user.as_str(), room.as_str());
    me.user(user)?;
    me.join(room)?;
    Ok(protocols.choose(&[PROTOCOL]).unwrap_or_default())
}

/// Sends the first message to a client.
async fn welcome(
    me: Connection,
    User(user): User,
    rooms: Rooms,
    sender: Sender,
) -> Result<(), Error> {
    let (user, room) = (&user, the_room(&rooms)?);
    let (users, more) = &sender.presence(room).first(MOST_USERS).await?;
    let more = *more;
    let welcome = Heard::Welcome {
        user,
        room,
        users,
        more,
    };
    me.send(Json(welcome)).await?;
    Ok(())
}

async fn say(
    me: Connection,
    User(user): User,
    rooms: Rooms,
    Json(said): Json<Say>,
) -> Result<(), Error> {
    let (room, text) = (the_room(&rooms)?, said.text.checked()?);
    let user = &user;
    me.room(room)
        .send(Json(Heard::Said { user, room, text }))
        .await?;
    Ok(())
}

async fn join(me: Connection, Json(join): Json<Join>) -> Result<(), Error> {
    let room = join.room.as_str();
    me.switch_room(room).await?;
    me.send(Json(Heard::Entered { room })).await?;
    Ok(())
}

async fn who(me: Connection, rooms: Rooms, sender: Sender) -> Result<(), Error> {
    let room = the_room(&rooms)?;
    let (users, more) = &sender.presence(room).first(MOST_USERS).await?;
    let more = *more;
    me.send(Json(Heard::Members { room, users, more })).await?;
    Ok(())
}

async fn direct(
    User(user): User,
    sender: Sender,
    Json(message): Json<Direct>,
) -> Result<(), Error> {
    let (to, text) = (message.to.as_str(), message.text.checked()?);
    let heard = Heard::Direct { user: &user, text };
    let delivery = sender.user(to).send(Json(heard)).await?;
    match delivery.failures.into_iter().next() {
        _ if delivery.sent > 0 => Ok(()),
        Some((_, error)) => Err(error.into()),
        None => Err(Error::client("no_such_user", format!("`{to}` is not here"))),
    }
}

async fn joined(
    PresenceChange { room, users }: PresenceChange,
    newcomer: ConnectionId,
    sender: Sender,
) -> Result<(), Error> {
    let joined = Json(Heard::Joined {
        users: &users,
        room: &room,
    });
    sender.room(&room).except(&newcomer).send(joined).await?;
    Ok(())
}

async fn left(PresenceChange { room, users }: PresenceChange, sender: Sender) -> Result<(), Error> {
    let left = Json(Heard::Left {
        users: &users,
        room: &room,
    });
    sender.room(&room).send(left).await?;
    Ok(())
}

/// The room a connection is in.
fn the_room(rooms: &Rooms) -> Result<&str, Error> {
    let room = rooms.0.first().map(String::as_str);
    room.ok_or_else(|| "the connection is in no room".into())
}
