//! The frames of the server.

use super::link::{Member, Status};
use super::{Effect, Machine};
use crate::error::Error;
use crate::protocol::{self, Json};
use crate::room::RoomEffect;
use serde_json::Value;

impl Machine {
    /// Takes a text message of a connection.
    pub(crate) fn frame(&mut self, socket: u64, text: String) {
        if self.find(socket).is_none() {
            return;
        }
        let mut frame = match serde_json::from_str(&text) {
            Ok(Value::Object(frame)) if frame.contains_key("$") => frame,
            _ => return self.effects.push(Effect::App(text)),
        };
        let Some(Value::String(kind)) = frame.remove("$") else {
            return;
        };
        match kind.as_str() {
            "message" => self.message(socket, frame),
            "subscribed" => self.subscribed(socket, frame),
            "unsubscribed" => {
                if let Some((member, Status::Leaving)) = self.awaiting(socket, &frame)
                    && let Some(link) = self.find(socket)
                {
                    link.remove(member);
                }
            }
            "pong" => self.pong(socket, frame),
            "reply" => {
                let data = frame.remove("data").unwrap_or_default();
                self.reply(frame.get("id"), Ok(data));
            }
            "error" => self.error(socket, &frame),
            "bye" => self.bye(socket, &frame),
            _ => {}
        }
    }

    fn message(&mut self, socket: u64, mut frame: Json) {
        let Some(position) = protocol::position(&frame) else {
            return;
        };
        let now = self.now;
        let Some(name) = frame.get("room").and_then(Value::as_str) else {
            return;
        };
        let Some(index) = self.rooms.iter().position(|room| room.name == name) else {
            return;
        };
        if !self.find(socket).is_some_and(|link| link.has(name)) {
            return;
        }
        let is_current = self.link.as_ref().is_some_and(|link| link.socket == socket);
        let data = frame.remove("data").unwrap_or_default();
        let room = &mut self.rooms[index];
        let effects = match position {
            Some(position) => room.room.receive(position, data, now),
            // Without positions, only one connection counts. Otherwise messages arrive twice during a replacement.
            None if is_current => vec![RoomEffect::Message(data, None)],
            None => return,
        };
        let key = room.key;
        self.push_room(key, effects);
    }

    fn push_room(&mut self, key: u64, effects: Vec<RoomEffect>) {
        let effects = effects.into_iter().map(|effect| Effect::Room(key, effect));
        self.effects.extend(effects);
    }

    fn subscribed(&mut self, socket: u64, mut frame: Json) {
        let Some((serial, Status::Joining)) = self.awaiting(socket, &frame) else {
            return;
        };
        let Some(answer) = protocol::answer(&mut frame) else {
            return;
        };
        let now = self.now;
        let Some(link) = self.find(socket) else {
            return;
        };
        let Some(member) = link.get(serial) else {
            return;
        };
        let (key, since) = (member.room, member.since.take());
        link.joined(serial);
        let Some(wanted) = self.wanted(key) else {
            return;
        };
        let room = &mut wanted.room;
        room.failures = 0;
        let subscribed = Effect::Subscribed {
            room: key,
            position: room.position.clone().or_else(|| answer.position.clone()),
            recovered: answer.recovered,
        };
        let effects = room.answer(answer, since.as_ref(), now);
        self.effects.push(subscribed);
        self.push_room(key, effects);
    }

