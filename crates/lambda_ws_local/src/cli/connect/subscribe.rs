//! `connect --subscribe`: prints the messages of lossless rooms.

use super::{Connect, next_line};
use crate::cli::output::Style;
use crate::cli::signals::Signals;
use futures_util::stream::{BoxStream, SelectAll};
use futures_util::{StreamExt, stream};
use lambda_ws_client::{
    BoxError, Client, Error, Gap, Handshake, Message, Position, RoomEvent, State, Status,
};
use lambda_ws_local::emulator::Failure;
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, BufReader};

/// Reads a position as it is printed.
pub(super) fn position(text: &str) -> Result<Position, String> {
    let parts = text.rsplit_once(':');
    let read = parts.and_then(|(epoch, seq)| Some(Position::new(epoch, seq.parse().ok()?)));
    read.filter(|position| !position.epoch.is_empty())
        .ok_or_else(|| "expected EPOCH:SEQ, such as 0mk0ztxmo:57".to_owned())
}

/// What happens in a room.
enum Happening {
    Event(RoomEvent),
    /// The subscription has ended, with an error or because the client is closed.
    End(Option<Error>),
}

type Happenings = SelectAll<BoxStream<'static, (String, Happening)>>;

impl Connect {
    /// Prints the messages of the rooms until a signal, or until no subscription is left.
    pub(super) async fn follow(self) -> Result<(), Failure> {
        let mut signals = Signals::listen()?;
        if self.since.is_some() && self.subscribe.len() > 1 {
            return Err(Failure::new(
                "--since is the position of one room: expected one --subscribe",
            ));
        }
        // Checks the arguments, which would otherwise fail on each attempt.
        self.request()?;
        let this = Arc::new(self);
        let connect = this.clone();
        let handshake = move || std::future::ready(connect.handshake());
        let client = Client::builder(&this.url).handshake(handshake).connect();
        let mut rooms = this.join(&client);
        let printed = this.print(&client, &mut rooms, &mut signals).await;
        client.close().await;
        printed
    }

    /// Returns the handshake of one attempt. A signature is valid for 5 minutes only.
    fn handshake(&self) -> Result<Handshake, BoxError> {
        let request = self
            .request()
            .map_err(|failure| failure.text().to_owned())?;
        let mut handshake = Handshake::new(&self.url);
        for (name, value) in request.headers() {
            // The client adds the headers of a websocket itself.
            let own = name.as_str().starts_with("sec-websocket-");
            if !own && !["host", "connection", "upgrade"].contains(&name.as_str()) {
                handshake = handshake.header(name.clone(), value.clone());
            }
        }
        let protocols = self.protocol.iter();
        Ok(protocols.fold(handshake, |handshake, name| handshake.protocol(name)))
    }

    fn join(&self, client: &Client) -> Happenings {
        let joined = self.subscribe.iter().map(|name| {
            let mut room = client.room(name);
            if let Some(since) = &self.since {
                room = room.since(since.clone());
            }
            if let Some(token) = &self.token {
                room = room.token(token);
            }
            let events = stream::unfold(Some(room.subscribe()), async |room| {
                let mut room = room?;
                let name = room.name().to_owned();
                match room.next().await {
                    Some(event) => Some(((name, Happening::Event(event)), Some(room))),
                    None => Some(((name, Happening::End(room.error())), None)),
                }
            });
            events.boxed()
        });
        stream::select_all(joined)
    }

