//! The handlers and the router. A client receives the messages of its room.

use crate::name::Name;
use crate::protocol::{ConnectQuery, Direct, Join, Outgoing, Say, Who};
use crate::rooms::{Place, channels, is_log, name_of};
use http::StatusCode;
use lambda_ws::{
    Accept, Connection, ConnectionId, Error, Json, Opening, PresenceChange, Protocols, Query,
    Rooms, Router, Sender, User,
};
use std::time::Duration;

/// The sub-protocol of plain clients. A client that offers none is a plain client as well.
const PLAIN: &str = "chat.v1";

/// The sub-protocol of clients that subscribe to lossless rooms.
const LOSSLESS: &str = "chat.lossless.v1";

const LOBBY: &str = "lobby";

/// The maximum number of users in a list. It limits the cost of a large room.
const MAX_USERS: usize = 100;

/// The time within which a user can reconnect without a `left` message, for example while the page reloads.
const GRACE: Duration = Duration::from_secs(2);

pub(crate) fn router() -> Router {
    Router::new()
        .channels(channels())
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
    me.user(user.as_str())?;
    if let Some(accept) = protocols.choose(&[LOSSLESS]) {
        return Ok(accept);
    }
    me.join(room.as_str())?;
    Ok(protocols.choose(&[PLAIN]).unwrap_or_default())
}

/// Sends the welcome message to a new plain client. The others subscribe to a room later.
async fn welcome(
    me: Connection,
    User(user): User,
    rooms: Rooms,
    sender: Sender,
) -> Result<(), Error> {
    let Some(room) = rooms.0.iter().find(|room| !is_log(room)) else {
        return Ok(());
    };
    let (user, users) = (&user, &Place::new(&sender, room).users(MAX_USERS).await?);
    let (users, more) = (&users.0, users.1);
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
    User(user): User,
    rooms: Rooms,
    sender: Sender,
    Json(say): Json<Say>,
) -> Result<(), Error> {
    let room = chosen_room(&rooms, say.room.as_ref())?;
    Place::new(&sender, room)
        .say(&user, say.text.checked()?)
        .await
}

async fn join(me: Connection, Json(join): Json<Join>) -> Result<(), Error> {
    let room = join.room.as_str();
    me.switch_room(room).await?;
    me.send(Json(Outgoing::Entered { room })).await?;
    Ok(())
}

async fn who(
    me: Connection,
    rooms: Rooms,
    sender: Sender,
    Json(who): Json<Who>,
) -> Result<(), Error> {
    let room = chosen_room(&rooms, who.room.as_ref())?;
    let (users, more) = &Place::new(&sender, room).users(MAX_USERS).await?;
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
    let (users, room) = (&*users, name_of(&room));
    let joined = Outgoing::Joined { users, room };
    Place::new(&sender, room)
        .announce(joined, Some(&newcomer))
        .await
}

async fn left(
    PresenceChange { room, users, .. }: PresenceChange,
    sender: Sender,
) -> Result<(), Error> {
    let (users, room) = (&*users, name_of(&room));
    let left = Outgoing::Left { users, room };
    Place::new(&sender, room).announce(left, None).await
}

/// Returns the room that a message is for: the one that it names, or the first one of its connection.
fn chosen_room<'a>(rooms: &'a Rooms, named: Option<&Name>) -> Result<&'a str, Error> {
    let mut names = rooms.0.iter().map(|room| name_of(room));
    match named {
        None => names.next().ok_or_else(|| {
            Error::client(
                "not_in_room",
                "the connection is not in a room: subscribe to one first",
            )
        }),
        Some(named) => names.find(|name| *name == named.as_str()).ok_or_else(|| {
            let name = named.as_str();
            let message = format!("the connection is not in `{name}`: subscribe to the room first");
            Error::client("not_in_room", message)
        }),
    }
}