    fn pong(&mut self, socket: u64, mut frame: Json) {
        let now = self.now;
        let Some(link) = self.find(socket) else {
            return;
        };
        let id = frame.get("id");
        let Some(ping) = link.ping.take_if(|ping| id.is_none_or(|id| *id == ping.id)) else {
            return;
        };
        let mut rooms = match frame.remove("rooms") {
            Some(Value::Object(rooms)) => rooms,
            _ => Json::new(),
        };
        for (serial, since) in ping.sent {
            let Some(link) = self.find(socket) else {
                return;
            };
            let Some(Member {
                room: key, name, ..
            }) = link.get(serial)
            else {
                continue;
            };
            let (key, name) = (*key, name.clone());
            let has_left = frame.get("left").is_some_and(|left| contains(left, &name));
            if has_left {
                link.remove(serial);
            }
            let Some(wanted) = self.wanted(key) else {
                continue;
            };
            let answer = rooms.get_mut(&name);
            let is_there = answer.is_some();
            let answer = answer
                .and_then(Value::as_object_mut)
                .and_then(protocol::answer);
            match answer {
                Some(answer) => {
                    let effects = wanted.room.answer(answer, Some(&since), now);
                    self.push_room(key, effects);
                }
                None => wanted.room.no_answer(now, is_there),
            }
        }
    }

    fn bye(&mut self, socket: u64, frame: &Json) {
        let retry = match frame.get("retry") {
            None | Some(Value::Null) => None,
            Some(retry) => match retry.as_f64() {
                Some(retry) if retry >= 0.0 => Some(retry as u64),
                _ => return,
            },
        };
        let code = frame.get("code").and_then(Value::as_str).unwrap_or("bye");
        let error = Error::new(code, format!("the server closed the connection: {code}"));
        match retry {
            None => self.close_with(Some(error)),
            Some(retry) => self.lose(socket, error.retrying(true), Some(retry)),
        }
    }

    fn error(&mut self, socket: u64, frame: &Json) {
        let text = |name: &str| frame.get("error")?.get(name)?.as_str();
        let code = text("code").unwrap_or("unknown");
        let error = Error::new(code, text("message").unwrap_or(code));
        let error = error.with_request_id(text("requestId"));
        let id = frame.get("id");
        if self.requests.iter().any(|call| is_id(id, call.id)) {
            return self.reply(id, Err(error));
        }
        let has_failed = matches!(code, "unavailable" | "internal" | "too_many_requests");
        let now = self.now;
        let awaiting = self.awaiting(socket, frame);
        let Some(link) = self.find(socket) else {
            return;
        };
        match awaiting {
            Some((serial, Status::Leaving)) if has_failed => self.stays(socket, serial),
            Some((serial, Status::Leaving)) => {
                link.remove(serial);
            }
            Some((serial, _)) => {
                let asks = link.get(serial).is_some_and(|member| member.has_asked);
                let again = has_failed || (code == "token_expired" && asks);
                self.refused(socket, serial, error.retrying(again));
            }
            None => match link.ping.take_if(|ping| is_id(id, Some(ping.id))) {
                Some(ping) => {
                    let keys = ping.sent.iter();
                    let keys = keys.filter_map(|(serial, _)| Some(link.get(*serial)?.room));
                    for key in keys.collect::<Vec<_>>() {
                        if let Some(wanted) = self.wanted(key) {
                            wanted.room.no_answer(now, true);
                        }
                    }
                }
                None => self.effects.push(Effect::Error(error)),
            },
        }
    }

    fn reply(&mut self, id: Option<&Value>, result: Result<Value, Error>) {
        let index = self.requests.iter().position(|call| is_id(id, call.id));
        if let Some(index) = index {
            let call = self.requests.remove(index);
            self.effects.push(Effect::Settled(call.key, result));
        }
    }

    /// Returns the room on a connection that waits for this answer.
    fn awaiting(&mut self, socket: u64, frame: &Json) -> Option<(u64, Status)> {
        let (id, room) = (frame.get("id"), frame.get("room"));
        let members = &self.find(socket)?.members;
        let member = members.iter().find(|member| match id {
            Some(_) => is_id(id, member.id),
            None => member.id.is_some() && room.is_some_and(|room| *room == member.name),
        })?;
        Some((member.serial, member.status))
    }
}

fn is_id(value: Option<&Value>, id: Option<u64>) -> bool {
    id.is_some() && value.and_then(Value::as_u64) == id
}

fn contains(left: &Value, name: &str) -> bool {
    match left {
        Value::Array(names) => names.iter().any(|one| one == name),
        one => one == name,
    }
}