    async fn print(
        &self,
        client: &Client,
        rooms: &mut Happenings,
        signals: &mut Signals,
    ) -> Result<(), Failure> {
        let style = Style::stderr();
        let interactive = std::io::stdin().is_terminal();
        let mut input = Some(BufReader::new(tokio::io::stdin()).lines());
        let (mut messages, mut errors) = (client.messages(), client.errors());
        let mut watched = client.clone();
        let mut is_lost = false;
        let mut positions = BTreeMap::new();
        let mut refused = None;
        let end = loop {
            tokio::select! {
                happening = rooms.next() => match happening {
                    Some((room, Happening::Event(event))) => print_event(&room, event, &mut positions)?,
                    Some((room, Happening::End(error))) => {
                        if let Some(error) = error {
                            refused = Some(Failure::new(format!("{room}: {}: {error}", error.code())));
                            eprintln!("{} {room}: {error}", style.bad("the subscription has ended:"));
                        }
                    }
                    None => break Err(refused.unwrap_or_else(|| closed(&client.status()))),
                },
                Ok(text) = messages.recv() => line(&text)?,
                Ok(error) = errors.recv() => eprintln!("{} {error}", style.bad(error.code())),
                status = watched.changed() => match status.state {
                    State::Open if is_lost => {
                        is_lost = false;
                        eprintln!("{}", style.good("connected again"));
                    }
                    State::Waiting => {
                        let why = status.last_error.filter(|_| !is_lost);
                        if let Some(error) = why {
                            if positions.is_empty() && error.code() == "rejected" {
                                break Err(Failure::new(error.to_string()));
                            }
                            eprintln!("{}", style.faint(&format!("{error}; connecting again")));
                        }
                        is_lost = true;
                    }
                    _ => {}
                },
                typed = next_line(&mut input) => match typed? {
                    Some(text) if text.is_empty() => {}
                    Some(text) => match serde_json::from_str::<serde_json::Value>(&text) {
                        Ok(message) => {
                            let client = client.clone();
                            // The queue is bounded by the client.
                            tokio::spawn(async move {
                                if let Err(error) = client.send(&message).await {
                                    eprintln!("not sent: {error}");
                                }
                            });
                        }
                        Err(error) => eprintln!("not sent: the line is not JSON: {error}"),
                    },
                    None if interactive => break Ok(()),
                    None => input = None,
                },
                () = signals.next() => break Ok(()),
            }
        };
        for (room, position) in &positions {
            let text = format!("{room} ends at {}", place(position.as_ref()));
            eprintln!("{}", style.faint(&text));
        }
        end
    }
}

/// Prints what happens in a room: one line for each message and each gap.
fn print_event(
    room: &str,
    event: RoomEvent,
    positions: &mut BTreeMap<String, Option<Position>>,
) -> Result<(), Failure> {
    let position = match event {
        RoomEvent::Subscribed { position, .. } => {
            if !positions.contains_key(room) {
                let text = format!("subscribed to {room} at {}", place(position.as_ref()));
                eprintln!("{}", Style::stderr().faint(&text));
            }
            position
        }
        RoomEvent::Message(Message { data, position, .. }) => {
            line(&format!("{room} {} {data}", place(position.as_ref())))?;
            position
        }
        RoomEvent::Gap(gap) => {
            line(&gap_line(room, &gap))?;
            gap.to
        }
        RoomEvent::Error(error) => {
            eprintln!("{room}: {error}; subscribing again");
            return Ok(());
        }
        _ => return Ok(()),
    };
    positions.insert(room.to_owned(), position);
    Ok(())
}

fn gap_line(room: &str, gap: &Gap) -> String {
    let lost = match gap.lost() {
        Some(1) => "1 message is lost".to_owned(),
        Some(lost) => format!("{lost} messages are lost"),
        None => "some messages may be lost".to_owned(),
    };
    let (from, to) = (place(Some(&gap.from)), place(gap.to.as_ref()));
    format!("{room} gap: {lost} after {from}, up to {to}")
}

/// A position as `--since` takes it, and `-` for a room without history.
fn place(position: Option<&Position>) -> String {
    position.map_or_else(|| "-".to_owned(), |p| format!("{}:{}", p.epoch, p.seq))
}

fn line(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{text}")?;
    stdout.flush()?;
    Ok(())
}

/// Returns why a client without subscriptions has ended.
fn closed(status: &Status) -> Failure {
    match &status.last_error {
        Some(error) => Failure::new(error.to_string()),
        None => Failure::new("the client is closed"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_is_printed() {
        let read = position("0mk0ztxmo:57").unwrap();
        assert_eq!(read, Position::new("0mk0ztxmo", 57));
        assert_eq!(place(Some(&read)), "0mk0ztxmo:57");
        for text in ["", "57", ":57", "0mk0ztxmo:", "0mk0ztxmo:x", "0mk0ztxmo:-1"] {
            assert!(position(text).unwrap_err().contains("EPOCH:SEQ"), "{text}");
        }
    }
}
