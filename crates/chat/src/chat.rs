//! Everybody is in one room and hears what is said in it.

use crate::name::Name;
use crate::protocol::{Direct, Heard, Join, Say, Who};
use futures_util::TryStreamExt;
use http::StatusCode;
use lambda_ws::{
    Accept, Connection, Error, Json, Opening, Protocols, Query, Rooms, Router, Sender, User,
};
use std::collections::BTreeSet;

/// The sub-protocol, for clients that offer one.
const PROTOCOL: &str = "chat.v1";

const LOBBY: &str = "lobby";

/// How many users `who` names, and how many members of a room it reads: it costs the same in any larger room.
const MOST_USERS: usize = 1000;

pub(crate) fn router() -> Router {
    Router::new()
        .connect(connect)
        .opened(welcome)
        .disconnect(disconnect)
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
    me.announce(room, Json(Heard::Joined { user, room }))?;
    Ok(protocols.choose(&[PROTOCOL]).unwrap_or_default())
}

/// What a client hears first.
async fn welcome(me: Connection, User(user): User, rooms: Rooms) -> Result<(), Error> {
    let (user, room) = (&user, the_room(&rooms)?);
    let (users, more) = members(&me, user, room).await?;
    let users = users.as_slice();
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

async fn join(me: Connection, User(user): User, Json(join): Json<Join>) -> Result<(), Error> {
    let (user, room) = (&user, join.room.as_str());
    let left = me.enter(room).await?;
    for old in &left {
        me.room(old)
            .send(Json(Heard::Left { user, room: old }))
            .await?;
    }
    if !left.is_empty() {
        let others = me.room(room).except(me.id());
        others.send(Json(Heard::Joined { user, room })).await?;
    }
    me.send(Json(Heard::Entered { room })).await?;
    Ok(())
}

async fn who(me: Connection, User(user): User, rooms: Rooms) -> Result<(), Error> {
    let room = the_room(&rooms)?;
    let (users, more) = members(&me, &user, room).await?;
    let users = users.as_slice();
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

async fn disconnect(user: Option<User>, rooms: Rooms, sender: Sender) -> Result<(), Error> {
    let Some(User(user)) = user else {
        return Ok(());
    };
    for room in &rooms.0 {
        let left = Heard::Left { user: &user, room };
        sender.room(room).send(Json(left)).await?;
    }
    Ok(())
}

/// The users of the first [`MOST_USERS`] members of a room and `user`, who is in it, and whether there are more members.
async fn members(me: &Connection, user: &str, room: &str) -> Result<(Vec<String>, bool), Error> {
    let others = me.room(room).except(me.id());
    let mut others = std::pin::pin!(others.records());
    let mut users = BTreeSet::from([user.to_owned()]);
    for _ in 1..MOST_USERS {
        match others.try_next().await? {
            Some(other) => users.extend(other.user),
            None => return Ok((users.into_iter().collect(), false)),
        }
    }
    let more = others.try_next().await?.is_some();
    Ok((users.into_iter().collect(), more))
}

/// The room a connection is in.
fn the_room(rooms: &Rooms) -> Result<&str, Error> {
    let room = rooms.0.first().map(String::as_str);
    room.ok_or_else(|| "the connection is in no room".into())
}
