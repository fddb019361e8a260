//! The handlers and the router. Each client is in one room and receives the messages of that room.

use crate::name::Name;
use crate::protocol::{ConnectQuery, Direct, Join, Outgoing, Say};
use http::StatusCode;
use lambda_ws::{
    Accept, Connection, ConnectionId, Error, Json, Opening, PresenceChange, Protocols, Query,
    Rooms, Router, Sender, User,
};
use std::time::Duration;

/// The sub-protocol that the chat accepts if a client offers it.
const PROTOCOL: &str = "chat.v1";

const LOBBY: &str = "lobby";

/// The maximum number of users in a list. It limits the cost of a large room.
const MAX_USERS: usize = 100;

/// The time within which a user can reconnect without a `left` message, for example while the page reloads.
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
    Query(query): Query<ConnectQuery>,
    protocols: Protocols,
) -> Result<Accept, Error> {
    let user = Name::try_from(query.user.unwrap_or_default()).map_err(|problem| {
        Error::client("bad_user", problem).with_status(StatusCode::UNAUTHORIZED)
    })?;
    let room = Name::try_from(query.room.unwrap_or_else(|| LOBBY.to_owned()))
        .map_err(|problem| Error::client("bad_room", problem))?;
    let (user, room) = (user.as_str(), room.as_str());
    me.user(user)?;
    me.join(room)?;
    Ok(protocols.choose(&[PROTOCOL]).unwrap_or_default())
}

/// Sends the welcome message to a new client.
async fn welcome(
    me: Connection,
    User(user): User,
    rooms: Rooms,
    sender: Sender,
) -> Result<(), Error> {
    let (user, room) = (&user, current_room(&rooms)?);
    let (users, more) = &sender.presence(room).first(MAX_USERS).await?;
    let more = *more;
    let welcome = Outgoing::Welcome {
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
    Json(say): Json<Say>,
) -> Result<(), Error> {
    let (room, text) = (current_room(&rooms)?, say.text.checked()?);
    let user = &user;
    me.room(room)
        .send(Json(Outgoing::Said { user, room, text }))
        .await?;
    Ok(())
}

async fn join(me: Connection, Json(join): Json<Join>) -> Result<(), Error> {
    let room = join.room.as_str();
    me.switch_room(room).await?;
    me.send(Json(Outgoing::Entered { room })).await?;
    Ok(())
}

async fn who(me: Connection, rooms: Rooms, sender: Sender) -> Result<(), Error> {
    let room = current_room(&rooms)?;
    let (users, more) = &sender.presence(room).first(MAX_USERS).await?;
    let more = *more;
    me.send(Json(Outgoing::Members { room, users, more }))
        .await?;
    Ok(())
}

async fn direct(User(user): User, sender: Sender, Json(direct): Json<Direct>) -> Result<(), Error> {
    let (to, text) = (direct.to.as_str(), direct.text.checked()?);
    let message = Outgoing::Direct { user: &user, text };
    let delivery = sender.user(to).send(Json(message)).await?;
    match delivery.failures.into_iter().next() {
        _ if delivery.sent > 0 => Ok(()),
        Some((_, error)) => Err(error.into()),
        None => Err(Error::client(
            "no_such_user",
            format!("the user `{to}` is not connected"),
        )),
    }
}

async fn joined(
    PresenceChange { room, users, .. }: PresenceChange,
    newcomer: ConnectionId,
    sender: Sender,
) -> Result<(), Error> {
    let joined = Json(Outgoing::Joined {
        users: &users,
        room: &room,
    });
    sender.room(&room).except(&newcomer).send(joined).await?;
    Ok(())
}

async fn left(
    PresenceChange { room, users, .. }: PresenceChange,
    sender: Sender,
) -> Result<(), Error> {
    let left = Json(Outgoing::Left {
        users: &users,
        room: &room,
    });
    sender.room(&room).send(left).await?;
    Ok(())
}

/// Returns the room of a connection.
fn current_room(rooms: &Rooms) -> Result<&str, Error> {
    let room = rooms.0.first().map(String::as_str);
    room.ok_or_else(|| {
        "the connection does not have a room: expected one room, joined in connect".into()
    })
}
